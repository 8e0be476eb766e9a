"""ClientHello and ServerHello, and their extensions.

Spec: GB/T 38636-2020 6.4.5.2; GM/T 0024-2023 Appendix A
"""

from __future__ import annotations

from datetime import datetime

from tlcp.errors import DecodeError
from tlcp.explain.told import Field
from tlcp.explain.values import MOST, name_time, short_hex, some
from tlcp.registry import TLCP_VERSION, ExtensionType, number_label
from tlcp.suites import ALL_SUITES, KeyExchangeKind, suite_label
from tlcp.wire.codec import Structure
from tlcp.wire.extensions import (
    EXTENSION_BODIES,
    ProtocolNameList,
    ServerNameList,
    SignatureAlgorithms,
    SupportedGroups,
    decode_extension,
    find_extension,
)
from tlcp.wire.messages import ClientHello, Extension, ServerHello

__all__ = ["resumes", "tell_client_hello", "tell_server_hello"]

_VERSIONS = {
    TLCP_VERSION: "TLCP 1.1",
    0x0300: "SSL 3.0, not TLCP",
    0x0301: "TLS 1.0, not TLCP",
    0x0302: "TLS 1.1, not TLCP",
    0x0303: "TLS 1.2, not TLCP",
    0x0304: "TLS 1.3, not TLCP",
}
_GROUPS = {41: "curveSM2", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519"}
_ALGORITHMS = {0x0704: "sm2 with sm3 (GM/T 0024-2023)", 0x0708: "sm2sig_sm3 (RFC 8998)"}
_EXCHANGES = {
    KeyExchangeKind.ECC: "the client encrypts the secret to the server's encryption certificate",
    KeyExchangeKind.ECDHE: "SM2 key exchange between the encryption keys of both sides",
    KeyExchangeKind.RSA: "the client encrypts the secret to the server's RSA certificate",
    KeyExchangeKind.IBC: "the client encrypts the secret to the server's SM9 identity",
    KeyExchangeKind.IBSDH: "SM9 key exchange",
}
_EXTENSIONS = {
    ExtensionType.SERVER_NAME: "the host that the client wants (RFC 6066 3)",
    ExtensionType.MAX_FRAGMENT_LENGTH: "asks for shorter records (RFC 6066 4)",
    ExtensionType.TRUSTED_CA_KEYS: "CAs that the client trusts (GM/T 0024-2023 A)",
    ExtensionType.STATUS_REQUEST: "asks for an OCSP response (GM/T 0024-2023 A)",
    ExtensionType.SUPPORTED_GROUPS: "curves; TLCP has only SM2 (GM/T 0024-2023 A)",
    ExtensionType.EC_POINT_FORMATS: "of no use: TLCP points are uncompressed",
    ExtensionType.SIGNATURE_ALGORITHMS: "of no use: TLCP signs with SM2 and SM3 (GM/T 0024-2023 A)",
    ExtensionType.ALPN: "protocols above TLCP (RFC 7301)",
    ExtensionType.ENCRYPT_THEN_MAC: "not part of TLCP (RFC 7366)",
    ExtensionType.EXTENDED_MASTER_SECRET: "not part of TLCP (RFC 7627)",
    ExtensionType.SESSION_TICKET: "asks for a session ticket: not in the standard, but several "
    "stacks have it (RFC 5077)",
    ExtensionType.SUPPORTED_VERSIONS: "of TLS 1.3, no meaning here",
    ExtensionType.CLIENT_ID: "the client's IBC identity (GM/T 0024-2023 A)",
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: "the forerunner of ALPN",
    ExtensionType.RENEGOTIATION_INFO: "for renegotiation, which TLCP here refuses (RFC 5746)",
}


def tell_client_hello(hello: ClientHello, now: datetime) -> tuple[Field, ...]:
    """Explain a ClientHello.  Spec: GB/T 38636-2020 6.4.5.2.1"""
    session = short_hex(hello.session_id) if hello.session_id else "(none)"
    session_meaning = "no earlier session to resume"
    if hello.session_id and _ticket(hello):
        session_meaning = (
            "goes with the ticket below: a server that takes the ticket echoes it (RFC 5077 3.4)"
        )
    elif hello.session_id:
        session_meaning = "offers to resume this session (6.4.5.2.1)"
    suites = some([suite_label(number) for number in hello.cipher_suites])
    compression = ", ".join(map(str, hello.compression_methods))
    return (
        _version(hello.version),
        _random(hello.random, now),
        Field("session_id", session, session_meaning),
        Field("cipher_suites", suites, "offered, best first (6.4.5.2.1)"),
        Field("compression_methods", compression, "0 is no compression, the only one defined"),
        *_extensions(hello.extensions, "client"),
    )


def resumes(hello: ServerHello, offered: bytes) -> bool:
    """Whether this ServerHello continues the session of the ClientHello's id.

    Spec: GB/T 38636-2020 6.4.5.2.2
    """
    return bool(hello.session_id) and hello.session_id == offered


def tell_server_hello(hello: ServerHello, now: datetime, offered: bytes) -> tuple[Field, ...]:
    """Explain a ServerHello.

    Args:
        hello: the message.
        now: the current time.
        offered: the session id of the ClientHello.

    Spec: GB/T 38636-2020 6.4.5.2.2
    """
    resumed = resumes(hello, offered)
    session, meaning = short_hex(hello.session_id), "a new session, which may be resumed by this id"
    if resumed:
        meaning = (
            "the one offered: that session goes on, without certificates and key exchange "
            "(6.4.5.2.2)"
        )
    elif not hello.session_id:
        session, meaning = "(none)", "no id to resume this session by later"
        if _promises_ticket(hello):
            meaning = "no id: the ticket that follows will do instead"
    suite = ALL_SUITES.get(hello.cipher_suite)
    chosen = f"chosen (6.4.5.2.2): {_EXCHANGES[suite.key_exchange]}" if suite else "chosen"
    if resumed:
        chosen = "the session's: new keys come from its master secret and both randoms (6.5.2)"
    return (
        _version(hello.version),
        _random(hello.random, now),
        Field("session_id", session, meaning),
        Field("cipher_suite", suite_label(hello.cipher_suite), chosen),
        Field("compression_method", str(hello.compression_method), "0 is no compression"),
        *_extensions(hello.extensions, "server"),
    )


def _ticket(hello: ClientHello) -> bytes:
    """What the client brings in session_ticket; empty if it only asks for one."""
    extension = find_extension(hello.extensions, ExtensionType.SESSION_TICKET)
    return extension.data if extension is not None else b""


def _promises_ticket(hello: ServerHello) -> bool:
    return find_extension(hello.extensions, ExtensionType.SESSION_TICKET) is not None


def _version(version: int) -> Field:
    return Field("version", f"{version:04x}", _VERSIONS.get(version, "no version known"))


def _random(random: bytes, now: datetime) -> Field:
    meaning = "32 fresh bytes; go into the keys"
    if moment := name_time(int.from_bytes(random[:4], "big"), now):
        meaning = f"4 bytes of time ({moment}) and 28 random ones; go into the keys"
    return Field("random", short_hex(random), meaning)


def _extensions(extensions: tuple[Extension, ...] | None, sender: str) -> tuple[Field, ...]:
    if extensions is None:
        return (Field("extensions", "(none)", "no block at all, as in GB/T 38636-2020 itself"),)
    if not extensions:
        return (Field("extensions", "(empty)", "a block without any"),)
    shown = tuple(_extension(extension, sender) for extension in extensions[:MOST])
    more = len(extensions) - MOST
    return (*shown, Field("extensions", f"and {more} more", "")) if more > 0 else shown


def _extension(extension: Extension, sender: str) -> Field:
    kind, data = extension.type, extension.data
    label = number_label(ExtensionType, kind)
    name = "ext. ALPN(16)" if kind == 16 else f"ext. {label}"
    meaning = _EXTENSIONS.get(ExtensionType(kind), "") if kind in _EXTENSIONS else "unknown here"
    if kind == ExtensionType.SESSION_TICKET and sender == "client" and data:
        brought = f"the ticket of an earlier connection, {len(data)} bytes: only the server that"
        return Field(name, short_hex(data), f"{brought} gave it can open it (RFC 5077 3.2)")
    if not data:
        ack = "the server agrees to it" if sender == "server" else meaning
        if kind == ExtensionType.SESSION_TICKET and sender == "server":
            ack = "a NewSessionTicket will follow (RFC 5077 3.2)"
        return Field(name, "(empty)", ack)
    body = EXTENSION_BODIES.get(kind)
    if body is None:
        return Field(name, short_hex(data), meaning)
    try:
        return Field(name, _body_text(decode_extension(extension, body)), meaning)
    except DecodeError as error:
        return Field(name, short_hex(data), f"does not decode: {error.what}")


def _body_text(body: Structure) -> str:
    match body:
        case ServerNameList(names=names):
            return ", ".join(
                entry.name.decode("ascii", "backslashreplace")
                + ("" if entry.name_type == 0 else f" (type {entry.name_type})")
                for entry in names
            )
        case SupportedGroups(groups=groups):
            return ", ".join(f"{_GROUPS.get(g, 'unknown')} ({g})" for g in groups)
        case SignatureAlgorithms(algorithms=algorithms):
            return ", ".join(f"{a:04x} {_ALGORITHMS.get(a, '')}".rstrip() for a in algorithms)
        case ProtocolNameList(protocols=protocols):
            return ", ".join(p.decode("utf-8", "backslashreplace") for p in protocols)
        case _:
            return short_hex(body.to_bytes())
