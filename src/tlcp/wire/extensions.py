"""Bodies of the hello extensions that are understood; unknown ones stay bytes.

Spec: GM/T 0024-2023 Appendix A; RFC 6066 3 (server_name); RFC 7301 3.1 (ALPN)
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from tlcp.errors import DecodeError
from tlcp.registry import ExtensionType, number_label
from tlcp.wire.codec import (
    U8,
    U16,
    U24,
    Codec,
    Fixed,
    Nested,
    Opaque,
    Structure,
    Vector,
    structure,
)
from tlcp.wire.messages import Extension
from tlcp.wire.reader import Notes, Reader

__all__ = [
    "EXTENSION_BODIES",
    "OCSP",
    "AuthorityKind",
    "ClientIdentity",
    "ProtocolNameList",
    "RenegotiationInfo",
    "ServerName",
    "ServerNameList",
    "SignatureAlgorithms",
    "StapledStatus",
    "StatusRequest",
    "SupportedGroups",
    "TrustedAuthority",
    "TrustedCAKeys",
    "alpn_extension",
    "decode_extension",
    "find_extension",
    "host_name_extension",
]

B = TypeVar("B", bound=Structure)
HOST_NAME = 0
OCSP = 1
_HOST_NAME = re.compile(rb"[A-Za-z0-9._:-]{1,255}")


@structure
@dataclass(frozen=True, slots=True)
class ServerName(Structure):
    """One name of a kind; 0 is a DNS host name in ASCII."""

    name_type: Annotated[int, U8]
    name: Annotated[bytes, Opaque(U16, 1, 2**16 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class ServerNameList(Structure):
    """server_name in a ClientHello.  Spec: RFC 6066 3"""

    names: Annotated[tuple[ServerName, ...], Vector(Nested(ServerName), Opaque(U16, 1, 2**16 - 1))]

    @property
    def host_name(self) -> str | None:
        """The DNS name asked for, None if the list holds none.

        Raises:
            DecodeError: it holds anything but letters, digits, "-", "_", "." and ":" (some clients
                put addresses there), is longer than a DNS name can be, or names two hosts.
        """
        found = [entry.name for entry in self.names if entry.name_type == HOST_NAME]
        if not found:
            return None
        if len(found) > 1:
            raise DecodeError(f"server_name: {len(found)} host names, where one may be")
        if not _HOST_NAME.fullmatch(found[0]):
            raise DecodeError("server_name: this is no host name in ASCII letters")
        return found[0].decode("ascii")


@structure
@dataclass(frozen=True, slots=True)
class SupportedGroups(Structure):
    """supported_groups; SM2 is 41.  Spec: GM/T 0024-2023 A"""

    groups: Annotated[tuple[int, ...], Vector(U16, Opaque(U16, 2, 2**16 - 2))]


@structure
@dataclass(frozen=True, slots=True)
class SignatureAlgorithms(Structure):
    """signature_algorithms; SM2 with SM3 is 0x0704 or 0x0708.  Spec: GM/T 0024-2023 A"""

    algorithms: Annotated[tuple[int, ...], Vector(U16, Opaque(U16, 2, 2**16 - 2))]


@structure
@dataclass(frozen=True, slots=True)
class ProtocolNameList(Structure):
    """ALPN: protocols offered, or the one chosen.  Spec: RFC 7301 3.1"""

    protocols: Annotated[
        tuple[bytes, ...], Vector(Opaque(U8, 1, 2**8 - 1), Opaque(U16, 2, 2**16 - 1))
    ]

    @property
    def names(self) -> tuple[str, ...]:
        """The protocols as text; bytes outside ASCII are escaped."""
        return tuple(p.decode("ascii", "backslashreplace") for p in self.protocols)


@structure
@dataclass(frozen=True, slots=True)
class RenegotiationInfo(Structure):
    """renegotiation_info: empty in a first handshake.  Spec: RFC 5746 3.2 (not in the standard)"""

    renegotiated_connection: Annotated[bytes, Opaque(U8, 0, 2**8 - 1)]


class AuthorityKind(enum.IntEnum):
    """How trusted_ca_keys names a CA; the codes are not those of RFC 6066.

    Spec: GM/T 0024-2023 A
    """

    PRE_AGREED = 0
    X509_NAME = 2
    KEY_SM3_HASH = 4
    CERT_SM3_HASH = 5


_AUTHORITY_CODECS: dict[int, Codec[bytes]] = {
    AuthorityKind.PRE_AGREED: Fixed(0),
    AuthorityKind.X509_NAME: Opaque(U16, 1, 2**16 - 1),
    AuthorityKind.KEY_SM3_HASH: Fixed(32),
    AuthorityKind.CERT_SM3_HASH: Fixed(32),
}


@dataclass(frozen=True, slots=True)
class TrustedAuthority(Structure):
    """One CA: its kind decides the form of ``identifier``.  Spec: GM/T 0024-2023 A"""

    kind: int
    identifier: bytes

    @classmethod
    def read(cls, r: Reader) -> TrustedAuthority:
        """Read the fields at the cursor."""
        kind = r.named("kind", U8.read)
        codec = _AUTHORITY_CODECS.get(kind)
        if codec is None:
            raise DecodeError(f"kind: {kind} names no CA; expected 0, 2, 4 or 5")
        return cls(kind, r.named("identifier", codec.read))

    def to_bytes(self) -> bytes:
        """The wire form."""
        out = bytearray((self.kind,))
        _AUTHORITY_CODECS[self.kind].write(out, self.identifier)
        return bytes(out)


@structure
@dataclass(frozen=True, slots=True)
class TrustedCAKeys(Structure):
    """trusted_ca_keys: the CAs that a client knows.  Spec: GM/T 0024-2023 A"""

    authorities: Annotated[
        tuple[TrustedAuthority, ...], Vector(Nested(TrustedAuthority), Opaque(U16, 0, 2**16 - 1))
    ]


@structure
@dataclass(frozen=True, slots=True)
class StatusRequest(Structure):
    """status_request in a ClientHello; 1 is OCSP.  Spec: RFC 6066 8, GM/T 0024-2023 A"""

    status_type: Annotated[int, U8] = OCSP
    responder_ids: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)] = b""
    request_extensions: Annotated[bytes, Opaque(U16, 0, 2**16 - 1)] = b""


@structure
@dataclass(frozen=True, slots=True)
class StapledStatus(Structure):
    """A stapled OCSP response, the body of CertificateStatus; gotlcp puts it into ServerHello.

    Spec: RFC 6066 8, GM/T 0024-2023 A
    """

    status_type: Annotated[int, U8]
    response: Annotated[bytes, Opaque(U24, 1, 2**24 - 1)]


@structure
@dataclass(frozen=True, slots=True)
class ClientIdentity(Structure):
    """client_id: who the client is in identity-based suites.  Spec: GM/T 0024-2023 A"""

    identity: Annotated[bytes, Opaque(U16, 1, 2**16 - 1)]


#: Extension type -> structure of its body in a ClientHello.
EXTENSION_BODIES: dict[int, type[Structure]] = {
    ExtensionType.SERVER_NAME: ServerNameList,
    ExtensionType.SUPPORTED_GROUPS: SupportedGroups,
    ExtensionType.SIGNATURE_ALGORITHMS: SignatureAlgorithms,
    ExtensionType.ALPN: ProtocolNameList,
    ExtensionType.TRUSTED_CA_KEYS: TrustedCAKeys,
    ExtensionType.STATUS_REQUEST: StatusRequest,
    ExtensionType.CLIENT_ID: ClientIdentity,
    ExtensionType.RENEGOTIATION_INFO: RenegotiationInfo,
}


def find_extension(extensions: Sequence[Extension] | None, kind: int) -> Extension | None:
    """The extension of that type, None if it is not there."""
    for extension in extensions or ():
        if extension.type == kind:
            return extension
    return None


def decode_extension(extension: Extension, body: type[B], notes: Notes | None = None) -> B:
    """Read the body of an extension.

    Raises:
        DecodeError: names the extension and the field.
    """
    try:
        return body.from_bytes(extension.data, notes)
    except DecodeError as error:
        name = number_label(ExtensionType, extension.type)
        raise DecodeError(f"extension {name}: {error.what}") from None


def host_name_extension(host: str) -> Extension:
    """server_name for a DNS name in ASCII (A-labels)."""
    names = ServerNameList((ServerName(HOST_NAME, host.encode("ascii")),))
    return Extension(ExtensionType.SERVER_NAME, names.to_bytes())


def alpn_extension(protocols: Sequence[str]) -> Extension:
    """ALPN with these protocols: an offer, or with one of them the answer."""
    names = ProtocolNameList(tuple(p.encode("ascii") for p in protocols))
    return Extension(ExtensionType.ALPN, names.to_bytes())
