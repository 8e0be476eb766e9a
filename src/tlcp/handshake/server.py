"""The server's side of the handshake.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature

from tlcp.config import ClientAuth, Config
from tlcp.dialects import MAX_PLAINTEXT_OLD_GMSSL, SM2_WITH_SM3, SM2_WITH_SM3_2023
from tlcp.errors import (
    CertificateRequired,
    DecryptError,
    IllegalParameter,
    NegotiationError,
    ProtocolVersionError,
)
from tlcp.events import HandshakeCompleted
from tlcp.handshake.endpoint import Channel, Endpoint, FinishingOps, finish_peer
from tlcp.handshake.flow import Step, expect
from tlcp.handshake.kx import HelloContext, ServerExchange
from tlcp.handshake.kx_ecc import EccServerSide
from tlcp.handshake.kx_ecdhe import EcdheServerSide
from tlcp.handshake.kx_rsa import RsaServerSide
from tlcp.handshake.observe import client_hello_quirks
from tlcp.handshake.offer import RENEGOTIATION_SCSV, check_first_handshake
from tlcp.handshake.peer import believe_client
from tlcp.handshake.resumption import Recalled, keep, new_ticket, recall, sealing_key
from tlcp.handshake.schedule import KeySchedule
from tlcp.quirks import Quirk
from tlcp.registry import TLCP_VERSION, ExtensionType
from tlcp.sessions.session import SESSION_ID_BYTES, State, TicketKey
from tlcp.suites import CipherSuite, KeyExchangeKind, suite_label
from tlcp.wire.extensions import (
    OCSP,
    ClientIdentity,
    ProtocolNameList,
    RenegotiationInfo,
    ServerNameList,
    SignatureAlgorithms,
    StatusRequest,
    TrustedCAKeys,
    alpn_extension,
    decode_extension,
)
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Extension,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from tlcp.x509.pair import VerifiedPair

__all__ = ["Negotiated", "ServerEndpoint", "ServerOps", "server_flow"]

Offered = Mapping[int, Extension]  # a ClientHello's extensions by their type


class Negotiated(NamedTuple):
    """A ClientHello and what we answer to it.

    Attributes:
        suite: the cipher suite.
        hello: what both hellos fix.
        server_name: the host name that the client asks for.
        alpn_protocol: the protocol agreed on.
        offered_suites: the client's list.
        session_id: what ServerHello says, empty where the session cannot be resumed by its id.
        ticket_key: seals the ticket that we have promised; None without one.
        extensions: of ServerHello.
        client_id: what the client says in client_id.
        staples: whether a CertificateStatus follows the certificates.
        requests_certificate: whether the client is asked for its certificates.
        recalled: the session that is continued, None in a full handshake.
    """

    suite: CipherSuite
    hello: HelloContext
    server_name: str | None
    alpn_protocol: str | None
    offered_suites: tuple[int, ...]
    session_id: bytes
    ticket_key: TicketKey | None
    extensions: tuple[Extension, ...]
    client_id: bytes
    staples: bool
    requests_certificate: bool
    recalled: Recalled | None


class ServerOps(FinishingOps, Protocol):
    """What the server's flow needs done; each step hands on what the next ones need."""

    def choose(self, hello: ClientHello) -> Negotiated:
        """Pick from the client's offer."""

    def send_flight(self, chosen: Negotiated) -> ServerExchange:
        """Send ServerHello to ServerHelloDone; returns our side of the key exchange."""

    def verify_client(self, chosen: Negotiated, message: Certificate) -> VerifiedPair | None:
        """Check the client's certificates; None if it sent none and need not."""

    def accept_exchange(
        self,
        chosen: Negotiated,
        exchange: ServerExchange,
        client: VerifiedPair | None,
        message: ClientKeyExchange,
    ) -> KeySchedule:
        """Get the pre-master secret and derive the keys."""

    def proven(self) -> tuple[bytes, bytes]:
        """What a CertificateVerify may sign: the hash so far, and the messages themselves."""

    def check_certificate_verify(
        self, client: VerifiedPair, message: CertificateVerify, proven: tuple[bytes, bytes]
    ) -> None:
        """Check that the client holds its signing key."""

    def send_ticket(
        self, chosen: Negotiated, client: VerifiedPair | None, keys: KeySchedule
    ) -> None:
        """Send NewSessionTicket if one was promised."""

    def resume(self, chosen: Negotiated, recalled: Recalled) -> KeySchedule:
        """Send ServerHello of a resumed handshake; the keys of the session."""

    def done(
        self,
        chosen: Negotiated,
        client: VerifiedPair | None,
        keys: KeySchedule,
        first_finished: bytes,
    ) -> HandshakeCompleted:
        """Sum up."""


