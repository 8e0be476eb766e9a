"""Every handshake message, declared once, and ChangeCipherSpec and Alert beside them.

Spec: GB/T 38636-2020 6.4.3, 6.4.4, 6.4.5
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeVar

from tlcp.errors import DecodeError, UnexpectedMessage
from tlcp.registry import HandshakeType, number_label
from tlcp.wire.codec import (
    U8,
    U16,
    U24,
    U32,
    Fixed,
    Nested,
    Opaque,
    Rest,
    Structure,
    Tail,
    Vector,
    structure,
)
from tlcp.wire.reader import Notes, Reader

__all__ = [
    "HANDSHAKE_HEADER_BYTES",
    "MESSAGES",
    "Alert",
    "Certificate",
    "CertificateRequest",
    "CertificateStatus",
    "CertificateVerify",
    "ChangeCipherSpec",
    "ClientHello",
    "ClientKeyExchange",
    "Extension",
    "Finished",
    "Handshake",
    "HelloRequest",
    "NewSessionTicket",
    "ServerHello",
    "ServerHelloDone",
    "ServerKeyExchange",
    "decode_handshake",
    "message_class",
]

HANDSHAKE_HEADER_BYTES = 4  # type (1), length (3)

H = TypeVar("H", bound="Handshake")


class Handshake(Structure):
    """A handshake message: immutable, and the same bytes both ways.

    Spec: GB/T 38636-2020 6.4.5.1
    """

    __slots__ = ()
    kind: ClassVar[HandshakeType]
    _type_byte: ClassVar[bytes]

    def encode(self) -> bytes:
        """Header and body."""
        body = self.to_bytes()
        return self._type_byte + len(body).to_bytes(3, "big") + body


#: Handshake type -> message class: the one list of what can be parsed.
MESSAGES: dict[int, type[Handshake]] = {}


def _message(kind: HandshakeType) -> Callable[[type[H]], type[H]]:
    def register(cls: type[H]) -> type[H]:
        cls.kind, cls._type_byte = kind, bytes((kind,))
        MESSAGES[kind] = cls
        return structure(cls)

    return register


def message_class(kind: int) -> type[Handshake]:
    """The class for a handshake type.

    Raises:
        UnexpectedMessage: no such type is known.
    """
    try:
        return MESSAGES[kind]
    except KeyError:
        name = number_label(HandshakeType, kind)
        raise UnexpectedMessage(f"a handshake message of the type {name} came") from None


def decode_handshake(data: bytes, notes: Notes | None = None) -> Handshake:
    """Decode one whole message, header included.

    Raises:
        UnexpectedMessage: the type is unknown.
        DecodeError: the lengths or values are wrong; names message and field.
    """
    if len(data) < HANDSHAKE_HEADER_BYTES:
        raise DecodeError(f"a handshake header has 4 bytes, only {len(data)} came")
    cls = message_class(data[0])
    body = data[HANDSHAKE_HEADER_BYTES:]
    if int.from_bytes(data[1:HANDSHAKE_HEADER_BYTES], "big") != len(body):
        raise DecodeError(f"{cls.__name__}: its length field does not match its {len(body)} bytes")
    try:
        return cls.from_bytes(body, notes)
    except DecodeError as error:
        raise DecodeError(f"{cls.__name__}: {error.what}") from None


# ---- shared field forms ------------------------------------------------------------------


@structure
@dataclass(frozen=True, slots=True)
class Extension(Structure):
    """One hello extension, its body as it came.  Spec: GM/T 0024-2023 Appendix A"""

    type: Annotated[int, U16]
    data: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


class _ExtensionBlock:
    """Extensions behind a length; a type may come only once."""

    _vector = Vector(Nested(Extension), Opaque(U16, 0, 2**16 - 1))

    def read(self, r: Reader) -> tuple[Extension, ...]:
        extensions = self._vector.read(r)
        if len({e.type for e in extensions}) != len(extensions):
            raise DecodeError("an extension is repeated")
        return extensions

    def write(self, out: bytearray, value: tuple[Extension, ...]) -> None:
        self._vector.write(out, value)


_Extensions = Annotated[tuple[Extension, ...] | None, Tail(_ExtensionBlock())]
_SuiteList = Annotated[tuple[int, ...], Vector(U16, Opaque(U16, 2, 2**16 - 2))]
_DERList = Vector(Opaque(U24, 1, 2**24 - 1), Opaque(U24, 0, 2**24 - 1))
_NameList = Vector(Opaque(U16, 1, 2**16 - 1), Opaque(U16, 0, 2**16 - 1))


# ---- the messages, in the order of a handshake --------------------------------------------


@_message(HandshakeType.HELLO_REQUEST)
@dataclass(frozen=True, slots=True)
class HelloRequest(Handshake):
    """The server asks for a new handshake; always refused here."""


@_message(HandshakeType.CLIENT_HELLO)
@dataclass(frozen=True, slots=True)
class ClientHello(Handshake):
    """Opens the handshake and offers suites, best first.

    ``extensions`` is None when there is no block at all: GB/T 38636-2020 has none, GM/T 0024-2023
    added it, and some stacks refuse even an empty one.

    Spec: GB/T 38636-2020 6.4.5.2.1
    """

    version: Annotated[int, U16]
    random: Annotated[bytes, Fixed(32)]
    session_id: Annotated[bytes, Opaque(U8, 0, 32)]
    cipher_suites: _SuiteList
    compression_methods: Annotated[bytes, Opaque(U8, 1, 2**8 - 1)]
    extensions: _Extensions = None


@_message(HandshakeType.SERVER_HELLO)
@dataclass(frozen=True, slots=True)
class ServerHello(Handshake):
    """The server's choice.  Spec: GB/T 38636-2020 6.4.5.2.2"""

    version: Annotated[int, U16]
    random: Annotated[bytes, Fixed(32)]
    session_id: Annotated[bytes, Opaque(U8, 0, 32)]
    cipher_suite: Annotated[int, U16]
    compression_method: Annotated[int, U8]
    extensions: _Extensions = None


