"""Every message's body, cut short by every length and with bytes behind it.

The message's own header tells the length that is really there; the fields inside do not fit.

Spec: GB/T 38636-2020 6.2, 6.4.5
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from assurance.adversary_peer import CCS_NAME
from assurance.misdeed import (
    DECODE,
    FINE,
    UNEXPECTED,
    Expected,
    Misdeed,
    Role,
    Sweep,
    edited,
)
from assurance.misdeeds.order import PLACES, setting

_ALWAYS = (-1, -2, -3, -4)
_HEADER = 4
_HELLOS = ("ClientHello", "ServerHello")


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for role, kind, name in PLACES:
        if name == CCS_NAME:
            continue
        for keep in _always(kind, name):
            yield _kept(role, kind, name, keep)
        if name == "ClientHello":  # it is a good one; the session was for a name
            yield _bare(role, kind, name, FINE, continues=False)
        if name == "ServerHello" and kind in (
            "renewed",
            "new-ticket",
        ):  # it promises none
            yield _bare(role, kind, name, UNEXPECTED)
        for more in (1, 2, 3, 100, 16000):
            yield _row(role, kind, name, f"and-{more}-bytes", _longer(more))


def sweeps() -> Iterator[Sweep]:
    """Cut short to every length, each counted from the end that is nearer."""
    for role, kind, name in PLACES:
        if name != CCS_NAME:
            yield Sweep(role, kind, name, functools.partial(_everywhere, role, kind, name))


def _everywhere(role: Role, kind: str, name: str, raw: bytes) -> Iterator[Misdeed]:
    body = raw[_HEADER:]
    half = len(body) // 2
    whole = _extensions_at(name, body) if name in _HELLOS else None  # as good a hello
    for keep in (*range(half + 1), *range(-1, half - len(body), -1)) if body else ():
        if keep not in _always(kind, name) and keep % len(body) != whole:
            yield _kept(role, kind, name, keep)


def _always(kind: str, name: str) -> tuple[int, ...]:
    """How much is kept in the short form, too: nothing, or all but so many bytes."""
    if name == "ServerHelloDone":
        return ()
    return (0, -1, -2) if (kind, name) == ("nobody", "Certificate") else (0, *_ALWAYS)


def _kept(role: Role, kind: str, name: str, keep: int) -> Misdeed:
    how = f"cut-to-{keep:04}" if keep >= 0 else f"cut-by-{-keep:04}"
    return _row(role, kind, name, how, lambda body: body[:keep])


def _longer(more: int) -> Callable[[bytes], bytes]:
    return lambda body: body + b"\xff" * more


def _bare(role: Role, kind: str, name: str, end: Expected, **more: Any) -> Misdeed:
    """A hello without its extensions."""
    row = _row(role, kind, name, "without-extensions", lambda b: b[: _extensions_at(name, b)])
    return replace(row, end=end, **more)


def _row(role: Role, kind: str, name: str, how: str, change: Callable[[bytes], bytes]) -> Misdeed:
    return Misdeed(
        f"{role}/{kind}/body/{name}-{how}", "6.4.5", role,
        edited(name, lambda _, body: change(body)), DECODE, **setting(role, kind),
    )  # fmt: skip


def _extensions_at(name: str, body: bytes) -> int:
    """Where a hello's extensions begin, or would."""
    at = 34 + 1 + body[34]
    if name == "ServerHello":
        return at + 2 + 1
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at + 1 + body[at]
