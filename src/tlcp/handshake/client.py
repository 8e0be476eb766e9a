"""The client's side of the handshake.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tlcp.config import Config
from tlcp.dialects import MAX_PLAINTEXT_OLD_GMSSL, Dialect
from tlcp.errors import (
    CertificateProblem,
    CertificateVerifyError,
    DecodeError,
    IllegalParameter,
    InternalError,
    ProtocolVersionError,
    UnexpectedMessage,
    UnsupportedExtension,
)
from tlcp.events import HandshakeCompleted
from tlcp.handshake import kx_ecc, kx_ecdhe
from tlcp.handshake.endpoint import Channel, Endpoint, FinishingOps, finish_peer
from tlcp.handshake.fitting import Failure, next_dialect
from tlcp.handshake.flow import Step, expect, expect_either
from tlcp.handshake.kx import HelloContext, VerifiedExchange
from tlcp.handshake.observe import curve_quirks, request_quirks, server_hello_quirks
from tlcp.handshake.offer import check_first_handshake, offered_extensions, offered_suite_ids
from tlcp.handshake.own_keys import own_key
from tlcp.handshake.peer import believe_server
from tlcp.handshake.resumption import Recalled, bound_name, new_client_session, offerable
from tlcp.handshake.schedule import KeySchedule
from tlcp.quirks import Quirk
from tlcp.registry import TLCP_VERSION, ExtensionType, number_label
from tlcp.sessions.session import Session, State
from tlcp.suites import ALL_SUITES, CipherSuite, KeyExchangeKind, KeyKind, suite_label
from tlcp.wire.extensions import (
    OCSP,
    ProtocolNameList,
    StapledStatus,
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
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from tlcp.x509.pair import VerifiedPair

__all__ = ["ClientEndpoint", "ClientOps", "Negotiated", "client_flow"]

_RENEGOTIATION = ExtensionType.RENEGOTIATION_INFO


class Negotiated(NamedTuple):
    """A ServerHello that fits the offer.

    Attributes:
        suite: its suite.
        hello: what both hellos fixed.
        alpn_protocol: the protocol agreed on.
        session_id: what the server names the session, empty for nothing.
        recalled: the session that is continued, None in a full handshake.
        promises_ticket: a NewSessionTicket will come.
        status: the OCSP response that came in the hello itself; None if none did.
        may_send_status: a CertificateStatus may follow the certificates.
    """

    suite: CipherSuite
    hello: HelloContext
    alpn_protocol: str | None
    session_id: bytes
    recalled: Recalled | None
    promises_ticket: bool
    status: bytes | None
    may_send_status: bool


class ClientOps(FinishingOps, Protocol):
    """What the client's flow needs done; each step hands on what the next ones need."""

    def send_hello(self) -> None:
        """Send ClientHello."""

    def accept_hello(self, hello: ServerHello) -> Negotiated:
        """Check the server's choice."""

    def verify_server(self, message: Certificate, stapled: bytes | None) -> VerifiedPair:
        """Check the server's certificates, with the OCSP response that came along."""

    def verify_exchange(
        self, chosen: Negotiated, server: VerifiedPair, message: ServerKeyExchange
    ) -> VerifiedExchange:
        """Check the server's signature."""

    def send_flight(
        self, chosen: Negotiated, exchange: VerifiedExchange, request: CertificateRequest | None
    ) -> KeySchedule:
        """Send [Certificate] ClientKeyExchange [CertificateVerify]; derive the keys."""

    def resume_keys(self, chosen: Negotiated, recalled: Recalled) -> KeySchedule:
        """The keys of a session that is continued."""

    def done(
        self, chosen: Negotiated, server: VerifiedPair, keys: KeySchedule, ending: Ending
    ) -> HandshakeCompleted:
        """Sum up."""


class Ending(NamedTuple):
    """What the last messages brought: verify_data of the first Finished, ticket and staple."""

    first_finished: bytes
    ticket: NewSessionTicket | None
    status: bytes | None = None


def client_flow(ops: ClientOps) -> Step[HandshakeCompleted]:
    """The client's handshake; reads as the standard's figure.  Spec: GB/T 38636-2020 6.4.5.1."""
    ops.send_hello()
    chosen = ops.accept_hello((yield from expect(ServerHello)))
    if chosen.recalled is not None:
        return (yield from _resume(ops, chosen, chosen.recalled))
    certificates = yield from expect(Certificate)
    if chosen.may_send_status:  # what comes may be needed to believe them
        status, offer = yield from _status_and_exchange()
        server = ops.verify_server(certificates, status)
    else:
        status = chosen.status
        server = ops.verify_server(certificates, status)
        offer = yield from expect(ServerKeyExchange)
    exchange = ops.verify_exchange(chosen, server, offer)
    next_message = yield from expect_either(CertificateRequest, ServerHelloDone)
    request = next_message if isinstance(next_message, CertificateRequest) else None
    if request is not None:
        yield from expect(ServerHelloDone)
    keys = ops.send_flight(chosen, exchange, request)
    first_finished = ops.send_finished(keys)
    ticket = (yield from expect(NewSessionTicket)) if chosen.promises_ticket else None
    yield from finish_peer(ops, keys)
    return ops.done(chosen, server, keys, Ending(first_finished, ticket, status))


