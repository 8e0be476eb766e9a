"""Ends: closing is never confused with truncation, and who has failed stays dead.

Spec: GB/T 38636-2020 6.4.4.1, 6.4.4.2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from support.effort import effort
from support.ends import Side, drain, run
from support.kinds import KINDS, Kind, ends_of
from tlcp.connection import Connection
from tlcp.errors import (
    AlertReceived,
    ClosedError,
    MisuseError,
    TruncatedError,
)
from tlcp.registry import ContentType as T

ROLES = st.sampled_from(["client", "server"])


@effort(150)
@given(
    KINDS,
    ROLES,
    st.lists(st.integers(1, 400), max_size=6),
    st.one_of(st.none(), st.integers(0, 1 << 20)),
    st.booleans(),
)
def test_closed_or_truncated(
    kind: Kind, role: str, sizes: list[int], cut: int | None, closes: bool
) -> None:
    """Closed exactly if all of close_notify came; what is delivered is whole records."""
    one, other = ends_of(kind, repeatable=True)
    run(one, other)
    sender, receiver = (one, other) if role == "client" else (other, one)
    sealed = []
    for number, size in enumerate(sizes):
        sender.send_data(bytes((number,)) * size)
        sealed.append(sender.data_to_send())
    if closes:
        sender.close()
        sealed.append(sender.data_to_send())
    stream = b"".join(sealed)
    kept = stream if cut is None else stream[: cut % (len(stream) + 1)]
    receiver.receive_data(kept)
    receiver.receive_eof()
    side = Side()
    drain(receiver, side)
    closed = closes and kept == stream
    assert side.closed == closed
    assert isinstance(side.error, TruncatedError) == (not closed)
    assert side.data == _whole(sealed, sizes, len(kept))
    if closed:
        assert receiver.next_event() is None
        receiver.send_data(b"the other direction is open")


def _whole(sealed: list[bytes], sizes: list[int], kept: int) -> bytes:
    data, end = b"", 0
    for number, size in enumerate(sizes):
        end += len(sealed[number])
        if end <= kept:
            data += bytes((number,)) * size
    return data


@effort(100)
@given(KINDS, ROLES, st.integers(0, 1 << 16))
def test_a_handshake_that_ends_anywhere_is_truncated(kind: Kind, role: str, spot: int) -> None:
    total = {"client": 0, "server": 0}

    def count(who: str, data: bytes) -> bytes:
        total[who] += len(data)
        return data

    run(*ends_of(kind, repeatable=True), count)
    left = spot % total[role]

    def cut(who: str, data: bytes) -> bytes:
        nonlocal left
        if who != role:
            return data
        kept, left = data[:left], max(0, left - len(data))
        return kept

    one, other = ends_of(kind, repeatable=True)
    victim = other if role == "client" else one
    sides = dict(zip(("client", "server"), run(one, other, cut), strict=True))
    side = sides[victim.role]
    victim.receive_eof()
    drain(victim, side)
    assert isinstance(side.error, TruncatedError)
    assert side.completed is None
    assert not side.closed


# ---- dead stays dead ---------------------------------------------------------------------------


def _fatal(end: Connection, peer: Connection) -> None:
    peer._send(T.ALERT, b"\2\x50")
    end.receive_data(peer.data_to_send())


def _garbage(end: Connection, _: Connection) -> None:
    end.receive_data(b"\x63garbage")


def _bad_mac(end: Connection, _: Connection) -> None:
    end.receive_data(b"\x17\1\1\0\x40" + bytes(64))


def _vanished(end: Connection, _: Connection) -> None:
    end.receive_eof()


WAYS: dict[str, Callable[[Connection, Connection], None]] = {
    "a fatal alert": _fatal,
    "garbage": _garbage,
    "a bad record": _bad_mac,
    "an end without close_notify": _vanished,
}


class Dead(RuleBasedStateMachine):
    """A connection that has failed, in whatever way and state, and all that can be done to it."""

    examples = 0

    @initialize(
        kind=KINDS,
        role=ROLES,
        way=st.sampled_from(sorted(WAYS)),
        steps=st.integers(0, 6),
        closes=st.booleans(),
    )
    def die(self, kind: Kind, role: str, way: str, steps: int, closes: bool) -> None:
        type(self).examples += 1
        one, other = ends_of(kind)
        for step in range(steps):
            speaks, hears = (one, other) if step % 2 == 0 else (other, one)
            hears.receive_data(speaks.data_to_send())
            drain(hears, Side())
        self.end, self.peer = (one, other) if role == "client" else (other, one)
        if closes and self.end.handshake_completed:
            self.end.close()
        self.peer.data_to_send()
        WAYS[way](self.end, self.peer)
        side = Side()
        drain(self.end, side)
        if side.error is None:  # what came is part of a record
            self.end.receive_eof()
            drain(self.end, side)
        assert side.error is not None
        self.error, self.text = side.error, str(side.error)
        self.last_words = self.end.data_to_send()

    def _same(self, call: Callable[[], object]) -> None:
        with pytest.raises(type(self.error)) as caught:
            call()
        assert caught.value is self.error

    @rule()
    def asks(self) -> None:
        self._same(self.end.next_event)

    @rule(data=st.binary(max_size=50))
    def hears(self, data: bytes) -> None:
        self.end.receive_data(data)
        self._same(self.end.next_event)

    @rule()
    def hears_of_the_end(self) -> None:
        self.end.receive_eof()
        self._same(self.end.next_event)

    @rule(data=st.binary(max_size=50))
    def speaks(self, data: bytes) -> None:
        self._same(lambda: self.end.send_data(data))

    @rule()
    def closes(self) -> None:
        self.end.close()

    @rule()
    def is_looked_at(self) -> None:
        assert isinstance(repr(self.end), str)
        assert isinstance(self.end.expecting, str)
        assert self.end.dialect_if_ended == ""

    @invariant()
    def says_nothing_more(self) -> None:
        if hasattr(self, "error"):
            assert self.end.data_to_send() == b""
            assert str(self.error) == self.text
            if isinstance(self.error, AlertReceived | TruncatedError):
                assert self.error.alert_to_send is None


def test_the_dead_stay_dead() -> None:
    run_state_machine_as_test(Dead, settings=effort(60))


# ---- a closed one, and one that is not open yet -------------------------------------------------


@effort(40)
@given(KINDS, ROLES, st.integers(0, 6), st.binary(min_size=1, max_size=9))
def test_data_is_sent_between_finished_and_close_and_no_earlier_or_later(
    kind: Kind, role: str, steps: int, data: bytes
) -> None:
    one, other = ends_of(kind)
    for step in range(steps):
        speaks, hears = (one, other) if step % 2 == 0 else (other, one)
        hears.receive_data(speaks.data_to_send())
        drain(hears, Side())
    end: Any = one if role == "client" else other
    if not end.handshake_completed:
        with pytest.raises(MisuseError):
            end.send_data(data)
        return
    end.send_data(data)
    end.close()
    with pytest.raises(ClosedError):
        end.send_data(data)
