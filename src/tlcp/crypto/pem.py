"""PEM files: the text form of certificates and keys, several blocks in any order.

Spec: RFC 7468 (lax form: text between blocks is skipped), RFC 1421 4.6 for its headers
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from tlcp.errors import ConfigError

__all__ = ["PemBlock", "is_pem", "split_pem", "to_pem"]

_BEGIN = re.compile(rb"^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*$")
_HEADER = re.compile(rb"^[A-Za-z0-9-]+:")


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block.

    Attributes:
        label: what stands after BEGIN, such as "CERTIFICATE".
        der: the decoded bytes; may be a secret, so it is not in the repr.
        encrypted: True for a traditional block with "Proc-Type: 4,ENCRYPTED".
    """

    label: str
    der: bytes
    encrypted: bool = False

    def __repr__(self) -> str:
        return f"PemBlock({self.label!r}, {len(self.der)} bytes)"


def is_pem(data: bytes) -> bool:
    """Tell whether the bytes hold at least one line that begins a PEM block."""
    return b"-----BEGIN " in data


def split_pem(data: bytes) -> tuple[PemBlock, ...]:
    """Decode every block of a PEM file, in order; text outside of blocks is skipped.

    Args:
        data: the whole file; LF or CRLF, with or without a byte order mark.

    Raises:
        ConfigError: a block has no end, a wrong end, or is not base64.

    Spec: RFC 7468 3
    """
    blocks: list[PemBlock] = []
    label, body = "", list[bytes]()
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        line = raw.strip()
        begin = _BEGIN.match(line)
        if begin and label:
            raise ConfigError(f"PEM line {number}: a block begins inside the block {label!r}")
        if begin:
            label, body = begin[1].decode(), []
        elif label and line.startswith(b"-----END"):
            if line != b"-----END " + label.encode() + b"-----":
                raise ConfigError(f"PEM line {number}: the block {label!r} has another's end")
            blocks.append(_decode(label, body))
            label = ""
        elif label:
            body.append(line)
    if label:
        raise ConfigError(f"the PEM block {label!r} has no END line; is the file cut off?")
    return tuple(blocks)


def to_pem(label: str, der: bytes) -> bytes:
    """Write one block with lines of 64 characters.  Spec: RFC 7468 2"""
    text = base64.b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    name = label.encode()
    return b"\n".join((b"-----BEGIN " + name + b"-----", *lines, b"-----END " + name + b"-----\n"))


def _decode(label: str, body: list[bytes]) -> PemBlock:
    encrypted, headers = False, 0
    while headers < len(body) and _HEADER.match(body[headers]):
        line = body[headers]
        encrypted |= line.startswith(b"Proc-Type:") and b"ENCRYPTED" in line
        headers += 1
    try:
        der = base64.b64decode(b"".join(body[headers:]), validate=True)
    except binascii.Error:
        # The cause would show the bytes of a private key: drop it.
        raise ConfigError(f"the PEM block {label!r} is not valid base64") from None
    return PemBlock(label, der, encrypted)