def _resume(ops: ClientOps, chosen: Negotiated, recalled: Recalled) -> Step[HandshakeCompleted]:
    """The short handshake: the server finishes first.  Spec: GB/T 38636-2020 6.4.5.1."""
    keys = ops.resume_keys(chosen, recalled)
    ticket = (yield from expect(NewSessionTicket)) if chosen.promises_ticket else None
    first_finished = yield from finish_peer(ops, keys)
    ops.send_finished(keys)
    if recalled.peer is None:
        raise InternalError("a client continues a session with a server that it never verified")
    return ops.done(chosen, recalled.peer, keys, Ending(first_finished, ticket))


def _status_and_exchange() -> Step[tuple[bytes | None, ServerKeyExchange]]:
    """ServerKeyExchange, and the OCSP response that may come before it.  Spec: RFC 6066 8."""
    message = yield from expect_either(CertificateStatus, ServerKeyExchange)
    if isinstance(message, ServerKeyExchange):
        return None, message
    return _ocsp_response(message), (yield from expect(ServerKeyExchange))


def _ocsp_response(status: CertificateStatus | StapledStatus) -> bytes:
    """The response, if it is of the kind that was asked for.

    Raises:
        IllegalParameter: it is not.

    Spec: RFC 6066 8
    """
    if status.status_type != OCSP:
        raise IllegalParameter(
            f"the server stapled a status of type {status.status_type}",
            expected=f"{OCSP} (OCSP), the one asked for",
        )
    return status.response