def server_flow(ops: ServerOps) -> Step[HandshakeCompleted]:
    """The server's handshake; reads as the standard's figure.  Spec: GB/T 38636-2020 6.4.5.1."""
    chosen = ops.choose((yield from expect(ClientHello)))
    if chosen.recalled is not None:
        return (yield from _resume(ops, chosen, chosen.recalled))
    exchange = ops.send_flight(chosen)
    client = None
    if chosen.requests_certificate:
        client = ops.verify_client(chosen, (yield from expect(Certificate)))
    share = yield from expect(ClientKeyExchange)
    keys = ops.accept_exchange(chosen, exchange, client, share)
    if client is not None:
        proven = ops.proven()
        ops.check_certificate_verify(client, (yield from expect(CertificateVerify)), proven)
    first_finished = yield from finish_peer(ops, keys)
    ops.send_ticket(chosen, client, keys)
    ops.send_finished(keys)
    return ops.done(chosen, client, keys, first_finished)


def _resume(ops: ServerOps, chosen: Negotiated, recalled: Recalled) -> Step[HandshakeCompleted]:
    """The short handshake: the server finishes first.  Spec: GB/T 38636-2020 6.4.5.1."""
    keys = ops.resume(chosen, recalled)
    ops.send_ticket(chosen, recalled.peer, keys)
    first_finished = ops.send_finished(keys)
    yield from finish_peer(ops, keys)
    return ops.done(chosen, recalled.peer, keys, first_finished)


