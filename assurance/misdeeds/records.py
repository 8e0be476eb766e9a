"""Records: cuts, joints, lengths, types and versions, in clear and protected.

Spec: GB/T 38636-2020 6.3.2, 6.3.3
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from assurance.adversary_peer import CCS_NAME, ChangeCipher, Item, Offender, Raw, Said, Ways, Wire
from assurance.misdeed import (
    BAD_MAC,
    DECODE,
    FINE,
    OVERFLOW,
    ROLES,
    TRUNCATED,
    UNEXPECTED,
    VERSION,
    Act,
    Expected,
    Misdeed,
    Role,
    Sweep,
    before,
    instead,
    later,
)
from assurance.misdeeds.order import FLIGHTS, PLACES, setting
from peers.scripted.records import as_record
from support.samples import SAMPLES
from tlcp.registry import ContentType as T

_LONGEST: Final = 1 << 14
_SPARE: Final = 2048
_UNKNOWN_TYPES: Final = (0, 1, 19, 24, 80, 127, 255)
_VERSIONS: Final = (0x0000, 0x0100, 0x0102, 0x0200, 0x0300, 0x0301, 0x0303, 0x0304, 0xFEFF, 0xFFFF)


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    for table in (_split, _joined, _inside, _empty, _types, _versions, _lengths, _announced, _late):
        yield from table()


def _raw(item: Item) -> bytes:
    if not isinstance(item, Said):
        raise TypeError(item)
    return b"".join(item.messages)


# ---- one message in several records, several in one ----------------------------------------


def _cut(name: str, at: Callable[[int], Iterable[int]]) -> Act:
    """Cut a message in front of these bytes."""

    def give(_: Offender, item: Item) -> Iterable[Item]:
        raw = _raw(item)
        edges = [0, *at(len(raw)), len(raw)]
        return (Said((raw,), tuple(raw[a:b] for a, b in pairwise(edges))),)

    return instead(name, give)


def _split_at(role: Role, kind: str, name: str, at: int) -> Misdeed:
    """Cut in two at one place; a negative one is counted from the end."""
    where = f"at-{at}" if at >= 0 else f"{-at}-before-the-end"
    return Misdeed(
        f"{role}/{kind}/split/{name}-{where}", "6.3.3.1", role,
        _cut(name, lambda size: (at % size,)), FINE, **setting(role, kind),
    )  # fmt: skip


def _split() -> Iterator[Misdeed]:
    """Any cut is understood, whatever some stacks demand.  Spec: GB/T 38636-2020 6.3.3.1"""
    for role, kind, name in PLACES:
        if name == CCS_NAME:
            continue
        where: dict[str, Callable[[int], Iterable[int]]] = {
            "byte-by-byte": lambda size: range(1, size),
            "in-the-middle": lambda size: (size // 2,),
        }
        for label, places in where.items():
            yield Misdeed(
                f"{role}/{kind}/split/{name}-{label}", "6.3.3.1", role, _cut(name, places), FINE,
                **setting(role, kind),
            )  # fmt: skip
        for at in _split_always(name):
            yield _split_at(role, kind, name, at)


def _split_always(name: str) -> tuple[int, ...]:
    """Where messages are split in the short form, too."""
    return (1, 2, -1) if name == "ServerHelloDone" else (1, 2, 3, 4, 5, -1)


def sweeps() -> Iterator[Sweep]:
    """Messages split in front of every byte, each counted from the end that is nearer.

    (The lengths of signatures and ciphertexts vary by a byte or two.)
    """
    for role, kind, name in PLACES:
        if name != CCS_NAME:
            yield Sweep(role, kind, name, functools.partial(_split_everywhere, role, kind, name))


def _split_everywhere(role: Role, kind: str, name: str, raw: bytes) -> Iterator[Misdeed]:
    half = len(raw) // 2
    for at in (*range(1, half + 1), *range(-1, half - len(raw), -1)):
        if at not in _split_always(name):
            yield _split_at(role, kind, name, at)


def _join(first: str, last: str) -> Act:
    """All messages from the one to the other in one record."""

    def make() -> Ways:
        held = list[bytes]()

        def say(_: Offender, name: str, item: Item) -> Iterable[Item]:
            if not held and name != first:
                return (item,)
            if name == CCS_NAME:
                return (item,)
            held.append(_raw(item))
            noted = Said((held[-1],), ())
            if name != last:
                return (noted,)
            joined = Raw(T.HANDSHAKE, b"".join(held))
            held.clear()
            return (noted, joined)

        return Ways(say)

    return make


def _joined() -> Iterator[Misdeed]:
    """Messages of one flight may share a record.  Spec: GB/T 38636-2020 6.3.3.1"""
    for (role, kind), flights in FLIGHTS.items():
        for flight in flights:
            names = [n for n in flight if n not in (CCS_NAME, "Finished")]
            for i, first in enumerate(names):
                for last in names[i + 1 :]:
                    yield Misdeed(
                        f"{role}/{kind}/joined/{first}-to-{last}", "6.3.3.1", role,
                        _join(first, last), FINE, **setting(role, kind),
                    )  # fmt: skip
        yield from _over_the_change(role, kind)


def _over_the_change(role: Role, kind: str) -> Iterator[Misdeed]:
    """A message must not begin under one protection and end under another."""

    def torn(size: int) -> Act:
        """The beginning of Finished in front of ChangeCipherSpec."""
        return before(CCS_NAME, Raw(T.HANDSHAKE, (b"\x14\0\0\x0c" + bytes(12))[:size]))

    for size in (1, 3, 4, 15):
        yield Misdeed(
            f"{role}/{kind}/joined/{size}-bytes-of-Finished-before-ccs", "6.4.3", role,
            torn(size), UNEXPECTED, **setting(role, kind),
        )  # fmt: skip
    for count in (1, 16):
        extra = b"\x14\0\0\x0c" + bytes(12)
        act = instead("Finished", lambda _, item, extra=extra[:count]: (  # type: ignore[misc]
            Said((_raw(item),), (_raw(item) + extra,)),))  # fmt: skip
        yield Misdeed(
            f"{role}/{kind}/joined/{count}-bytes-behind-Finished", "6.4.3", role, act,
            UNEXPECTED, **setting(role, kind),
        )  # fmt: skip


def _inside() -> Iterator[Misdeed]:
    """Records of other types in the middle of a message."""
    for role, kind, name in PLACES:
        if name == CCS_NAME:
            continue
        for label, text in (("ccs", b"\1"), ("data", b"data")):
            type_ = T.CHANGE_CIPHER_SPEC if label == "ccs" else T.APPLICATION_DATA

            def give(
                _: Offender, item: Item, type_: T = type_, text: bytes = text
            ) -> Iterable[Item]:
                raw = _raw(item)
                return (Raw(T.HANDSHAKE, raw[:3]), Raw(type_, text), Raw(T.HANDSHAKE, raw[3:]))

            yield Misdeed(
                f"{role}/{kind}/inside/{label}-in-{name}", "6.3.3.1", role,
                instead(name, give), UNEXPECTED, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        ask = b"\0\0\0\0" if role == "server" else SAMPLES[1].encode()
        for label, type_ in (("ccs", T.CHANGE_CIPHER_SPEC), ("data", T.APPLICATION_DATA)):
            halves = Raw(T.HANDSHAKE, ask[:2]), Raw(type_, b"\1"), Raw(T.HANDSHAKE, ask[2:])
            yield Misdeed(
                f"{role}/open/inside/{label}-in-a-message", "6.3.3.1", role, later(*halves),
                UNEXPECTED, late=True,
            )  # fmt: skip


# ---- empty records ------------------------------------------------------------------------


def _empty() -> Iterator[Misdeed]:
    """Empty records: of data a few, of other types none.  Spec: GB/T 38636-2020 6.3.3.1"""
    types = {"handshake": T.HANDSHAKE, "ccs": T.CHANGE_CIPHER_SPEC, "alert": T.ALERT,
             "data": T.APPLICATION_DATA}  # fmt: skip
    for role, kind, name in PLACES:
        for label, type_ in types.items():
            yield Misdeed(
                f"{role}/{kind}/empty/{label}-before-{name}", "6.3.3.1", role,
                before(name, Raw(type_, b"")), UNEXPECTED, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        for count, end in ((1, FINE), (32, FINE), (33, UNEXPECTED), (1000, UNEXPECTED)):
            flood = [Raw(T.APPLICATION_DATA, b"")] * count
            yield Misdeed(
                f"{role}/open/empty/{count}-of-data", "6.3.3.1", role, later(*flood), end,
                late=True,
            )  # fmt: skip
        for label in ("handshake", "ccs", "alert"):
            yield Misdeed(
                f"{role}/open/empty/{label}", "6.3.3.1", role, later(Raw(types[label], b"")),
                UNEXPECTED, late=True,
            )  # fmt: skip


# ---- types, versions, lengths ---------------------------------------------------------------


def _types() -> Iterator[Misdeed]:
    """Record types that there are not, and data too early.  Spec: GB/T 38636-2020 6.3.3.1"""
    for role, kind, name in PLACES:
        yield Misdeed(
            f"{role}/{kind}/type/data-before-{name}", "6.3.3.1", role,
            before(name, Raw(T.APPLICATION_DATA, b"data")), UNEXPECTED, **setting(role, kind),
        )  # fmt: skip
        for number in _UNKNOWN_TYPES:
            yield Misdeed(
                f"{role}/{kind}/type/{number}-before-{name}", "6.3.3.1", role,
                before(name, Raw(number, b"x")), UNEXPECTED, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        for number in _UNKNOWN_TYPES:
            yield Misdeed(
                f"{role}/open/type/{number}", "6.3.3.1", role, later(Raw(number, b"x")),
                UNEXPECTED, late=True,
            )  # fmt: skip


def _versions() -> Iterator[Misdeed]:
    """Other versions in a record's header; the first hello's is let pass where it is near."""
    for role, kind, name in PLACES:
        for version in _VERSIONS:
            first = name in ("ClientHello", "ServerHello")
            end = FINE if first and version >> 8 in (1, 3) else VERSION

            def give(_: Offender, item: Item, version: int = version) -> Iterable[Item]:
                if isinstance(item, Said):
                    # in the transcript, too
                    return (Said(item.messages, ()), Raw(T.HANDSHAKE, _raw(item), False, version))
                return (Raw(T.CHANGE_CIPHER_SPEC, b"\1", False, version), ChangeCipher(told=False))

            yield Misdeed(
                f"{role}/{kind}/version/{version:04x}-of-{name}", "6.3.3.1", role,
                instead(name, give), end, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        for version in _VERSIONS:
            yield Misdeed(
                f"{role}/open/version/{version:04x}", "6.3.3.1", role,
                later(Raw(T.APPLICATION_DATA, b"x", False, version)), VERSION, late=True,
            )  # fmt: skip


def _lengths() -> Iterator[Misdeed]:
    """Records at the greatest length, and past it.  Spec: GB/T 38636-2020 6.3.3.1"""
    for role, kind, name in PLACES:
        for size, end in ((_LONGEST + 1, OVERFLOW), (0xFFFF, OVERFLOW)):
            if name == "Finished":  # protected: longer ones may be
                size = max(size, _LONGEST + _SPARE + 1)
            head = Wire(bytes((T.HANDSHAKE, 1, 1)) + size.to_bytes(2, "big"))
            yield Misdeed(
                f"{role}/{kind}/length/{size}-before-{name}", "6.3.3.1", role,
                before(name, head), end, **setting(role, kind),
            )  # fmt: skip
    for role in ROLES:
        rows: dict[str, tuple[Callable[[Offender], None] | Raw, Expected]] = {
            "text-of-16384": (_longest, FINE),
            "text-of-16385": (Raw(T.APPLICATION_DATA, bytes(_LONGEST + 1)), OVERFLOW),
            "text-of-18000": (Raw(T.APPLICATION_DATA, bytes(18000)), OVERFLOW),
            "announced-18433": (_announce(_LONGEST + _SPARE + 1), OVERFLOW),
            "announced-65535": (_announce(0xFFFF), OVERFLOW),
            "garbage-of-18432": (_garbage(_LONGEST + _SPARE), BAD_MAC),
            "garbage-of-1": (_garbage(1), BAD_MAC),
            "garbage-of-0": (_garbage(0), BAD_MAC),
        }
        for label, (what, end) in rows.items():
            yield Misdeed(
                f"{role}/open/length/{label}", "6.3.3.1", role, later(what), end, late=True,
                data=bytes(_LONGEST) if end is FINE else None,
            )  # fmt: skip


def _longest(peer: Offender) -> None:
    """As much text as may be, and as much padding, or a nonce that we do not use."""
    text, kind, forger = bytes(_LONGEST), T.APPLICATION_DATA, peer.writes
    if forger.is_gcm:
        sealed = forger.gcm(kind, text, nonce=b"\xff" * 8)
    else:
        sealed = forger.cbc(kind, text, padding=255 - (len(text) + 32) % 16)
    peer.emit(Wire(as_record(kind, sealed)))


def _announce(size: int) -> Callable[[Offender], None]:
    head = bytes((T.APPLICATION_DATA, 1, 1)) + size.to_bytes(2, "big")
    return lambda peer: peer.emit(Wire(head))


def _garbage(size: int) -> Callable[[Offender], None]:
    head = bytes((T.APPLICATION_DATA, 1, 1)) + size.to_bytes(2, "big")
    return lambda peer: peer.emit(Wire(head + bytes(size)))


def _announced() -> Iterator[Misdeed]:
    """What a message's own header says of its length.  Spec: GB/T 38636-2020 6.4.5.1"""
    for role, kind, name in PLACES:
        if name == CCS_NAME:
            continue
        rows: dict[str, tuple[Callable[[int], int], Expected]] = {
            "all-ones": (lambda _: 0xFFFFFF, OVERFLOW),
            "65533": (lambda _: 0x10000 - 3, OVERFLOW),
            "one-less": (lambda size: size - 1, DECODE),
            "one-more": (lambda size: size + 1, UNEXPECTED),
            "none": (lambda _: 0, DECODE),
        }
        for label, (count, end) in rows.items():
            if (label == "one-less" or label == "none") and name == "ServerHelloDone":
                continue

            def give(
                _: Offender, item: Item, count: Callable[[int], int] = count
            ) -> Iterable[Item]:
                raw = _raw(item)
                size = count(len(raw) - 4)
                return (Said((raw[:1] + size.to_bytes(3, "big") + raw[4:],)),)

            extra: dict[str, Any] = setting(role, kind)
            if label == "one-more":
                end = _one_more(role, kind, name)
            yield Misdeed(
                f"{role}/{kind}/announced/{name}-{label}", "6.4.5.1", role,
                instead(name, give), end, **extra,
            )  # fmt: skip


