"""Values as text that a person can read, and that a terminal cannot be harmed by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

__all__ = ["MOST", "name_time", "safe_text", "short_hex", "some", "text_or_hex"]

MOST = 32  # items of a list that are shown: a peer may send thousands
_WHOLE_BYTES = 16  # hex up to here is shown in full
_HEAD_BYTES, _TAIL_BYTES = 8, 4
_TEXT_CHARACTERS = 60
_CLOCK_ERROR = timedelta(days=366)  # how wrong a clock may be for its time to look like one


def short_hex(data: bytes) -> str:
    """Hex, of long data only its two ends: ``0123456789abcdef...89abcdef``."""
    if len(data) <= _WHOLE_BYTES:
        return data.hex() or "(empty)"
    return f"{data[:_HEAD_BYTES].hex()}...{data[-_TAIL_BYTES:].hex()}"


def safe_text(text: str) -> str:
    """The text with everything unprintable escaped: peers choose names, terminals obey escapes."""
    if text.isprintable():  # nearly always, and much faster
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(items: Sequence[str]) -> str:
    """The first items, separated by commas, and how many more there are."""
    more = len(items) - MOST
    return ", ".join(items[:MOST]) + (f" and {more} more" if more > 0 else "")


def text_or_hex(data: bytes) -> str:
    """Quoted text if the bytes are text, else hex; either way only the beginning of long data."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return short_hex(data)
    if not all(c.isprintable() or c in "\r\n\t" for c in text):
        return short_hex(data)
    shown = text if len(text) <= _TEXT_CHARACTERS else text[:_TEXT_CHARACTERS] + "..."
    return f'"{safe_text(shown)}"'


def name_time(seconds: int, now: datetime) -> str:
    """``2026-11-23 17:29:44 UTC`` if it is within a year of now, else ""."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if abs(moment - now) < _CLOCK_ERROR else ""
