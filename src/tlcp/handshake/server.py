"""The server's side of the handshake.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature

from tlcp.config import ClientAuth, Config
from tlcp.errors import (
    CertificateRequired,
    DecryptError,
    IllegalParameter,
    InternalError,
    NegotiationError,
    ProtocolVersionError,
)
from tlcp.events import HandshakeCompleted
from tlcp.handshake.endpoint import Channel, Endpoint, FinishingOps, finish_peer
from tlcp.handshake.flow import Step, expect
from tlcp.handshake.kx import HelloContext, ServerExchange
from tlcp.handshake.kx_ecc import EccServerSide
from tlcp.handshake.kx_ecdhe import EcdheServerSide
from tlcp.handshake.schedule import KeySchedule
from tlcp.registry import TLCP_VERSION, ClientCertificateType, ExtensionType
from tlcp.suites import CipherSuite, KeyExchangeKind, suite_label
from tlcp.wire.extensions import (
    ProtocolNameList,
    ServerNameList,
    alpn_extension,
    decode_extension,
    find_extension,
)
from tlcp.wire.messages import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from tlcp.x509.pair import VerifiedPair, accept_unverified_pair, verify_pair

__all__ = ["Negotiated", "ServerEndpoint", "ServerOps", "server_flow"]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A ClientHello and what we answer to it."""

    suite: CipherSuite
    hello: HelloContext
    server_name: str | None
    alpn_protocol: str | None
    offered_suites: tuple[int, ...]
    exchange: ServerExchange
    requests_certificate: bool


class ServerOps(FinishingOps, Protocol):
    """What the server's flow needs done; each step hands on what the next ones need."""

    def choose(self, hello: ClientHello) -> Negotiated:
        """Pick from the client's offer."""

    def send_flight(self, chosen: Negotiated) -> None:
        """Send ServerHello to ServerHelloDone."""

    def verify_client(self, chosen: Negotiated, message: Certificate) -> VerifiedPair | None:
        """Check the client's certificates; None if it sent none and need not."""

    def accept_exchange(
        self, chosen: Negotiated, client: VerifiedPair | None, message: ClientKeyExchange
    ) -> KeySchedule:
        """Get the pre-master secret and derive the keys."""

    def check_certificate_verify(
        self, client: VerifiedPair, message: CertificateVerify, before: bytes
    ) -> None:
        """Check that the client holds its signing key."""

    def done(
        self, chosen: Negotiated, client: VerifiedPair | None, first_finished: bytes
    ) -> HandshakeCompleted:
        """Sum up."""


