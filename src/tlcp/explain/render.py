"""Told messages as lines of text: the one place that decides how they look.

A line is a list of segments, each a role and its text; whoever prints may give roles colours.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from tlcp.explain.told import Field, Told
from tlcp.explain.values import safe_text

__all__ = ["Line", "Role", "Segment", "render", "to_text"]

Role = Literal["number", "direction", "message", "note", "field", "value", "meaning", "space"]
Segment = tuple[Role, str]
Line = list[Segment]

_INDENT = 10
_NAME_WIDTH = 20
_MIN_WIDTH = 60  # narrower terminals wrap by themselves


def render(told: Told, width: int | None = None) -> Iterator[Line]:
    """Lay one message out: a heading, then one line for each field.

    Args:
        told: the message.
        width: columns to wrap at, None = one line for each field, however long.
    """
    yield _heading(told)
    wrap = width if width is not None and width >= _MIN_WIDTH else None
    for field in told.fields:
        yield from _field(field, wrap)


def to_text(line: Line) -> str:
    """The line without its roles."""
    return "".join(text for _, text in line).rstrip()


def _heading(told: Told) -> Line:
    unit = "byte" if told.length_bytes == 1 else "bytes"
    note = f"{told.length_bytes} {unit}" + (", encrypted" if told.protected else "")
    return [
        ("number", f"{told.number:>3}"),
        ("space", "  "),
        ("direction", told.direction),
        ("space", " "),
        ("message", safe_text(told.name)),
        ("note", f"  ({note})"),
    ]


def _field(field: Field, width: int | None) -> Iterator[Line]:
    name = safe_text(field.name)
    start = _INDENT + _NAME_WIDTH
    words: list[Segment] = [("value", word) for word in safe_text(field.value).split(" ")]
    if field.meaning:
        words.append(("meaning", "-"))
        words += [("meaning", word) for word in safe_text(field.meaning).split(" ")]
    line: Line = [("space", " " * _INDENT), ("field", f"{name:<{_NAME_WIDTH - 1}}"), ("space", " ")]
    for chunk in _wrapped(words, None if width is None else width - start):
        line += chunk
        yield line
        line = [("space", " " * start)]


def _wrapped(words: Sequence[Segment], room: int | None) -> Iterator[Line]:
    line: Line = []
    used = 0
    for role, word in words:
        if line and room is not None and used + 1 + len(word) > room:
            yield line
            line, used = [], 0
        if line and line[-1][0] == role:
            line[-1] = (role, f"{line[-1][1]} {word}")
        elif line:
            line += [("space", " "), (role, word)]
        else:
            line.append((role, word))
        used += len(word) + (used > 0)
    yield line