@_message(HandshakeType.CERTIFICATE)
@dataclass(frozen=True, slots=True)
class Certificate(Handshake):
    """DER certificates: signing, encryption, then CAs; a client may send none.

    Spec: GB/T 38636-2020 6.4.5.3, 6.4.5.7
    """

    certificates: Annotated[tuple[bytes, ...], _DERList]


@_message(HandshakeType.CERTIFICATE_STATUS)
@dataclass(frozen=True, slots=True)
class CertificateStatus(Handshake):
    """A stapled OCSP response.  Spec: RFC 6066 8 (not in the standard; Tongsuo sends it)"""

    status_type: Annotated[int, U8]
    response: Annotated[bytes, Opaque(U24, 1, 2**24 - 1)]


@_message(HandshakeType.SERVER_KEY_EXCHANGE)
@dataclass(frozen=True, slots=True)
class ServerKeyExchange(Handshake):
    """Signed by the server's signing key; ``bodies.py`` reads it once the suite is known.

    Spec: GB/T 38636-2020 6.4.5.4
    """

    body: Annotated[bytes, Rest()]


@_message(HandshakeType.CERTIFICATE_REQUEST)
@dataclass(frozen=True, slots=True)
class CertificateRequest(Handshake):
    """Kinds of client certificates and the DER names of acceptable CAs.

    Spec: GB/T 38636-2020 6.4.5.5
    """

    certificate_types: Annotated[bytes, Opaque(U8, 1, 2**8 - 1)]
    certificate_authorities: Annotated[tuple[bytes, ...], _NameList]


@_message(HandshakeType.SERVER_HELLO_DONE)
@dataclass(frozen=True, slots=True)
class ServerHelloDone(Handshake):
    """The server's flight is complete.  Spec: GB/T 38636-2020 6.4.5.6"""


@_message(HandshakeType.CLIENT_KEY_EXCHANGE)
@dataclass(frozen=True, slots=True)
class ClientKeyExchange(Handshake):
    """The client's share of the key; ``bodies.py`` reads it.  Spec: GB/T 38636-2020 6.4.5.8"""

    body: Annotated[bytes, Rest()]


@_message(HandshakeType.CERTIFICATE_VERIFY)
@dataclass(frozen=True, slots=True)
class CertificateVerify(Handshake):
    """The client's signature (DER) over the handshake so far.  Spec: GB/T 38636-2020 6.4.5.9"""

    signature: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


@_message(HandshakeType.NEW_SESSION_TICKET)
@dataclass(frozen=True, slots=True)
class NewSessionTicket(Handshake):
    """A session ticket.  Spec: RFC 5077 3.3 (not in the standard; several stacks send it)"""

    lifetime_s: Annotated[int, U32]
    ticket: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)]


@_message(HandshakeType.FINISHED)
@dataclass(frozen=True, slots=True)
class Finished(Handshake):
    """Proof of the same keys and the same transcript.  Spec: GB/T 38636-2020 6.4.5.10"""

    verify_data: Annotated[bytes, Fixed(12)]


# ---- what is no handshake message ----------------------------------------------------------


@structure
@dataclass(frozen=True, slots=True)
class ChangeCipherSpec(Structure):
    """From here on the sender uses the new keys; not part of the transcript.

    Spec: GB/T 38636-2020 6.4.3
    """

    value: Annotated[int, U8] = 1


@structure
@dataclass(frozen=True, slots=True)
class Alert(Structure):
    """Level and description, see ``tlcp.alerts``.  Spec: GB/T 38636-2020 6.4.4"""

    level: Annotated[int, U8]
    description: Annotated[int, U8]