def server_flow(ops: ServerOps) -> Step[HandshakeCompleted]:
    """The server's handshake; reads as the standard's figure.  Spec: GB/T 38636-2020 6.4.5.1."""
    chosen = ops.choose((yield from expect(ClientHello)))
    ops.send_flight(chosen)
    client = None
    if chosen.requests_certificate:
        client = ops.verify_client(chosen, (yield from expect(Certificate)))
    keys = ops.accept_exchange(chosen, client, (yield from expect(ClientKeyExchange)))
    if client is not None:
        before = ops.transcript_hash()
        ops.check_certificate_verify(client, (yield from expect(CertificateVerify)), before)
    first_finished = yield from finish_peer(ops, keys)
    ops.send_finished(keys)
    return ops.done(chosen, client, first_finished)


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
        server_name = self._server_name(hello)
        suite = self._pick_suite(hello)
        context = HelloContext(hello.version, hello.random, self.hello_random())
        exchange: ServerExchange
        if suite.key_exchange is KeyExchangeKind.ECDHE:
            exchange = EcdheServerSide(context, self._identity)
        else:
            exchange = EccServerSide(context, self._identity, self.config.random)
        asks = self.config.client_auth is not ClientAuth.NONE
        return Negotiated(
            suite=suite,
            hello=context,
            server_name=server_name,
            alpn_protocol=self._pick_protocol(hello),
            offered_suites=hello.cipher_suites,
            exchange=exchange,
            requests_certificate=asks or suite.key_exchange is KeyExchangeKind.ECDHE,
        )

    def _server_name(self, hello: ClientHello) -> str | None:
        """The host name asked for; the program may change the settings for it.

        Spec: GM/T 0024-2023 A (server_name)
        """
        extension = find_extension(hello.extensions, ExtensionType.SERVER_NAME)
        name = decode_extension(extension, ServerNameList).host_name if extension else None
        if self.config.on_server_name is not None:
            changed = self.config.on_server_name(name)
            if changed is not None:
                self.config, self._identity = changed, changed.server_identity()
        return name

    def _pick_protocol(self, hello: ClientHello) -> str | None:
        """The first of our protocols that the client offers; None where nothing meets.

        No common protocol is no error, as in ``ssl``.

        Spec: RFC 7301 3.2
        """
        extension = find_extension(hello.extensions, ExtensionType.ALPN)
        if extension is None or not self.config.alpn_protocols:
            return None
        offered = decode_extension(extension, ProtocolNameList).names
        return next((p for p in self.config.alpn_protocols if p in offered), None)

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
        for suite in self.config.suites:
            if suite.id in hello.cipher_suites:
                return suite
        raise NegotiationError(
            "the client offers no cipher suite that is enabled here; it offers "
            + ", ".join(suite_label(s) for s in hello.cipher_suites[:16]),
            expected="one of " + ", ".join(map(str, self.config.suites)),
            hint="Enable a common suite; ECC_SM4_CBC_SM3 is the one every stack has",
        )

    def send_flight(self, chosen: Negotiated) -> None:
        """ServerHello, Certificate, ServerKeyExchange, [CertificateRequest], ServerHelloDone.

        No extension is answered but ALPN: some clients refuse any. The session id is empty
        because the session cannot be resumed.

        Spec: GB/T 38636-2020 6.4.5.2.2 to 6.4.5.6
        """
        random, protocol = chosen.hello.server_random, chosen.alpn_protocol
        extensions = None if protocol is None else (alpn_extension([protocol]),)
        self.send(ServerHello(TLCP_VERSION, random, b"", chosen.suite.id, 0, extensions))
        self.send(Certificate(self._identity.certificate_list()))
        self.send(ServerKeyExchange(chosen.exchange.offer()))
        if chosen.requests_certificate:
            trust = self.config.trust
            names = trust.subjects_der if trust is not None else ()
            self.send(CertificateRequest(bytes((ClientCertificateType.ECDSA_SIGN,)), names))
        self.send(ServerHelloDone())

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
        if config.client_auth is ClientAuth.NONE or config.dangerous_skip_verification:
            return accept_unverified_pair(ders, role="client", need_enc=ecdhe)
        if config.trust is None:
            raise InternalError("a client is to be verified without trust anchors")
        return verify_pair(
            ders, role="client", trust=config.trust, now=config.now(), host=None, need_enc=ecdhe
        )

    def accept_exchange(
        self, chosen: Negotiated, client: VerifiedPair | None, message: ClientKeyExchange
    ) -> KeySchedule:
        """Spec: GB/T 38636-2020 6.4.5.8."""
        pre_master = chosen.exchange.accept(message.body, client)
        return self.derive_keys(chosen.suite, chosen.hello, pre_master)

    def check_certificate_verify(
        self, client: VerifiedPair, message: CertificateVerify, before: bytes
    ) -> None:
        """The client's signature over the hash of the handshake up to here.

        Raises:
            DecryptError: it does not verify.

        Spec: GB/T 38636-2020 6.4.5.9
        """
        try:
            client.sign.public_key.verify(message.signature, before)
        except InvalidSignature:
            raise DecryptError(
                "the signature in the client's CertificateVerify is wrong",
                expected="a signature by the client's signing certificate "
                f"({client.sign}) over the SM3 hash of the handshake",
                hint="The client may sign with its encryption key, or sign the messages "
                "themselves instead of their hash (GmSSL 3.2 and later)",
            ) from None

    def done(
        self, chosen: Negotiated, client: VerifiedPair | None, first_finished: bytes
    ) -> HandshakeCompleted:
        """Sum up."""
        return HandshakeCompleted(
            suite=chosen.suite,
            peer=client,
            server_name=chosen.server_name,
            alpn_protocol=chosen.alpn_protocol,
            offered_suites=chosen.offered_suites,
            first_finished=first_finished,
        )
