"""The client's side of the handshake.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tlcp.config import Config
from tlcp.errors import (
    CertificateProblem,
    CertificateVerifyError,
    IllegalParameter,
    InternalError,
    ProtocolVersionError,
    UnsupportedExtension,
)
from tlcp.events import HandshakeCompleted
from tlcp.handshake import kx_ecc, kx_ecdhe
from tlcp.handshake.endpoint import Channel, Endpoint, FinishingOps, finish_peer
from tlcp.handshake.flow import Step, expect, expect_either
from tlcp.handshake.kx import HelloContext, VerifiedExchange
from tlcp.handshake.schedule import KeySchedule
from tlcp.registry import TLCP_VERSION, ExtensionType, number_label
from tlcp.suites import ALL_SUITES, CipherSuite, KeyExchangeKind, suite_label
from tlcp.wire.extensions import (
    ProtocolNameList,
    alpn_extension,
    decode_extension,
    find_extension,
    host_name_extension,
)
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Extension,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from tlcp.x509.names import parse_host
from tlcp.x509.pair import VerifiedPair, accept_unverified_pair, verify_pair

__all__ = ["ClientEndpoint", "ClientOps", "Negotiated", "client_flow"]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A ServerHello that fits the offer."""

    suite: CipherSuite
    hello: HelloContext
    alpn_protocol: str | None


class ClientOps(FinishingOps, Protocol):
    """What the client's flow needs done; each step hands on what the next ones need."""

    def send_hello(self) -> None:
        """Send ClientHello."""

    def accept_hello(self, hello: ServerHello) -> Negotiated:
        """Check the server's choice."""

    def verify_server(self, message: Certificate) -> VerifiedPair:
        """Check the server's certificates."""

    def verify_exchange(
        self, chosen: Negotiated, server: VerifiedPair, message: ServerKeyExchange
    ) -> VerifiedExchange:
        """Check the server's signature."""

    def send_flight(
        self, chosen: Negotiated, exchange: VerifiedExchange, request: CertificateRequest | None
    ) -> KeySchedule:
        """Send [Certificate] ClientKeyExchange [CertificateVerify]; derive the keys."""

    def done(
        self, chosen: Negotiated, server: VerifiedPair, first_finished: bytes
    ) -> HandshakeCompleted:
        """Sum up."""


def client_flow(ops: ClientOps) -> Step[HandshakeCompleted]:
    """The client's handshake; reads as the standard's figure.  Spec: GB/T 38636-2020 6.4.5.1."""
    ops.send_hello()
    chosen = ops.accept_hello((yield from expect(ServerHello)))
    server = ops.verify_server((yield from expect(Certificate)))
    exchange = ops.verify_exchange(chosen, server, (yield from expect(ServerKeyExchange)))
    next_message = yield from expect_either(CertificateRequest, ServerHelloDone)
    request = next_message if isinstance(next_message, CertificateRequest) else None
    if request is not None:
        yield from expect(ServerHelloDone)
    keys = ops.send_flight(chosen, exchange, request)
    first_finished = ops.send_finished(keys)
    yield from finish_peer(ops, keys)
    return ops.done(chosen, server, first_finished)


