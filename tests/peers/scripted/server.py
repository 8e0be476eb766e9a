"""A scripted stack as the server."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidSignature

from peers.scripted.manners import HelloSeen, ListSeen, Refusal, Stack, insist
from peers.scripted.peer import Flow, Remembered, ScriptedPeer, is_ecdhe, master_secret, proven
from tlcp.crypto.keys import KeyAgreement, PrivateKey
from tlcp.errors import TLCPError
from tlcp.registry import ExtensionType as X
from tlcp.suites import ALL_SUITES, CipherSuite
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheParams,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.extensions import (
    ProtocolNameList,
    alpn_extension,
    decode_extension,
    find_extension,
)
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Extension,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from tlcp.x509.certificate import Certificate as X509
from tlcp.x509.identity import Identity

OCSP_RESPONSE = b"0\x03\n\x01\x06"  # OCSPResponse: unauthorized
_SCSV = 0x00FF
_TICKET_LIFETIME_S = 7200


class ScriptedServer(ScriptedPeer):
    """The server.

    Args:
        stack: whose habits and demands it has.
        identity: its certificates.
        ca: the CA of both sides.
        mutual: ask for the client's certificates and insist on them.
        suites: what it is configured with, None for all that the stack has.
        names, protocols: host names and application protocols that it has.
        memory: its sessions, by id and by ticket; give the same to a later connection.
        list_as_is: send these certificates and no others.
    """

    role, other = "server", "client"

    def __init__(
        self,
        stack: Stack,
        identity: Identity,
        ca: X509,
        *,
        mutual: bool = True,
        suites: tuple[CipherSuite, ...] | None = None,
        names: tuple[str, ...] = (),
        protocols: tuple[str, ...] = (),
        memory: dict[bytes, Remembered] | None = None,
        list_as_is: tuple[bytes, ...] | None = None,
    ) -> None:
        self._mutual, self._suites = mutual, suites or stack.habits.suites
        self._names, self._protocols = names, protocols
        self._memory = memory if memory is not None else {}
        self._list_as_is, self._own = list_as_is, identity
        self._agreement: KeyAgreement | None = None
        super().__init__(stack, identity, ca)

    def _handshake(self) -> Flow[None]:
        hello = yield from self._message(ClientHello)
        insist(self.demands.hello, HelloSeen(hello, self._names, self._protocols))
        session = self._recall(hello)
        if session is not None:
            yield from self._resume(hello, session)
            return
        suite = self._pick(hello)
        randoms = self._answer(hello, suite, session)
        self._flight(hello, suite, randoms)
        yield from self._client_flight(suite, randoms)
        yield from self._finished()
        self._give_ticket(hello)
        self._finish()
        self._remember(Remembered(suite, self.master), self._session_id)

    def _resume(self, hello: ClientHello, session: Remembered) -> Flow[None]:
        self.resumed = True
        randoms = self._answer(hello, session.suite, session)
        self._agree(session.suite, session.master, randoms)
        self._finish()
        yield from self._finished()

    # ---- the answer ---------------------------------------------------------------------------

    def _pick(self, hello: ClientHello) -> CipherSuite:
        ours = [suite.id for suite in self._suites]
        common = [i for i in hello.cipher_suites if i in ours]
        if not self.habits.obeys_client:
            common = [i for i in ours if i in hello.cipher_suites]
        if not common:
            raise Refusal("no common suite", self.habits.no_suite)
        return ALL_SUITES[common[0]]

    def _recall(self, hello: ClientHello) -> Remembered | None:
        ticket = find_extension(hello.extensions, X.SESSION_TICKET)
        wanted = hello.session_id
        if ticket is not None and ticket.data and self.habits.gives_tickets():
            wanted = ticket.data
        return self._memory.get(wanted) if wanted and self.habits.resumes else None

    def _remember(self, session: Remembered, key: bytes) -> None:
        if key and self.habits.resumes:
            self._memory[key] = session

    def _takes_ticket(self, hello: ClientHello) -> bool:
        offered = find_extension(hello.extensions, X.SESSION_TICKET) is not None
        return offered and self.habits.gives_tickets()

    def _answer(
        self, hello: ClientHello, suite: CipherSuite, session: Remembered | None
    ) -> tuple[bytes, bytes]:
        random = os.urandom(32 - len(self.habits.sentinel)) + self.habits.sentinel
        named = self.habits.names_sessions and not self._takes_ticket(hello)
        self._session_id = os.urandom(32) if named else b""
        if session is not None:
            self._session_id = hello.session_id
        answers = self._extensions(hello, suite, resumed=session is not None) or None
        self._say(ServerHello(0x0101, random, self._session_id, suite.id, 0, answers))
        return hello.random, random

    def _extensions(
        self, hello: ClientHello, suite: CipherSuite, *, resumed: bool
    ) -> tuple[Extension, ...]:
        offered = {e.type for e in hello.extensions or ()}
        if _SCSV in hello.cipher_suites:
            offered.add(X.RENEGOTIATION_INFO)
        bodies = {X.RENEGOTIATION_INFO: b"\0", X.STATUS_REQUEST: self._status()}
        found = []
        for kind in self.habits.answers:
            cbc_only = kind == X.ENCRYPT_THEN_MAC and "CBC" not in suite.name
            once = kind in (X.STATUS_REQUEST, X.SESSION_TICKET) and resumed
            if kind not in offered or cbc_only or once:
                continue
            if kind == X.ALPN:
                found += self._protocol(hello)
            else:
                found.append(Extension(kind, bodies.get(X(kind), b"")))
        return tuple(found)

    def _status(self) -> bytes:
        staple = b"\x01" + len(OCSP_RESPONSE).to_bytes(3, "big") + OCSP_RESPONSE
        return staple if self.habits.staple == "hello" else b""

    def _protocol(self, hello: ClientHello) -> list[Extension]:
        offer = find_extension(hello.extensions, X.ALPN)
        names = decode_extension(offer, ProtocolNameList).names if offer else ()
        return [alpn_extension([p]) for p in self._protocols if p in names][:1]

    # ---- the flights ----------------------------------------------------------------------------

    def _flight(self, hello: ClientHello, suite: CipherSuite, randoms: tuple[bytes, bytes]) -> None:
        self._say(Certificate(self._list_as_is or self._certificate_list()))
        if self.habits.staple == "message" and find_extension(hello.extensions, X.STATUS_REQUEST):
            self._say(CertificateStatus(1, OCSP_RESPONSE))
        self._say(ServerKeyExchange(self._exchange(suite, b"".join(randoms))))
        if self._mutual or is_ecdhe(suite):
            names = (self.ca.subject_der,) if self.habits.names_cas else ()
            self._say(CertificateRequest(self.habits.types, names))
        self._say(ServerHelloDone())

    def _exchange(self, suite: CipherSuite, randoms: bytes) -> bytes:
        own = self._own
        if own.enc_cert is None:
            raise AssertionError("a server needs an encryption pair")
        if is_ecdhe(suite) and isinstance(own.enc_key, PrivateKey):
            self._agreement = own.enc_key.begin_key_exchange()
            params = EcdheParams(3, self.habits.curve, self._agreement.ephemeral_point)
            signature = own.sign_key.sign(randoms + params.to_bytes())
            return EcdheServerKeyExchange(params, signature).to_bytes()
        enc = own.enc_cert.der
        signed = randoms + len(enc).to_bytes(3, "big") + enc
        return EccServerKeyExchange(own.sign_key.sign(signed)).to_bytes()

    def _client_flight(self, suite: CipherSuite, randoms: tuple[bytes, bytes]) -> Flow[None]:
        listed = ListSeen((), is_ecdhe(suite))
        if self._mutual or is_ecdhe(suite):
            message = yield from self._message(Certificate)
            if not message.certificates:
                raise Refusal("no client certificate", self.habits.no_certificate)
            listed = ListSeen(tuple(map(X509.from_der, message.certificates)), is_ecdhe(suite))
            insist(self.demands.client_list, listed)
        share = yield from self._message(ClientKeyExchange)
        pre_master = self._pre_master(suite, share.body, listed)
        self._agree(suite, master_secret(suite, pre_master, randoms), randoms)
        if listed.certificates:
            before = self._transcript
            verify = yield from self._message(CertificateVerify)
            signed = before if self.demands.raw_verify else proven(suite, before)
            try:
                listed.certificates[0].public_key.verify(verify.signature, signed)
            except InvalidSignature:
                raise Refusal("a wrong CertificateVerify", 51) from None

    def _pre_master(self, suite: CipherSuite, body: bytes, listed: ListSeen) -> bytes:
        if is_ecdhe(suite):
            return self._agreed(body, listed)
        key = self._own.enc_key
        try:
            secret = key.decrypt(EccClientKeyExchange.from_bytes(body).ciphertext) if key else b""
        except (ValueError, TLCPError) as error:
            raise Refusal("a ClientKeyExchange that does not decrypt", 51) from error
        if len(secret) != 48 or secret[:2] != b"\x01\x01":
            raise Refusal("a pre-master secret without 0101", 51)
        return secret

    def _agreed(self, body: bytes, listed: ListSeen) -> bytes:
        demands = self.demands
        if len(body) not in demands.points:
            raise Refusal(f"an ECDHE point in {len(body)} bytes", demands.point_alert)
        params = decode_ecdhe_client_key_exchange(body).params
        if self._agreement is None or len(listed.certificates) < 2:
            raise AssertionError("ECDHE needs the client's pair")
        return self._agreement.derive(
            peer_point=listed.certificates[1].public_point,
            peer_ephemeral_point=params.point,
            initiator=not self.habits.client_first,
        )

    def _give_ticket(self, hello: ClientHello) -> None:
        if self._takes_ticket(hello):
            ticket = os.urandom(160)
            self._say(NewSessionTicket(_TICKET_LIFETIME_S, ticket))
            self._remember(Remembered(self.suite, self.master), ticket)
