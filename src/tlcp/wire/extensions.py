"""Bodies of the hello extensions that are understood; unknown ones stay bytes.

Spec: GM/T 0024-2023 Appendix A; RFC 6066 3 (server_name); RFC 7301 3.1 (ALPN)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from tlcp.errors import DecodeError
from tlcp.registry import ExtensionType, number_label
from tlcp.wire.codec import U8, U16, Nested, Opaque, Structure, Vector, structure
from tlcp.wire.messages import Extension
from tlcp.wire.reader import Notes

__all__ = [
    "EXTENSION_BODIES",
    "ProtocolNameList",
    "ServerName",
    "ServerNameList",
    "SignatureAlgorithms",
    "SupportedGroups",
    "alpn_extension",
    "decode_extension",
    "find_extension",
    "host_name_extension",
]

B = TypeVar("B", bound=Structure)
HOST_NAME = 0
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
                put addresses there), or is longer than a DNS name can be.
        """
        for entry in self.names:
            if entry.name_type == HOST_NAME:
                if not _HOST_NAME.fullmatch(entry.name):
                    raise DecodeError("server_name: this is no host name in ASCII letters")
                return entry.name.decode("ascii")
        return None


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


#: Extension type -> structure of its body in a ClientHello.
EXTENSION_BODIES: dict[int, type[Structure]] = {
    ExtensionType.SERVER_NAME: ServerNameList,
    ExtensionType.SUPPORTED_GROUPS: SupportedGroups,
    ExtensionType.SIGNATURE_ALGORITHMS: SignatureAlgorithms,
    ExtensionType.ALPN: ProtocolNameList,
}


def find_extension(extensions: Sequence[Extension] | None, kind: int) -> Extension | None:
    """The extension of that type, None if it is not there."""
    return next((e for e in extensions or () if e.type == kind), None)


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
