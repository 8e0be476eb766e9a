"""What an HTTP body holds: its coding undone within bounds, and text where it is text.

Spec: RFC 9110 8.3, 8.4
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from tlcp.alerts import Text

__all__ = ["MOST_DECODED", "Body", "body_of"]

MOST_DECODED = 1 << 20  # bytes: a bomb shall not grow further
_CODINGS = {"": 0, "identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's window bits
#: names that peers give -> codecs; no others, because Python has codecs that take long
_CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
_ALLOWED_CONTROLS = frozenset("\t\n\r\f")


class Body(NamedTuple):
    """A body, its transfer coding already undone.

    Attributes:
        sent: as it was sent.
        data: with its content coding undone; the beginning, if that grows too much.
        coding: the content coding, "" for none.
        text: ``data`` as text, None if it is none.
        problem: why ``data`` is not the whole content, None if it is.
    """

    sent: bytes
    data: bytes
    coding: str
    text: str | None
    problem: Text | None


def body_of(
    sent: bytes,
    coding: str,
    content_type: str,
    *,
    cut: bool = False,
    most: int = MOST_DECODED,
) -> Body:
    """Decode a body.

    Args:
        sent: the bytes, without transfer coding.
        coding: the header Content-Encoding.
        content_type: the header Content-Type.
        cut: whether its end is not there.
        most: decode so many bytes at most.
    """
    name = coding.strip().lower()
    data, problem = sent, None
    bits = _CODINGS.get(name)
    if bits is None:
        problem = _UNKNOWN_CODING
    elif bits and sent:
        data, problem = _inflated(sent, bits, most, cut=cut)
    text = None if bits is None else _text(data, content_type, cut=cut or problem is not None)
    return Body(sent, data, name if bits != 0 else "", text, problem)


def _inflated(sent: bytes, bits: int, most: int, *, cut: bool) -> tuple[bytes, Text | None]:
    if most <= 0:
        return b"", _TOO_MUCH
    raw = -15 if bits == 47 and not _has_zlib_header(sent) else bits  # some servers omit it
    inflater = zlib.decompressobj(raw)
    try:
        data = inflater.decompress(sent, most)
    except zlib.error:
        return sent, _DAMAGED
    if inflater.eof:
        return data, _FOLLOWED if inflater.unused_data else None
    if len(data) >= most:
        return data, _BOMB
    return data, None if cut else _DAMAGED_END


def _has_zlib_header(data: bytes) -> bool:
    start = int.from_bytes(data[:2], "big")
    return data[:2] == b"\x1f\x8b" or (data[0] & 15 == 8 and start % 31 == 0)


def _text(data: bytes, content_type: str, *, cut: bool) -> str | None:
    if not data:
        return ""
    found = _CHARSET.search(content_type[:1024])
    codec = _CHARSETS.get(found[1].lower()) if found else "utf-8-sig"
    if codec is None:
        return None
    # what is cut may end inside a character; more bytes than that must not be lost
    for dropped in range(4 if cut else 1):
        try:
            text = data[: len(data) - dropped].decode(codec)
        except UnicodeError:
            continue
        return text if _is_readable(text) else None
    return None


def _is_readable(text: str) -> bool:
    """Whether it holds no control characters but those of lines."""
    return all(c in _ALLOWED_CONTROLS for c in set(text) if c < " " or c == "\x7f")


_UNKNOWN_CODING = Text("its coding is not undone here", "未解码：不支持该编码")
_DAMAGED = Text("it does not decode: shown as it was sent", "解码失败，按原样显示")
_DAMAGED_END = Text("its coding ends too early", "编码数据不完整")
_FOLLOWED = Text("bytes follow the end of its coding", "编码数据结束后仍有多余字节")
_BOMB = Text("it grows too much: only its beginning was decoded", "解压后过大，仅解码了开头部分")
_TOO_MUCH = Text("not decoded: bodies before it grew too much", "未解码：此前的正文解压后已过大")
