"""A scripted stack as the client."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidSignature

from peers.scripted.manners import AnswerSeen, ListSeen, Refusal, RequestSeen, Stack, insist
from peers.scripted.peer import Flow, Remembered, ScriptedPeer, is_ecdhe, master_secret, proven
from tlcp.crypto.keys import PrivateKey
from tlcp.registry import ExtensionType as X
from tlcp.suites import CipherSuite
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheClientKeyExchange,
    EcdheClientKeyExchangeVector,
    EcdheParams,
    EcdheServerKeyExchange,
)
from tlcp.wire.extensions import (
    SignatureAlgorithms,
    SupportedGroups,
    alpn_extension,
    host_name_extension,
)
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Extension,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
    decode_handshake,
)
from tlcp.x509.certificate import Certificate as X509
from tlcp.x509.identity import Identity

_SCSV = 0x00FF


class ScriptedClient(ScriptedPeer):
    """The client; its ClientHello is ready from the start.

    Args:
        stack: whose habits and demands it has.
        identity: its certificates, None for none.
        ca: the CA of both sides.
        suites: what it offers, None for all that the stack has.
        name: host name that it asks for, "" for none.
        protocols: application protocols that it offers.
        session: to continue.
        captured: a ClientHello to send as it is, header included.
    """

    role, other = "client", "server"

    def __init__(
        self,
        stack: Stack,
        identity: Identity | None,
        ca: X509,
        *,
        suites: tuple[CipherSuite, ...] | None = None,
        name: str = "",
        protocols: tuple[str, ...] = (),
        session: Remembered | None = None,
        captured: bytes = b"",
    ) -> None:
        self._suites, self._name = suites or stack.habits.suites, name
        self._protocols, self._session, self._captured = protocols, session, captured
        self.session: Remembered | None = None
        super().__init__(stack, identity, ca)

    # ---- ClientHello ----------------------------------------------------------------------------

    def _hello(self) -> ClientHello:
        if self._captured:
            hello = decode_handshake(self._captured)
            if not isinstance(hello, ClientHello):
                raise AssertionError("this is no ClientHello")
            return hello
        ids = tuple(suite.id for suite in self._suites)
        ids += (_SCSV,) if self.habits.scsv else ()
        asked = self._session.id if self._session is not None else b""
        extensions = tuple(e for kind in self.habits.offers for e in self._offer(kind))
        return ClientHello(0x0101, os.urandom(32), asked, ids, b"\0", extensions or None)

    def _offer(self, kind: int) -> list[Extension]:
        if kind == X.SERVER_NAME:
            return [host_name_extension(self._name)] if self._name else []
        if kind == X.ALPN:
            return [alpn_extension(self._protocols)] if self._protocols else []
        bodies = {
            X.SUPPORTED_GROUPS: SupportedGroups((41,)).to_bytes(),
            X.SIGNATURE_ALGORITHMS: SignatureAlgorithms(
                self.habits.signature_algorithms
            ).to_bytes(),
            X.EC_POINT_FORMATS: b"\x03\x00\x01\x02",
            X.SESSION_TICKET: self._session.ticket if self._session is not None else b"",
            X.RENEGOTIATION_INFO: b"\0",
        }
        return [Extension(kind, bodies.get(X(kind), b""))]

    # ---- the handshake --------------------------------------------------------------------------

    def _handshake(self) -> Flow[None]:
        hello = self._hello()
        self._say_raw(self._captured or hello.encode())
        answer = yield from self._message(ServerHello)
        offered = frozenset(e.type for e in hello.extensions or ())
        if _SCSV in hello.cipher_suites:
            offered |= {X.RENEGOTIATION_INFO}
        insist(self.demands.answer, AnswerSeen(answer, offered))
        suite = next((s for s in self._suites if s.id == answer.cipher_suite), None)
        if suite is None or answer.cipher_suite not in hello.cipher_suites:
            raise Refusal("a suite that was not offered", 47)
        types = {e.type for e in answer.extensions or ()}
        if types & {X.ENCRYPT_THEN_MAC, X.EXTENDED_MASTER_SECRET}:
            raise AssertionError("our server must never agree to either")
        randoms, promised = (hello.random, answer.random), X.SESSION_TICKET in types
        old = self._session
        if old is not None and answer.session_id and answer.session_id == hello.session_id:
            yield from self._resume(suite, old, randoms, promised=promised)
        else:
            yield from self._full(suite, randoms, promised=promised)
            if answer.session_id and not promised:
                self.session = Remembered(suite, self.master, answer.session_id)

    def _resume(
        self,
        suite: CipherSuite,
        old: Remembered,
        randoms: tuple[bytes, bytes],
        *,
        promised: bool,
    ) -> Flow[None]:
        if suite != old.suite:
            raise Refusal("a session continued with another suite", 47)
        self.resumed = True
        self._agree(suite, old.master, randoms)
        if promised:
            yield from self._message(NewSessionTicket)
        yield from self._finished()
        self._finish()

    def _full(
        self, suite: CipherSuite, randoms: tuple[bytes, bytes], *, promised: bool
    ) -> Flow[None]:
        message = yield from self._message(Certificate)
        listed = ListSeen(tuple(map(X509.from_der, message.certificates)), is_ecdhe(suite))
        insist(self.demands.server_list, listed)
        exchange = yield from self._message(ServerKeyExchange)
        point = self._check_exchange(suite, exchange.body, listed, b"".join(randoms))
        request = yield from self._any_message()
        asked = isinstance(request, CertificateRequest)
        if isinstance(request, CertificateRequest):
            self._check_request(suite, request)
            yield from self._message(ServerHelloDone)
        elif not isinstance(request, ServerHelloDone):
            raise Refusal(f"{type(request).__name__} where ServerHelloDone was due", 10)
        self._flight(suite, listed, point, randoms, asked=asked)
        self._finish()
        if promised:
            ticket = (yield from self._message(NewSessionTicket)).ticket
            self.session = Remembered(suite, self.master, os.urandom(32), ticket)
        yield from self._finished()

    def _check_exchange(
        self, suite: CipherSuite, body: bytes, listed: ListSeen, randoms: bytes
    ) -> bytes:
        """The server's ephemeral point, empty in ECC suites."""
        enc, point = listed.certificates[1].der, b""
        if is_ecdhe(suite):
            ecdhe = EcdheServerKeyExchange.from_bytes(body)
            if self.demands.curves and ecdhe.params.named_curve not in self.demands.curves:
                raise Refusal(f"curve {ecdhe.params.named_curve}", 47)
            signed, signature = randoms + ecdhe.params.to_bytes(), ecdhe.signature
            point = ecdhe.params.point
        else:
            signed = randoms + len(enc).to_bytes(3, "big") + enc
            signature = EccServerKeyExchange.from_bytes(body).signature
        try:
            listed.certificates[0].public_key.verify(signature, signed)
        except InvalidSignature:
            raise Refusal("a wrong ServerKeyExchange", self.demands.bad_exchange) from None
        return point

    def _sent_list(self, suite: CipherSuite) -> tuple[bytes, ...]:
        single = self.habits.single_client_certificate and not is_ecdhe(suite)
        return self._certificate_list(with_enc=not single)

    def _check_request(self, suite: CipherSuite, request: CertificateRequest) -> None:
        sent = self._sent_list(suite)
        issuer = X509.from_der(sent[-1]).issuer_der if sent else b""
        types, names = request.certificate_types, request.certificate_authorities
        insist(self.demands.request, RequestSeen(types, names, issuer))

    def _flight(
        self,
        suite: CipherSuite,
        listed: ListSeen,
        point: bytes,
        randoms: tuple[bytes, bytes],
        *,
        asked: bool,
    ) -> None:
        if asked:
            self._say(Certificate(self._sent_list(suite)))
        body, pre_master = self._share(suite, listed, point)
        self._say(ClientKeyExchange(body))
        if asked and self.identity is not None:
            signed = self._transcript if self.habits.raw_verify else proven(suite, self._transcript)
            self._say(CertificateVerify(self.identity.sign_key.sign(signed)))
        self._agree(suite, master_secret(suite, pre_master, randoms), randoms)

    def _share(self, suite: CipherSuite, listed: ListSeen, point: bytes) -> tuple[bytes, bytes]:
        enc = listed.certificates[1]
        if not is_ecdhe(suite):
            pre_master = b"\x01\x01" + os.urandom(46)
            return EccClientKeyExchange(enc.public_key.encrypt(pre_master)).to_bytes(), pre_master
        if self.identity is None or not isinstance(self.identity.enc_key, PrivateKey):
            raise Refusal("a client without certificates gives up", 80)
        agreement = self.identity.enc_key.begin_key_exchange()
        params = EcdheParams(3, self.habits.curve, agreement.ephemeral_point)
        form = EcdheClientKeyExchangeVector if self.habits.point_vector else EcdheClientKeyExchange
        pre_master = agreement.derive(
            peer_point=enc.public_point,
            peer_ephemeral_point=point,
            initiator=self.habits.client_first,
        )
        return form(params).to_bytes(), pre_master
