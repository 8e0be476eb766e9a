"""Where every field of a message lies, what it holds, and its number's name.

The ranges and values come from the codec's own notes; the parts that depend on the cipher suite
and the bodies of known extensions are read by the structures that the handshake uses.

Spec: GB/T 38636-2020 6.2, 6.4.5
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache

from tlcp.alerts import AlertDescription, AlertLevel
from tlcp.errors import DecodeError
from tlcp.inspect.der_fields import inside_der, name_text
from tlcp.inspect.field import Field
from tlcp.registry import (
    ClientCertificateType,
    ContentType,
    ExtensionType,
    HandshakeType,
    number_label,
)
from tlcp.suites import CipherSuite, KeyExchangeKind, suite_label
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.codec import Structure
from tlcp.wire.extensions import EXTENSION_BODIES, StapledStatus
from tlcp.wire.messages import (
    HANDSHAKE_HEADER_BYTES,
    Alert,
    ChangeCipherSpec,
    ClientKeyExchange,
    Handshake,
    ServerHello,
    ServerKeyExchange,
    message_class,
)
from tlcp.wire.reader import Note, Notes

__all__ = ["Field", "fields_of"]

_ENCRYPTED = (KeyExchangeKind.ECC, KeyExchangeKind.RSA)
_VERSIONS = {0x0101: "TLCP 1.1", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2"}
_GROUPS = {41: "curveSM2"}
#: of numbers that have no enumeration, by the last part of the path
_NAMES = {
    "compression_method": {0: "null"},
    "name_type": {0: "host_name"},
    "status_type": {1: "OCSP"},
    "curve_type": {3: "named_curve"},
    "named_curve": _GROUPS,
    "groups[]": _GROUPS,
    "algorithms[]": {0x0708: "sm2sig_sm3", 0x0704: "SM3 SM2"},
}
_CERTIFICATE = bytes((HandshakeType.CERTIFICATE,))
_KEPT, _KEPT_BYTES = 64, 1 << 14
_INDEX = re.compile(r"\[\d+\]")


def fields_of(
    content_type: int, data: bytes, parsed: Structure | None, suite: CipherSuite | None
) -> list[Field]:
    """The fields of one message, outer ones before inner ones.

    Args:
        content_type: of its record.
        data: the message, a handshake message with its header.
        parsed: what it was parsed to, None if it could not be.
        suite: the one agreed on, None while unknown.
    """
    if content_type == ContentType.HANDSHAKE:
        if data[:1] == _CERTIFICATE and len(data) <= _KEPT_BYTES and parsed is not None:
            return list(_of_certificates(data))
        return _handshake(data, parsed, suite)
    if content_type == ContentType.ALERT:
        return _plain(Alert, data)
    if content_type == ContentType.CHANGE_CIPHER_SPEC:
        return _plain(ChangeCipherSpec, data)
    return [Field("data", 0, len(data), None)]


@lru_cache(_KEPT)
def _of_certificates(data: bytes) -> tuple[Field, ...]:
    """The connections of a capture show the same ones again and again."""
    return tuple(_handshake(data, None, None))


def _plain(kind: type[Structure], data: bytes) -> list[Field]:
    return [_field(note, 0) for note in _noted(kind, data)]


def _noted(kind: type[Structure], data: bytes) -> list[Note]:
    """What could be read, up to the field that is wrong."""
    notes = Notes()
    with contextlib.suppress(DecodeError):
        kind.from_bytes(data, notes)
    return notes.found


def _handshake(data: bytes, parsed: Structure | None, suite: CipherSuite | None) -> list[Field]:
    if len(data) < HANDSHAKE_HEADER_BYTES:
        return []
    size = int.from_bytes(data[1:HANDSHAKE_HEADER_BYTES], "big")
    fields = [
        Field("type", 0, 1, data[0], number_label(HandshakeType, data[0])),
        Field("length", 1, HANDSHAKE_HEADER_BYTES, size),
    ]
    if data[0] not in set(HandshakeType):
        return fields
    waiting: list[Field] = []  # for the length of the field that they are in
    for note in _noted(message_class(data[0]), data[HANDSHAKE_HEADER_BYTES:]):
        inside = list(_inside(note, data, parsed, suite))
        if note.path != "body" or not _says_all(note, inside):
            fields.append(_field(note, HANDSHAKE_HEADER_BYTES))
        fields += waiting
        waiting = inside
    return list(_with_der(fields + waiting, data))


def _says_all(note: Note, inside: list[Field]) -> bool:
    """Whether the fields inside another one leave out nothing of it."""
    outer = [one for one in inside if "." not in one.path.removeprefix(f"{note.path}.")]
    return sum(one.end - one.start for one in outer) == note.end - note.start


def _with_der(fields: list[Field], data: bytes) -> Iterator[Field]:
    """The fields, and those inside the vectors that hold ASN.1."""
    by_path: dict[str, Field] = {}
    for field in fields:
        by_path[field.path] = field
        yield field
        vector = by_path.get(field.path.removesuffix(".length"))
        if vector is not None and vector is not field:
            yield from inside_der(vector.path, data[field.end : vector.end], field.end)


def _inside(
    note: Note, data: bytes, parsed: Structure | None, suite: CipherSuite | None
) -> Iterator[Field]:
    """Fields within a field of bytes whose form is known."""
    value = note.value
    if not isinstance(value, bytes) or not value or not isinstance(parsed, Handshake):
        return
    inner: list[Note] = []
    if note.path == "body":
        inner = _body_notes(parsed, value, suite)
    elif note.path.endswith(".data"):
        kind = _extension_type(note, data)
        inner = _extension_notes(parsed, kind, value)
    shift = HANDSHAKE_HEADER_BYTES + note.end - len(value)
    for one in inner:
        path = f"{note.path}.{one.path}"
        yield _field(Note(path, one.start, one.end, one.value), shift)


def _extension_type(note: Note, data: bytes) -> int:
    at = HANDSHAKE_HEADER_BYTES + note.start - 2  # the type lies right before the data
    return int.from_bytes(data[at : at + 2], "big")


def _extension_notes(parsed: Handshake, kind: int, value: bytes) -> list[Note]:
    body = EXTENSION_BODIES.get(kind)
    if isinstance(parsed, ServerHello) and kind == ExtensionType.STATUS_REQUEST:
        body = StapledStatus
    return _noted(body, value) if body is not None else []


def _body_notes(parsed: Handshake, body: bytes, suite: CipherSuite | None) -> list[Note]:
    exchange = suite.key_exchange if suite is not None else None
    if exchange in _ENCRYPTED and isinstance(parsed, ServerKeyExchange):
        return _noted(EccServerKeyExchange, body)
    if exchange in _ENCRYPTED and isinstance(parsed, ClientKeyExchange):
        return _noted(EccClientKeyExchange, body)
    if exchange is KeyExchangeKind.ECDHE and isinstance(parsed, ServerKeyExchange):
        return _noted(EcdheServerKeyExchange, body)
    notes = Notes()
    if exchange is KeyExchangeKind.ECDHE and isinstance(parsed, ClientKeyExchange):
        with contextlib.suppress(DecodeError):
            decode_ecdhe_client_key_exchange(body, notes)
    return notes.found


def _field(note: Note, shift: int) -> Field:
    value = note.value
    shown: int | str | None = None
    if isinstance(value, int):
        shown = int(value)
    elif isinstance(value, bytes):
        shown = value.hex()
    return Field(note.path, note.start + shift, note.end + shift, shown, _label(note.path, value))


def _label(path: str, value: object) -> str:
    if not isinstance(value, int):
        return _text(path, value)
    match _INDEX.sub("[]", path):
        case "version":
            return _VERSIONS.get(value, "")
        case "cipher_suite" | "cipher_suites[]":
            return suite_label(value)
        case "extensions[].type":
            return number_label(ExtensionType, value)
        case "level":
            return number_label(AlertLevel, value)
        case "description":
            return AlertDescription.label(value)
        case known:
            name = _NAMES.get(known.rpartition(".")[2], {}).get(value)
            return f"{name}({value})" if name is not None else ""


def _text(path: str, value: object) -> str:
    """Names and protocols are text, those of CAs too; the kinds of certificates have names."""
    if isinstance(value, bytes):
        if path.endswith(".name") or ".data.protocols[" in path:
            return value.decode("ascii", "backslashreplace")
        if path.startswith("certificate_authorities["):
            return name_text(value)
        if path == "certificate_types":
            return ", ".join(number_label(ClientCertificateType, kind) for kind in value)
    return ""
