"""Settings of a connection: frozen, checked once, shared by any number of connections.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.crypto.sm3 import sm3
from tlcp.dialects import AUTO, Dialect
from tlcp.errors import ConfigError
from tlcp.events import TracedMessage
from tlcp.sessions.session import SessionStore, TicketKeys
from tlcp.suites import DEFAULT_SUITES, CipherSuite, KeyExchangeKind, KeyKind
from tlcp.x509.chain import ChainPolicy
from tlcp.x509.identity import Identity
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

__all__ = ["ClientAuth", "Config", "Limits"]


_MAX_CA_NAMES_BYTES = 2**16 - 1  # GB/T 38636-2020 6.4.5.5
_MAY_BE_ZERO = ("empty_records", "warning_alerts", "renegotiations")


class ClientAuth(enum.Enum):
    """Whether a server authenticates its clients."""

    NONE = "none"  # no certificate asked for, but in ECDHE suites, which cannot do without
    OPTIONAL = "optional"  # asked for; verified if the client sends one
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost us; ``docs/limits.md`` says what follows from it.

    How long a chain may be is in ``Config.chain_policy``.

    Attributes:
        handshake_s: seconds from the beginning of the handshake to its end, None = any number.
            Kept by sockets and BIO objects; the sans-IO ``Connection`` has no clock.
        handshake_bytes: longest handshake message taken, header included.
        handshake_bytes_in_all: handshake bytes taken before the handshake is through.
        handshake_messages: handshake messages taken before the handshake is through.
        certificates: how many the peer's Certificate message may hold.
        empty_records: records without content in a row.
        warning_alerts: warnings of the peer, other than close_notify, over the connection's life.
        renegotiations: times the peer may ask for a new handshake and be refused.
        concurrent_handshakes: for servers, of one context: when one more begins, one must go: the
            oldest that has not said hello, or that has, whichever are more.

    Raises:
        ConfigError: a limit is no number or below 1; ``empty_records``, ``warning_alerts`` and
            ``renegotiations`` may be 0.
    """

    handshake_s: float | None = 60.0
    handshake_bytes: int = 1 << 16
    handshake_bytes_in_all: int = 1 << 18
    handshake_messages: int = 32
    certificates: int = 32
    empty_records: int = 32
    warning_alerts: int = 8
    renegotiations: int = 4
    concurrent_handshakes: int = 4096

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is None and name == "handshake_s":
                continue
            least = 0 if name in _MAY_BE_ZERO else 1
            kinds = (int, float) if name == "handshake_s" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds):
                kind = "a number" if name == "handshake_s" else "a whole number"
                raise ConfigError(f"Limits.{name} is {value!r}: it must be {kind}")
            if not value >= least and not (name == "handshake_s" and value > 0):
                raise ConfigError(f"Limits.{name} is {value!r}: it must be at least {least}")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that client and server connections need to know.

    Args:
        identity: our certificates and keys; a server must have one with an encryption pair, a
            client needs one where the server asks for it.
        trust: CAs whose certificates are believed. Needed to verify the peer.
        suites: cipher suites, best first; a server picks by its own order. The RSA suites, which
            are not among the default ones, need RSA certificates on both sides.
        client_auth: for servers.
        dialect: what to send to whom, where deployed stacks disagree; see ``tlcp.dialects``.
        extensions: False sends a ClientHello without any extension, whatever the dialect.
        alpn_protocols: application protocols, best first; a server picks by its own order.
        on_server_name: for servers: gets the host name that a client asks for (None if it asks
            for none) and returns other settings for this connection, or None to keep these. It
            may raise ``UnrecognizedName``.
        session_store: for servers: where sessions are kept for clients to resume by their id;
            None names no sessions.
        session_lifetime_s: seconds after the full handshake for which a session may be resumed.
        tickets: for clients: ask for a session ticket (RFC 5077, not in the standard).
        ticket_keys: for servers: the keys of session tickets; None gives and takes none.
        trusted_ca_keys: for clients: tell the server which CAs we know.
        revocation: how it is found out whether certificates are revoked; None = not at all.
        chain_policy: what is asked of the peer's certificate chains beyond the standard.
        request_ocsp: for clients: ask for a stapled OCSP response.
        ocsp_response: for servers: DER of the OCSP response to staple for clients that ask.
        client_id: for clients: what the extension client_id says, empty = it is not sent.
        dangerous_skip_verification: believe any certificate. Anyone can then read and change
            everything; only for tests.
        dangerous_skip_host_check: believe a server certificate for any host name.
        keylog: gets one ``CLIENT_RANDOM`` line per connection: whoever has it reads everything.
        trace: gets every message sent and received, application data included.
        random: source of random bytes, ``os.urandom`` but in tests.
        now: current time as an aware datetime.
        limits: see ``Limits``.

    Attributes:
        fitting_suites: those of ``suites`` that are for the kind of keys of ``identity``, SM2 or
            RSA; all of them without one.

    Raises:
        ConfigError: the settings contradict each other.
    """

    identity: Identity | None = None
    trust: TrustStore | None = None
    suites: tuple[CipherSuite, ...] = DEFAULT_SUITES
    client_auth: ClientAuth = ClientAuth.REQUIRED
    dialect: Dialect = AUTO
    extensions: bool = True
    alpn_protocols: tuple[str, ...] = ()
    on_server_name: Callable[[str | None], Config | None] | None = None
    session_store: SessionStore | None = None
    session_lifetime_s: int = 7200
    tickets: bool = False
    ticket_keys: TicketKeys | None = None
    trusted_ca_keys: bool = False
    revocation: RevocationPolicy | None = None
    chain_policy: ChainPolicy = field(default_factory=ChainPolicy)
    request_ocsp: bool = False
    ocsp_response: bytes = b""
    client_id: bytes = b""
    dangerous_skip_verification: bool = False
    dangerous_skip_host_check: bool = False
    keylog: Callable[[str], None] | None = None
    trace: Callable[[TracedMessage], None] | None = None
    random: Callable[[int], bytes] = os.urandom
    now: Callable[[], datetime] = _utc_now
    limits: Limits = field(default_factory=Limits)
    fitting_suites: tuple[CipherSuite, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.suites:
            raise ConfigError("the list of cipher suites is empty")
        for suite in self.suites:
            if not suite.implemented:
                raise ConfigError(f"cipher suite {suite} is known by name only")
        for protocol in self.alpn_protocols:
            if not protocol.isascii() or not 0 < len(protocol) < 256:  # RFC 7301 3.1
                raise ConfigError(f"ALPN protocol {protocol!r}: want 1 to 255 ASCII letters")

        kind = self.identity.key_kind if self.identity is not None else None
        fitting = tuple(s for s in self.suites if kind is None or s.key_kind is kind)
        object.__setattr__(self, "fitting_suites", fitting)

    def may_send(self, extension: int) -> bool:
        """Whether the dialect has a hello extension."""
        return self.extensions and extension in self.dialect.extensions

    def binding(self, role: str) -> bytes:
        """32 bytes, a hash over all that makes us believe the peer, and over who we are.

        A session is resumed under the same binding only.
        """
        identity, trust = self.identity, self.trust
        parts = (
            role.encode(),
            self.client_auth.value.encode() if role == "server" else b"",
            bytes((self.dangerous_skip_verification, self.dangerous_skip_host_check)),
            trust.fingerprint if trust is not None else b"",
            identity.fingerprint if identity is not None else b"",
            self.revocation.fingerprint if self.revocation is not None else b"",
            self.chain_policy.fingerprint,
        )
        return sm3(b"".join(len(part).to_bytes(4, "big") + part for part in parts))

    @property
    def has_encryption_pair(self) -> bool:
        """Whether the identity has an encryption certificate and key."""
        return self.identity is not None and self.identity.enc_key is not None

    def client_suites(self) -> tuple[CipherSuite, ...]:
        """The suites a client can offer: for its kind of keys, ECDHE only with an encryption pair.

        Raises:
            ConfigError: none is left.
        """
        if self.identity is not None and not self.fitting_suites:
            raise self._no_suite_for(self.identity)
        usable = tuple(
            s
            for s in self.fitting_suites
            if self.has_encryption_pair or s.key_exchange is not KeyExchangeKind.ECDHE
        )
        if not usable:
            raise ConfigError(
                "only ECDHE suites are configured, and they need a client signing certificate and "
                "an encryption certificate with their keys; add them, or allow ECC_SM4_GCM_SM3"
            )
        return usable

    def _no_suite_for(self, identity: Identity) -> ConfigError:
        kind = identity.key_kind
        named = "an RSA suite, such as RSA_SM4_GCM_SM3" if kind is KeyKind.RSA else "an SM2 suite"
        return ConfigError(
            f"the certificates have {kind.value} keys, but the cipher suites are for others: "
            + ", ".join(map(str, self.suites))
            + f"; enable {named}, or give other certificates"
        )

    def check_client(self, server_name: str | None) -> None:
        """Refuse settings under which a client would believe anyone.

        Raises:
            ConfigError: no trust anchors, or no name to check.
        """
        if self.dangerous_skip_verification:
            return
        if self.trust is None or not self.trust.anchors:
            raise ConfigError(
                "no trusted CA is configured, so the server cannot be verified; "
                "give the CA that issued its certificates (--ca, or cafile= of "
                "create_default_context, or load_verify_locations)"
            )
        if server_name is None and not self.dangerous_skip_host_check:
            raise ConfigError(
                "no server name is given, so the server's certificates cannot be checked against it"
            )

    def server_identity(self) -> Identity:
        """The identity of a server that can complete a handshake with these settings.

        Raises:
            ConfigError: no pair of certificates, or nothing to verify clients by.
        """
        if self.identity is None or self.identity.enc_key is None:
            raise ConfigError(
                "a server needs two certificates with their keys: one to sign, one to encrypt "
                "(for RSA suites the same certificate and key may be given for both)"
            )
        if not self.fitting_suites:
            raise self._no_suite_for(self.identity)
        key = self.identity.enc_key
        if isinstance(key, RSAPrivateKey) and not key.rejects_implicitly:
            raise ConfigError(
                "the OpenSSL inside `cryptography` lets clients measure whether an RSA ciphertext "
                "was well padded (Bleichenbacher's attack); RSA suites need OpenSSL 3.2 or later"
            )
        verifies = self.client_auth is not ClientAuth.NONE and not self.dangerous_skip_verification
        if verifies and (self.trust is None or not self.trust.anchors):
            raise ConfigError(
                "client authentication is on and no trusted CA is configured; "
                "give the CA of the clients, or turn client authentication off"
            )
        names = self.trust.subjects_der if self.trust is not None else ()
        if sum(2 + len(name) for name in names) > _MAX_CA_NAMES_BYTES:
            raise ConfigError(
                f"the names of {len(names)} trusted CAs do not fit into a CertificateRequest; "
                "trust fewer CAs on this server: those that issue its clients' certificates"
            )
        return self.identity
