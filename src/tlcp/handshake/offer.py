"""The ClientHello's extensions: what the program asks for, as far as the dialect has it.

Spec: GM/T 0024-2023 Appendix A; RFC 5077 3.2
"""

from __future__ import annotations

from tlcp.config import Config
from tlcp.errors import NegotiationError
from tlcp.registry import ExtensionType
from tlcp.wire.extensions import (
    AuthorityKind,
    ClientIdentity,
    RenegotiationInfo,
    SignatureAlgorithms,
    StatusRequest,
    SupportedGroups,
    TrustedAuthority,
    TrustedCAKeys,
    alpn_extension,
    decode_extension,
    host_name_extension,
)
from tlcp.wire.messages import Extension
from tlcp.x509.names import parse_host

__all__ = [
    "RENEGOTIATION_SCSV",
    "check_first_handshake",
    "offered_extensions",
    "offered_suite_ids",
]

RENEGOTIATION_SCSV = 0x00FF  # RFC 5746 3.3


def offered_suite_ids(config: Config) -> tuple[int, ...]:
    """The list of cipher suites, best first.

    Raises:
        ConfigError: none can be offered.
    """
    ids = tuple(suite.id for suite in config.client_suites())
    return (*ids, RENEGOTIATION_SCSV) if config.dialect.renegotiation_scsv else ids


def offered_extensions(
    config: Config, server_name: str | None, ticket: bytes
) -> tuple[Extension, ...] | None:
    """All extensions; None where there is nothing to say: old stacks refuse even an empty block.

    Args:
        config: settings.
        server_name: host name or address of the server, None if it is not known.
        ticket: of the session to continue, empty for none.
    """
    dialect, found = config.dialect, list[Extension]()
    if server_name is not None and isinstance(host := parse_host(server_name), str):
        found.append(host_name_extension(host))
    if config.trusted_ca_keys and config.trust is not None:
        found.append(_trusted_ca_keys(config.trust.subjects_der))
    if config.request_ocsp:
        found.append(Extension(ExtensionType.STATUS_REQUEST, StatusRequest().to_bytes()))
    if dialect.supported_groups:
        groups = SupportedGroups(dialect.supported_groups).to_bytes()
        found.append(Extension(ExtensionType.SUPPORTED_GROUPS, groups))
    if dialect.signature_algorithms:
        algorithms = SignatureAlgorithms(dialect.signature_algorithms).to_bytes()
        found.append(Extension(ExtensionType.SIGNATURE_ALGORITHMS, algorithms))
    if config.alpn_protocols:
        found.append(alpn_extension(config.alpn_protocols))
    if config.tickets:
        found.append(Extension(ExtensionType.SESSION_TICKET, ticket))
    if config.client_id:
        identity = ClientIdentity(config.client_id).to_bytes()
        found.append(Extension(ExtensionType.CLIENT_ID, identity))
    return tuple(e for e in found if config.may_send(e.type)) or None


def _trusted_ca_keys(names: tuple[bytes, ...]) -> Extension:
    authorities = (TrustedAuthority(AuthorityKind.X509_NAME, name) for name in names)
    return Extension(ExtensionType.TRUSTED_CA_KEYS, TrustedCAKeys(tuple(authorities)).to_bytes())


def check_first_handshake(sender: str, info: Extension | None) -> None:
    """Refuse a hello that goes on with another connection: there is no renegotiation here.

    Args:
        sender: "client" or "server".
        info: its renegotiation_info, None without one.

    Raises:
        DecodeError: malformed.
        NegotiationError: it names an earlier handshake. Someone may have put another
            connection's beginning in front of this one.

    Spec: RFC 5746 3.4, 3.6 (not in the standard)
    """
    if info is not None and decode_extension(info, RenegotiationInfo).renegotiated_connection:
        raise NegotiationError(
            f"the {sender}'s renegotiation_info goes on with an earlier handshake",
            expected="an empty one, in the first handshake of a connection",
        )
