"""One field of a message: where it lies, what it holds, what its number is called."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Field"]


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        path: as declared, such as "extensions[0].data.names[0].name". The length before a vector
            is its "length", tag and length before an ASN.1 value its "header".
        start, end: its bytes in the message, header included; a vector's length and a value's
            header belong to it.
        value: a number, bytes in hex, or None for a field that is made of others.
        label: what a number is called, or bytes as text; "" where there is no such thing.
    """

    path: str
    start: int
    end: int
    value: int | str | None
    label: str = ""
