"""What the parsers of ``cryptography`` say when they refuse, in words for people.

Spec: none
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["in_words"]

_KIND: Final = re.compile(r"ParseError \{ kind: (\w+)")
_PLACE: Final = re.compile(r'"(?:\w+::)?(\w+)"')
_KINDS: Final = {
    "ShortData": "it is cut off",
    "ExtraData": "something follows where it should end",
    "UnexpectedTag": "an element is of another kind than is expected there",
    "InvalidLength": "a length is not written as DER has it",
    "IntegerOverflow": "a number is too large",
}


def in_words(error: Exception) -> str:
    """What a parser's error says, in one line; its name if it says nothing."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if (kind := _KIND.search(text)) is None:
        return text
    place = _PLACE.findall(text[kind.end() :])
    where = f" (in {' > '.join(place)})" if place else ""
    return _KINDS.get(kind[1], "an element is malformed") + where