class ClientEndpoint(Endpoint):
    """The client's work.

    Args:
        config: settings.
        channel: takes what is sent.
        server_name: host name or IP address the certificates must be for; a host name is also
            sent as SNI. None only where the configuration does not check it.

    Raises:
        ConfigError: nothing to verify the server by, or no suite to offer.
    """

    role, peer_role = "client", "server"

    def __init__(self, config: Config, channel: Channel, server_name: str | None) -> None:
        config.check_client(server_name)
        super().__init__(config, channel)
        self._server_name = server_name
        self._offered = config.client_suites()
        self._random = self.hello_random()
        self._extensions = self._make_extensions()

    def _make_extensions(self) -> tuple[Extension, ...] | None:
        """None where there is nothing to say: old stacks refuse even an empty block."""
        if not self.config.extensions:
            return None
        extensions = []
        if self._server_name is not None:
            host = parse_host(self._server_name)
            if isinstance(host, str):
                extensions.append(host_name_extension(host))
        if self.config.alpn_protocols:
            extensions.append(alpn_extension(self.config.alpn_protocols))
        return tuple(extensions) or None

    def send_hello(self) -> None:
        """Spec: GB/T 38636-2020 6.4.5.2.1."""
        suites = tuple(s.id for s in self._offered)
        self.send(ClientHello(TLCP_VERSION, self._random, b"", suites, b"\0", self._extensions))

    def accept_hello(self, hello: ServerHello) -> Negotiated:
        """Check version, suite, compression and extensions against the offer.

        No downgrade sentinel is looked for: some stacks send one by mistake.

        Raises:
            ProtocolVersionError, IllegalParameter, UnsupportedExtension: see the text.

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
        self._check_extensions(hello.extensions or ())
        context = HelloContext(TLCP_VERSION, self._random, hello.random)
        return Negotiated(suite, context, self._chosen_protocol(hello))

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

    def _check_extensions(self, answered: tuple[Extension, ...]) -> None:
        """A server may answer only what was offered; renegotiation_info is let pass.

        Gateways (Bank of China among them) send it unasked, empty; it changes nothing here.
        """
        offered = {e.type for e in self._extensions or ()} | {ExtensionType.RENEGOTIATION_INFO}
        for extension in answered:
            if extension.type not in offered:
                raise UnsupportedExtension(
                    "the server answered the extension "
                    f"{number_label(ExtensionType, extension.type)} that was not offered",
                    expected="answers to offered extensions only",
                )

    def verify_server(self, message: Certificate) -> VerifiedPair:
        """Both certificates, their chains, their usages and the host name.

        Raises:
            CertificateVerifyError: they are not to be believed.

        Spec: GB/T 38636-2020 6.4.5.3
        """
        ders, config = message.certificates, self.config
        if not ders:
            raise CertificateVerifyError(
                CertificateProblem.NOT_A_PAIR,
                "the server sent no certificate",
                expected="2 (signing, encryption)",
            )
        if config.dangerous_skip_verification:
            return accept_unverified_pair(ders, role="server", need_enc=True)
        if config.trust is None:
            raise InternalError("a server is to be verified without trust anchors")
        host = None if config.dangerous_skip_host_check else self._server_name
        now = config.now()
        return verify_pair(
            ders, role="server", trust=config.trust, now=now, host=host, need_enc=True
        )

    def verify_exchange(
        self, chosen: Negotiated, server: VerifiedPair, message: ServerKeyExchange
    ) -> VerifiedExchange:
        """Spec: GB/T 38636-2020 6.4.5.4."""
        if chosen.suite.key_exchange is KeyExchangeKind.ECDHE:
            return kx_ecdhe.verify(chosen.hello, server, message.body)
        return kx_ecc.verify(chosen.hello, server, message.body)

    def send_flight(
        self, chosen: Negotiated, exchange: VerifiedExchange, request: CertificateRequest | None
    ) -> KeySchedule:
        """Our certificates if asked for, our part of the key, and the proof of our signing key.

        Without an identity the answer to a request is an empty list: the server decides.

        Spec: GB/T 38636-2020 6.4.5.7 to 6.4.5.9
        """
        identity = self.config.identity
        if request is not None:
            ders = identity.certificate_list() if identity is not None else ()
            self.send(Certificate(ders))
        share = exchange.respond(identity, self.config.random)
        self.send(ClientKeyExchange(share.body))
        if request is not None and identity is not None:
            self.send(CertificateVerify(identity.sign_key.sign(self.transcript_hash())))
        return self.derive_keys(chosen.suite, chosen.hello, share.pre_master)

    def done(
        self, chosen: Negotiated, server: VerifiedPair, first_finished: bytes
    ) -> HandshakeCompleted:
        """Sum up."""
        return HandshakeCompleted(
            suite=chosen.suite,
            peer=server,
            server_name=self._server_name,
            alpn_protocol=chosen.alpn_protocol,
            offered_suites=tuple(suite.id for suite in self._offered),
            first_finished=first_finished,
        )