def _one_more(role: Role, kind: str, name: str) -> Expected:
    """The next message's first byte belongs to it then; where none follows it waits for more."""
    for flight in FLIGHTS[role, kind]:
        if name in flight:
            at = flight.index(name)
            if at + 1 == len(flight):
                return TRUNCATED
            return UNEXPECTED if flight[at + 1] == CCS_NAME else DECODE
    raise ValueError(name)


def _late() -> Iterator[Misdeed]:
    """Other types than data when all is through.  Spec: GB/T 38636-2020 6.4.3"""
    for role in ROLES:
        yield Misdeed(
            f"{role}/open/type/ccs", "6.4.3", role, later(Raw(T.CHANGE_CIPHER_SPEC, b"\1")),
            UNEXPECTED, late=True,
        )  # fmt: skip
        yield Misdeed(
            f"{role}/open/type/ccs-in-clear", "6.4.3", role,
            later(Raw(T.CHANGE_CIPHER_SPEC, b"\1", clear=True)), BAD_MAC, late=True,
        )  # fmt: skip
        yield Misdeed(
            f"{role}/open/type/data-in-clear", "6.3.3.4", role,
            later(Raw(T.APPLICATION_DATA, b"forged", clear=True)), BAD_MAC, late=True,
        )  # fmt: skip
        yield Misdeed(
            f"{role}/open/type/alert-in-clear", "6.3.3.4", role,
            later(Raw(T.ALERT, b"\1\0", clear=True)), TRUNCATED, late=True,
        )  # fmt: skip