class ClientEndpoint(Endpoint):
    """The client's work.

    Args:
        config: settings.
        channel: takes what is sent.
        server_name: host name or IP address the certificates must be for; a host name is also
            sent as SNI. None only where the configuration does not check it.
        session: of an earlier connection, to continue if that may be.

    Raises:
        ConfigError: nothing to verify the server by, or no suite to offer.
    """

    role, peer_role = "client", "server"

    def __init__(
        self,
        config: Config,
        channel: Channel,
        server_name: str | None,
        session: Session | None = None,
    ) -> None:
        config.check_client(server_name)
        super().__init__(config, channel)
        self._server_name = server_name
        self._offered = config.client_suites()
        self._random = self.hello_random()
        self._recalled: Recalled | None = None
        self._session = session
        if session is not None:
            self._recalled = offerable(config, server_name, session, self._offered)
        ticket = session.ticket if session is not None and self._recalled is not None else b""
        self._extensions = offered_extensions(config, server_name, ticket)
        self._chosen: Negotiated | None = None
        self._sent_certificates = 0
        self._key_kind = KeyKind.SM2

    def send_hello(self) -> None:
        """Spec: GB/T 38636-2020 6.4.5.2.1."""
        asked = b""
        if self._session is not None and self._recalled is not None:
            asked = self._session.id
        suites = offered_suite_ids(self.config)
        self.send(ClientHello(TLCP_VERSION, self._random, asked, suites, b"\0", self._extensions))

    def accept_hello(self, hello: ServerHello) -> Negotiated:
        """Check version, suite, compression and extensions against the offer.

        No downgrade sentinel is looked for: some stacks send one by mistake.

        Raises:
            ProtocolVersionError, IllegalParameter, UnsupportedExtension, DecodeError: see the text.

        Spec: GB/T 38636-2020 6.4.5.2.2
        """
        if hello.version != TLCP_VERSION:
            raise ProtocolVersionError(
                f"the server chose version {hello.version:04x}",
                expected=f"{TLCP_VERSION:04x} (TLCP)",
                hint="The server does not speak TLCP on this port",
            )
        suite = ALL_SUITES.get(hello.cipher_suite)
        if suite is None or suite not in self._offered:
            raise IllegalParameter(
                f"the server chose cipher suite {suite_label(hello.cipher_suite)}",
                expected="one of those offered: " + ", ".join(map(str, self._offered)),
            )
        if hello.compression_method != 0:
            raise IllegalParameter(
                f"the server chose compression method {hello.compression_method}",
                expected="0, the only one offered",
            )
        self._check_extensions(hello)
        self.transcript.follow(suite)
        self._key_kind = suite.key_kind
        self._note_quirks(hello)
        if not self._extensions and not hello.session_id:
            self.channel.limit_plaintext(MAX_PLAINTEXT_OLD_GMSSL)
        status, may_send_status = self._status(hello)
        self._chosen = Negotiated(
            suite=suite,
            hello=HelloContext(TLCP_VERSION, self._random, hello.random),
            alpn_protocol=self._chosen_protocol(hello),
            session_id=hello.session_id,
            recalled=self._continued(hello),
            promises_ticket=_has(hello, ExtensionType.SESSION_TICKET),
            status=status,
            may_send_status=may_send_status,
        )
        return self._chosen

    def _continued(self, hello: ServerHello) -> Recalled | None:
        """The session that the server continues: it echoes the id that we asked for."""
        recalled, session = self._recalled, self._session
        if recalled is None or session is None or hello.session_id != session.id:
            return None
        if hello.cipher_suite != recalled.suite.id:
            raise IllegalParameter(
                f"the server continues a session with {suite_label(hello.cipher_suite)}",
                expected=f"the session's suite, {recalled.suite}",
            )
        return recalled

    def _chosen_protocol(self, hello: ServerHello) -> str | None:
        """The one protocol of the server's ALPN answer.  Spec: RFC 7301 3.1."""
        answer = find_extension(hello.extensions, ExtensionType.ALPN)
        if answer is None:
            return None
        chosen = decode_extension(answer, ProtocolNameList).names
        if len(chosen) != 1 or chosen[0] not in self.config.alpn_protocols:
            raise IllegalParameter(
                f"the server answered ALPN with {', '.join(chosen)}",
                expected=f"one of {', '.join(self.config.alpn_protocols)}",
            )
        return chosen[0]

    def _check_extensions(self, hello: ServerHello) -> None:
        """A server may answer only what was offered; renegotiation_info is let pass.

        Gateways (Bank of China among them) send it unasked, empty; it changes nothing here.

        Spec: GM/T 0024-2023 A; RFC 6066 3; RFC 5746 3.4
        """
        offered = {e.type for e in self._extensions or ()} | {_RENEGOTIATION}
        for extension in hello.extensions or ():
            if extension.type not in offered:
                raise UnsupportedExtension(
                    "the server answered the extension "
                    f"{number_label(ExtensionType, extension.type)} that was not offered",
                    expected="answers to offered extensions only",
                )
            if extension.type == ExtensionType.SERVER_NAME and extension.data:
                raise DecodeError(
                    f"the server's answer to server_name has {len(extension.data)} bytes",
                    expected="an empty one",
                )
            if extension.type == _RENEGOTIATION and extension.data:
                check_first_handshake("server", extension)

    @staticmethod
    def _status(hello: ServerHello) -> tuple[bytes | None, bool]:
        """The OCSP response if the hello has it, and whether a message with it may follow.

        Stacks answer in three forms: the response right here (gotlcp), an empty answer and a
        CertificateStatus (Tongsuo), or an empty answer and nothing more (GmSSL).

        Spec: GM/T 0024-2023 A; RFC 6066 8
        """
        answer = find_extension(hello.extensions, ExtensionType.STATUS_REQUEST)
        if answer is None:
            return None, False
        if not answer.data:
            return None, True
        return _ocsp_response(decode_extension(answer, StapledStatus)), False

    def _note_quirks(self, hello: ServerHello) -> None:
        asked = self.config.dialect.renegotiation_scsv  # then its answer tells nothing
        self.quirks += (
            quirk
            for quirk in server_hello_quirks(hello)
            if not (asked and quirk is Quirk.RENEGOTIATION_INFO)
        )

    def verify_server(self, message: Certificate, stapled: bytes | None) -> VerifiedPair:
        """Both certificates, their chains, their usages and the host name.

        Args:
            message: with the certificates.
            stapled: DER of the OCSP response that came along; None if none did.

        Raises:
            CertificateVerifyError: they are not to be believed.

        Spec: GB/T 38636-2020 6.4.5.3
        """
        if not message.certificates:
            raise CertificateVerifyError(
                CertificateProblem.NOT_A_PAIR,
                "the server sent no certificate",
                expected="2 (signing, encryption)",
            )
        ders, kind = message.certificates, self._key_kind
        pair = believe_server(self.config, self._server_name, ders, kind, stapled)
        self.note_certificates(pair, message.certificates)
        return pair

    def verify_exchange(
        self, chosen: Negotiated, server: VerifiedPair, message: ServerKeyExchange
    ) -> VerifiedExchange:
        """Spec: GB/T 38636-2020 6.4.5.4."""
        if chosen.suite.key_exchange is not KeyExchangeKind.ECDHE:
            return kx_ecc.verify(chosen.hello, server, message.body)
        exchange = kx_ecdhe.verify(chosen.hello, server, message.body, self.config.dialect)
        self.quirks += curve_quirks(exchange.params.named_curve)
        return exchange

    def send_flight(
        self, chosen: Negotiated, exchange: VerifiedExchange, request: CertificateRequest | None
    ) -> KeySchedule:
        """Our certificates if asked for, our part of the key, and the proof of our signing key.

        Without an identity the answer to a request is an empty list: the server decides.

        Raises:
            UnexpectedMessage: no request in an ECDHE suite, whose keys need our certificates.

        Spec: GB/T 38636-2020 6.4.5.5, 6.4.5.7 to 6.4.5.9
        """
        identity, dialect = self.config.identity, self.config.dialect
        ecdhe = chosen.suite.key_exchange is KeyExchangeKind.ECDHE
        if request is None and ecdhe:
            raise UnexpectedMessage(
                f"the server chose {chosen.suite} and did not ask for the client's certificates",
                expected="CertificateRequest: the keys of ECDHE suites depend on them",
                hint="Let the server ask for client certificates, or use an ECC suite",
            )
        if request is not None:
            self.quirks += request_quirks(request)
            ders: tuple[bytes, ...] = ()
            if identity is not None:
                ders = identity.certificate_list(
                    include_enc=ecdhe or not dialect.single_client_certificate,
                    enc_last=dialect.enc_certificate_last,
                )
            self._sent_certificates = len(ders)
            self.send(Certificate(ders))
        share = exchange.respond(identity, self.config.random)
        self.send(ClientKeyExchange(share.body))
        if request is not None and identity is not None:
            raw = dialect.raw_certificate_verify
            signed = self.transcript.raw if raw else self.transcript.signed_digest()
            with own_key("signing"):
                signature = identity.sign_key.sign(signed)
            self.send(CertificateVerify(signature))
        self.transcript.drop_raw()
        return self.derive_keys(chosen.suite, chosen.hello, share.pre_master)

    def resume_keys(self, chosen: Negotiated, recalled: Recalled) -> KeySchedule:
        """New keys from the old master secret and the new randoms.

        Spec: GB/T 38636-2020 6.4.5.1, 6.5.2
        """
        self.transcript.drop_raw()
        return self.schedule(chosen.suite, chosen.hello, recalled.state.master)

    def done(
        self, chosen: Negotiated, server: VerifiedPair, keys: KeySchedule, ending: Ending
    ) -> HandshakeCompleted:
        """Sum up, and keep what a later connection needs."""
        if ending.status is not None and Quirk.STAPLE_IN_HELLO not in self.quirks:
            self.quirks.append(Quirk.STAPLE_IN_MESSAGE)
        return HandshakeCompleted(
            suite=chosen.suite,
            peer=server,
            server_name=self._server_name,
            alpn_protocol=chosen.alpn_protocol,
            offered_suites=tuple(suite.id for suite in self._offered),
            first_finished=ending.first_finished,
            resumed=chosen.recalled is not None,
            by_ticket=chosen.recalled is not None and chosen.recalled.by_ticket,
            session=self._new_session(chosen, server, keys, ending.ticket),
            quirks=tuple(self.quirks),
            ocsp_response=ending.status,
        )

    def next_dialect(self, alert: int | None, awaited: str) -> Dialect | None:
        """What to try next if the handshake ends here.

        Args:
            alert: received; None if the server hung up.
            awaited: the message that we wait for, by name.
        """
        ecdhe = self._chosen and self._chosen.suite.key_exchange is KeyExchangeKind.ECDHE
        return next_dialect(
            Failure(
                alert=alert,
                awaited=awaited,
                dialect=self.config.dialect,
                sent_extensions=bool(self._extensions),
                ecdhe=bool(ecdhe),
                sent_certificates=self._sent_certificates,
            )
        )

    def _new_session(
        self,
        chosen: Negotiated,
        server: VerifiedPair,
        keys: KeySchedule,
        ticket: NewSessionTicket | None,
    ) -> Session | None:
        """The session as it can be continued next: the same one, or a new one."""
        if chosen.recalled is not None and self._session is not None:
            if ticket is None or not ticket.ticket:
                return self._session
            state = chosen.recalled.state
        elif not chosen.session_id and (ticket is None or not ticket.ticket):
            return None
        else:
            state = State.new(
                suite=chosen.suite.id,
                master=keys.dangerous_master(),
                now=self.config.now(),
                lifetime_s=self.config.session_lifetime_s,
                binding=self.config.binding("client"),
                server_name=bound_name(self._server_name),
                certificates=server.to_keep(),
            )
        return new_client_session(
            self.config, session_id=chosen.session_id, state=state, ticket=ticket
        )


def _has(hello: ServerHello, kind: int) -> bool:
    return find_extension(hello.extensions, kind) is not None