class ServerEndpoint(Endpoint):
    """The server's work.

    Args:
        config: settings.
        channel: takes what is sent.

    Raises:
        ConfigError: no pair of certificates, or nothing to verify clients by.
    """

    role, peer_role = "server", "client"

    def __init__(self, config: Config, channel: Channel) -> None:
        super().__init__(config, channel)
        self._identity = config.server_identity()

    def choose(self, hello: ClientHello) -> Negotiated:
        """Pick version, suite and compression; unknown extensions are ignored.

        Raises:
            ProtocolVersionError, NegotiationError, IllegalParameter, DecodeError: see the text.

        Spec: GB/T 38636-2020 6.4.5.2
        """
        self._check_version(hello)
        if 0 not in hello.compression_methods:
            raise IllegalParameter(
                "the client offers only compression methods that are not supported",
                expected="method 0 (none) among them",
            )
        offered = {extension.type: extension for extension in hello.extensions or ()}
        server_name = self._server_name(offered)
        recalled = recall(self.config, hello, server_name)
        suite = recalled.suite if recalled is not None else self._pick_suite(hello)
        context = HelloContext(hello.version, hello.random, self.hello_random())
        asks = self.config.client_auth is not ClientAuth.NONE
        protocol, staples = self._pick_protocol(offered), self._staples(offered)
        self._check_others(offered)
        key = self._ticket_key(offered, recalled)
        self._note_quirks(hello, offered)
        if not hello.extensions:
            self.channel.limit_plaintext(MAX_PLAINTEXT_OLD_GMSSL)
        return Negotiated(
            suite=suite,
            hello=context,
            server_name=server_name,
            alpn_protocol=protocol,
            offered_suites=hello.cipher_suites,
            session_id=self._session_id(hello, recalled, key),
            ticket_key=key,
            extensions=self._answers(
                hello, offered, protocol, key, staples=staples and recalled is None
            ),
            client_id=self._client_id(offered),
            staples=staples,
            requests_certificate=asks or suite.key_exchange is KeyExchangeKind.ECDHE,
            recalled=recalled,
        )

    def _session_id(
        self, hello: ClientHello, recalled: Recalled | None, key: TicketKey | None
    ) -> bytes:
        """The client's id where its session goes on; else a new one, or none for a ticket."""
        if recalled is not None:
            return hello.session_id
        names = self.config.session_store is not None and self.config.dialect.session_id
        return self.config.random(SESSION_ID_BYTES) if names and key is None else b""

    def _ticket_key(self, offered: Offered, recalled: Recalled | None) -> TicketKey | None:
        """What seals a ticket if the client can take one and has no good one.

        Spec: RFC 5077 3.2, 3.3
        """
        if offered.get(ExtensionType.SESSION_TICKET) is None:
            return None
        if recalled is not None and not recalled.renew_ticket:
            return None
        return sealing_key(self.config)

    def _staples(self, offered: Offered) -> bool:
        """Whether the client asks for an OCSP response and we have one."""
        extension = offered.get(ExtensionType.STATUS_REQUEST)
        if extension is None:
            return False
        asked = decode_extension(extension, StatusRequest).status_type == OCSP
        return asked and bool(self.config.ocsp_response)

    @staticmethod
    def _check_others(offered: Offered) -> None:
        """Extensions that change nothing here must still be well formed.

        Raises:
            DecodeError: one is not.
            NegotiationError: the client goes on with another connection.
        """
        extension = offered.get(ExtensionType.TRUSTED_CA_KEYS)
        if extension is not None:
            decode_extension(extension, TrustedCAKeys)
        check_first_handshake("client", offered.get(ExtensionType.RENEGOTIATION_INFO))

    @staticmethod
    def _client_id(offered: Offered) -> bytes:
        extension = offered.get(ExtensionType.CLIENT_ID)
        return decode_extension(extension, ClientIdentity).identity if extension else b""

    def _answers(
        self,
        hello: ClientHello,
        offered: Offered,
        protocol: str | None,
        key: TicketKey | None,
        *,
        staples: bool,
    ) -> tuple[Extension, ...]:
        """The extensions of ServerHello: what must be said, and only if it was asked for."""
        found = list[Extension]()
        # openHiTLS ends without an answer to 00FF; GmSSL 2 sends that too, and takes no extension:
        # without any in the hello the answer goes to a stack only that we were told sends 00FF.
        dialect = self.config.dialect
        takes_any = hello.extensions or dialect.renegotiation_scsv
        scsv = RENEGOTIATION_SCSV in hello.cipher_suites and takes_any
        asked = offered.get(ExtensionType.RENEGOTIATION_INFO)
        if dialect.answers_scsv and (scsv or asked):
            info = RenegotiationInfo(b"").to_bytes()
            found.append(Extension(ExtensionType.RENEGOTIATION_INFO, info))
        if protocol is not None:
            found.append(alpn_extension([protocol]))
        if key is not None:
            found.append(Extension(ExtensionType.SESSION_TICKET, b""))
        if staples:
            found.append(Extension(ExtensionType.STATUS_REQUEST, b""))
        return tuple(found)

    def _note_quirks(self, hello: ClientHello, offered: Offered) -> None:
        extension = offered.get(ExtensionType.SIGNATURE_ALGORITHMS)
        body = decode_extension(extension, SignatureAlgorithms) if extension is not None else None
        algorithms = body.algorithms if body is not None else ()
        self.quirks += client_hello_quirks(hello)
        if algorithms[:1] == (SM2_WITH_SM3_2023,):
            self.quirks.append(Quirk.SIGNATURE_0704)
        if SM2_WITH_SM3 in algorithms:
            self.quirks.append(Quirk.SIGNATURE_0708)

    def _server_name(self, offered: Offered) -> str | None:
        """The host name asked for; the program may change the settings for it.

        Spec: GM/T 0024-2023 A (server_name)
        """
        extension = offered.get(ExtensionType.SERVER_NAME)
        name = decode_extension(extension, ServerNameList).host_name if extension else None
        if self.config.on_server_name is not None:
            changed = self.config.on_server_name(name)
            if changed is not None:
                self.config, self._identity = changed, changed.server_identity()
        return name

    def _pick_protocol(self, offered: Offered) -> str | None:
        """The first of our protocols that the client offers; None where nothing meets.

        No common protocol is no error, as in ``ssl``.

        Spec: RFC 7301 3.2
        """
        extension = offered.get(ExtensionType.ALPN)
        if extension is None or not self.config.alpn_protocols:
            return None
        names = decode_extension(extension, ProtocolNameList).names
        return next((p for p in self.config.alpn_protocols if p in names), None)

    @staticmethod
    def _check_version(hello: ClientHello) -> None:
        if hello.version >> 8 == TLCP_VERSION >> 8 and hello.version >= TLCP_VERSION:
            return  # a later minor version of the same protocol gets our 0101
        tls = hello.version >> 8 == 3
        raise ProtocolVersionError(
            f"the client offers version {hello.version:04x}"
            + (", which is TLS and not TLCP" if tls else ""),
            expected=f"{TLCP_VERSION:04x} (TLCP)",
            hint="Use a TLCP client, or serve this client on a TLS port" if tls else "",
        )

    def _pick_suite(self, hello: ClientHello) -> CipherSuite:
        """The first of our suites that the client offers.  Spec: GB/T 38636-2020 6.4.5.2.2."""
        for suite in self.config.fitting_suites:
            if suite.id in hello.cipher_suites:
                return suite
        raise NegotiationError(
            "the client offers no cipher suite that is enabled here; it offers "
            + ", ".join(suite_label(s) for s in hello.cipher_suites[:16]),
            expected="one of " + ", ".join(map(str, self.config.fitting_suites)),
            hint="Enable a common suite; ECC_SM4_CBC_SM3 is the one every stack has",
        )

    def send_flight(self, chosen: Negotiated) -> ServerExchange:
        """ServerHello, Certificate, ServerKeyExchange, [CertificateRequest], ServerHelloDone.

        Spec: GB/T 38636-2020 6.4.5.2.2 to 6.4.5.6
        """
        dialect = self.config.dialect
        self.transcript.follow(chosen.suite)
        self._send_hello(chosen)
        enc_last = dialect.enc_certificate_last
        self.send(Certificate(self._identity.certificate_list(enc_last=enc_last)))
        if chosen.staples:
            self.send(CertificateStatus(OCSP, self.config.ocsp_response))
        exchange = self._begin_exchange(chosen)
        self.send(ServerKeyExchange(exchange.offer()))
        if chosen.requests_certificate:
            trust = self.config.trust
            names = trust.subjects_der if trust is not None and dialect.ca_names else ()
            self.send(CertificateRequest(bytes(dialect.certificate_types), names))
        self.send(ServerHelloDone())
        return exchange

    def _begin_exchange(self, chosen: Negotiated) -> ServerExchange:
        if chosen.suite.key_exchange is KeyExchangeKind.ECDHE:
            return EcdheServerSide(chosen.hello, self._identity, self.config.dialect)
        if chosen.suite.key_exchange is KeyExchangeKind.RSA:
            return RsaServerSide(chosen.hello, self._identity, self.config.random)
        return EccServerSide(chosen.hello, self._identity, self.config.random)

    def _send_hello(self, chosen: Negotiated) -> None:
        """No extension block where there is nothing to answer: some clients refuse any."""
        random, extensions = chosen.hello.server_random, chosen.extensions or None
        hello = ServerHello(TLCP_VERSION, random, chosen.session_id, chosen.suite.id, 0, extensions)
        self.send(hello)

    def resume(self, chosen: Negotiated, recalled: Recalled) -> KeySchedule:
        """ServerHello with the client's session id; new keys from the old master secret.

        Spec: GB/T 38636-2020 6.4.5.1, 6.5.2
        """
        self.transcript.follow(chosen.suite)
        self._send_hello(chosen)
        self.transcript.drop_raw()
        return self.schedule(chosen.suite, chosen.hello, recalled.state.master)

    def verify_client(self, chosen: Negotiated, message: Certificate) -> VerifiedPair | None:
        """Check the client's certificates by the configured policy.

        Raises:
            CertificateRequired: none came, and one is needed.
            CertificateVerifyError: they are not to be believed.

        Spec: GB/T 38636-2020 6.4.5.7
        """
        config, ders = self.config, message.certificates
        ecdhe = chosen.suite.key_exchange is KeyExchangeKind.ECDHE
        if not ders:
            if not ecdhe and config.client_auth is not ClientAuth.REQUIRED:
                return None
            raise CertificateRequired(
                "the client sent no certificate",
                expected=f"a signing and an encryption certificate, as {chosen.suite.name} needs"
                if ecdhe
                else "a client certificate: client authentication is required here",
                hint="Give the client its certificate pair (signing and encryption, with keys)",
            )
        pair = believe_client(config, ders, need_enc=ecdhe, kind=chosen.suite.key_kind)
        self.note_certificates(pair, ders)
        if pair.enc is None:
            self.quirks.append(Quirk.SINGLE_CERTIFICATE)
        return pair

    def accept_exchange(
        self,
        chosen: Negotiated,
        exchange: ServerExchange,
        client: VerifiedPair | None,
        message: ClientKeyExchange,
    ) -> KeySchedule:
        """Spec: GB/T 38636-2020 6.4.5.8."""
        if chosen.suite.key_exchange is KeyExchangeKind.ECDHE and message.body[:1] == b"\0":
            self.quirks.append(Quirk.POINT_VECTOR)
        pre_master = exchange.accept(message.body, client)
        return self.derive_keys(chosen.suite, chosen.hello, pre_master)

    def proven(self) -> tuple[bytes, bytes]:
        """The hash of the handshake so far, and, where the dialect takes that, its messages."""
        raw = self.transcript.raw if self.config.dialect.takes_raw_certificate_verify else b""
        signed = self.transcript.signed_digest()
        self.transcript.drop_raw()
        return signed, raw

    def check_certificate_verify(
        self, client: VerifiedPair, message: CertificateVerify, proven: tuple[bytes, bytes]
    ) -> None:
        """The client's signature over the hash of the handshake up to here.

        GmSSL from 3.2 on signs the messages themselves; they contain our random, so that is
        as good a proof, and it is taken where the dialect says so.

        Raises:
            DecryptError: it does not verify.

        Spec: GB/T 38636-2020 6.4.5.9
        """
        before, raw = proven
        try:
            client.sign.public_key.verify(message.signature, before)
        except InvalidSignature:
            if raw and _holds(client, message.signature, raw):
                self.quirks.append(Quirk.RAW_SIGNATURE)
                return
            raise DecryptError(
                "the signature in the client's CertificateVerify is wrong",
                expected="a signature by the client's signing certificate "
                f"({client.sign}) over the hash of the handshake",
                hint="The client may sign with its encryption key, or sign the messages "
                "themselves instead of their hash (GmSSL 3.2 and later)",
            ) from None

    def send_ticket(
        self, chosen: Negotiated, client: VerifiedPair | None, keys: KeySchedule
    ) -> None:
        """The session, sealed, for the client to keep.  Spec: RFC 5077 3.3"""
        if chosen.ticket_key is None:
            return
        state = self._state(chosen, client, keys)
        self.send(new_ticket(self.config, chosen.ticket_key, state))

    def _state(self, chosen: Negotiated, client: VerifiedPair | None, keys: KeySchedule) -> State:
        if chosen.recalled is not None:
            return chosen.recalled.state
        return State.new(
            suite=chosen.suite.id,
            master=keys.dangerous_master(),
            now=self.config.now(),
            lifetime_s=self.config.session_lifetime_s,
            binding=self.config.binding("server"),
            server_name=chosen.server_name,
            certificates=client.to_keep() if client is not None else (),
        )

    def done(
        self,
        chosen: Negotiated,
        client: VerifiedPair | None,
        keys: KeySchedule,
        first_finished: bytes,
    ) -> HandshakeCompleted:
        """Sum up, and keep the session now that the client has proven all."""
        if self.config.session_store is not None and chosen.session_id:
            if chosen.recalled is None:
                keep(self.config, chosen.session_id, self._state(chosen, client, keys))
            # A client with a ticket of its own may ask under any id: not its session to end.
            if chosen.recalled is None or not chosen.recalled.by_ticket:
                self.channel.session_kept(self.config.session_store, chosen.session_id)
        return HandshakeCompleted(
            suite=chosen.suite,
            peer=client,
            server_name=chosen.server_name,
            alpn_protocol=chosen.alpn_protocol,
            offered_suites=chosen.offered_suites,
            first_finished=first_finished,
            resumed=chosen.recalled is not None,
            by_ticket=chosen.recalled is not None and chosen.recalled.by_ticket,
            quirks=tuple(self.quirks),
            client_id=chosen.client_id,
        )


def _holds(client: VerifiedPair, signature: bytes, signed: bytes) -> bool:
    try:
        client.sign.public_key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
