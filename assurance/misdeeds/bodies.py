"""Every message's body, cut short by every length and with bytes behind it.

The message's own header tells the length that is really there; the fields inside do not fit.

Spec: GB/T 38636-2020 6.2, 6.4.5
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from assurance.adversary_peer import CCS_NAME
from assurance.misdeed import DECODE, FINE, Misdeed, Role, Sweep, edited
from assurance.misdeeds.order import PLACES, setting

_ALWAYS = (-1, -2, -3, -4)
_HEADER = 4


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for role, kind, name in PLACES:
        if name == CCS_NAME:
            continue
        for keep in _always(kind, name):
            yield _kept(role, kind, name, keep)
        if name == "ClientHello":  # it is a good one
            yield _row(role, kind, name, "without-extensions", lambda b: b[: _extensions_at(b)])
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
    whole = _extensions_at(body) if name == "ClientHello" else None  # as good a hello
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


def _row(role: Role, kind: str, name: str, how: str, change: Callable[[bytes], bytes]) -> Misdeed:
    good = how == "without-extensions"
    return Misdeed(
        f"{role}/{kind}/body/{name}-{how}", "6.4.5", role,
        edited(name, lambda _, body: change(body)), FINE if good else DECODE,
        continues=False if good else None,  # the session was for a name
        **setting(role, kind),
    )  # fmt: skip


def _extensions_at(body: bytes) -> int:
    """Where a ClientHello's extensions begin."""
    at = 34 + 1 + body[34]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at + 1 + body[at]
