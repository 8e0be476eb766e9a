"""The five bytes in front of every record, their limits, and what it is if it is no record.

Spec: GB/T 38636-2020 6.3.3
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tlcp.errors import ProtocolVersionError, RecordOverflow, UnexpectedMessage
from tlcp.registry import TLCP_VERSION, ContentType

__all__ = [
    "CONTENT_TYPES",
    "HEADER",
    "HEADER_BYTES",
    "MAX_PLAINTEXT_BYTES",
    "MAX_PROTECTED_BYTES",
    "Header",
    "check_header",
]

HEADER = struct.Struct(">BHH")  # type, version, length
HEADER_BYTES = 5
MAX_PLAINTEXT_BYTES = 2**14
MAX_PROTECTED_BYTES = 2**14 + 2048

CONTENT_TYPES = frozenset(int(t) for t in ContentType)

_STRANGERS = (
    ((b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"CONN"), "a plain HTTP request"),
    ((b"HTTP", b"<htm", b"<!DO", b"<HTM", b"<!do", b"<?xm"), "a plain HTTP answer"),
    ((b"SSH-",), "SSH"),
    ((b"220 ", b"EHLO", b"HELO"), "SMTP or FTP"),
    ((b"PROX", b"\r\n\r\n"), "a PROXY protocol header"),
)  # fmt: skip


class Header(NamedTuple):
    """Content type, version and length (bytes of the fragment) of one record."""

    content_type: int
    version: int
    length: int


def check_header(
    header: Header, stream: bytes | bytearray, offset: int, *, protected: bool, first: bool
) -> None:
    """Refuse a header before anything of its record is buffered.

    Args:
        header: what was read.
        stream: where it was read from: its first bytes may tell what else it is.
        offset: where in there.
        protected: whether keys are in use, which allows for their overhead.
        first: whether nothing of the peer was accepted yet: then its record version is not
            held against it (TLS-minded clients send 0301, servers' first alerts 0301 or 0303).

    Raises:
        UnexpectedMessage: it is no record of TLCP.
        ProtocolVersionError: the record's version is another one.
        RecordOverflow: it is longer than allowed.
    """
    if header.content_type not in CONTENT_TYPES:
        start = bytes(stream[offset : offset + 8])
        raise UnexpectedMessage(
            f"{_shown(start)} is no TLCP record{_stranger(start) if first else ''}",
            expected="a record of type 20 to 23 and version 01 01",
            hint="Check that the peer speaks TLCP on this port" if first else "",
        )
    if header.version != TLCP_VERSION and not (first and header.version >> 8 in (1, 3)):
        raise ProtocolVersionError(
            f"a record of version {header.version:04x} came",
            expected=f"version {TLCP_VERSION:04x}",
            hint="0301 to 0304 are TLS: the peer speaks TLS and not TLCP"
            if header.version >> 8 == 3
            else "",
        )
    limit = MAX_PROTECTED_BYTES if protected else MAX_PLAINTEXT_BYTES
    if header.length > limit:
        raise RecordOverflow(
            f"a record of {header.length} bytes was announced", expected=f"at most {limit} bytes"
        )


def _shown(start: bytes) -> str:
    """The first bytes, as text where they are text."""
    text = start[:8].decode("latin-1").strip()
    readable = text.isascii() and text.isprintable()
    return f"what came ({text!r})" if readable else f"what came ({start[:8].hex(' ')})"


def _stranger(start: bytes) -> str:
    for prefixes, name in _STRANGERS:
        if start.startswith(prefixes):
            return f": this looks like {name}"
    return ""
