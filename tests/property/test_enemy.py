"""Two ends and an enemy on the line, who cuts, changes, drops, repeats, swaps and forges records.

Whatever he does, and whenever: what is delivered is what was sent, in order, from its beginning;
nothing before both have proven the handshake; an end is called clean only if it is one; and who
has failed stays dead.

Spec: GB/T 38636-2020 6.3.3, 6.4.4, 6.4.5.10
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.effort import effort
from support.ends import Side, drain
from support.kinds import KINDS, Kind, ends_of
from support.samples import SAMPLES
from tlcp.connection import Connection
from tlcp.errors import InternalError, TruncatedError
from tlcp.events import DataReceived, HandshakeCompleted
from tlcp.registry import ContentType as T

ROLES = st.sampled_from(["client", "server"])
SPOTS = st.integers(0, 1 << 16)
FORGED = st.one_of(
    st.sampled_from(
        [
            (T.ALERT, b"\1\0"), (T.ALERT, b"\2\x28"), (T.ALERT, b"\1\x5a"), (T.ALERT, b"\1"),
            (T.CHANGE_CIPHER_SPEC, b"\1"), (T.APPLICATION_DATA, b"forged"),
            (T.APPLICATION_DATA, b""), (T.HANDSHAKE, bytes(4)),
            *((T.HANDSHAKE, message.encode()) for message in SAMPLES),
        ]
    ),
    st.tuples(st.sampled_from([20, 21, 22, 23, 80]), st.binary(max_size=80)),
)  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """A record on the line, or what is left of one.

    Attributes:
        data: its bytes that are still to come.
        whole: all of its bytes.
    """

    data: bytes
    whole: bytes

    @property
    def begun(self) -> bool:
        """Whether a part of it has been delivered."""
        return len(self.data) < len(self.whole)


@dataclass
class Line:
    """One direction.

    Attributes:
        end, side: who receives, and what it saw.
        chunks: on the way.
        sent: all that the program behind the sender has sent.
        sealed: the protected records as they were sent, and how many bytes of the program each has.
        arrived: how many of them have come as they were sent, one after the other.
        passed: the bytes of the program in those.
        most: bytes of the program that may arrive: set when another record comes than was sent.
        keyed, opened: the sender has changed its keys, and the receiver has got that record.
        closed, gone: the sender has closed; the transport has ended.
    """

    end: Connection
    side: Side = field(default_factory=Side)
    chunks: list[Chunk] = field(default_factory=list)
    sent: bytes = b""
    sealed: list[tuple[bytes, int]] = field(default_factory=list)
    arrived: int = 0
    passed: int = 0
    most: int | None = None
    keyed: bool = False
    opened: bool = False
    closed: bool = False
    gone: bool = False

    def put(self, data: bytes, app: int = 0) -> None:
        """Put the sender's records on the line."""
        at = 0
        while at < len(data):
            size = 5 + int.from_bytes(data[at + 3 : at + 5], "big")
            record = data[at : at + size]
            self.chunks.append(Chunk(record, record))
            if self.keyed:
                self.sealed.append((record, app if record[0] == T.APPLICATION_DATA else 0))
            self.keyed |= record[0] == T.CHANGE_CIPHER_SPEC
            at += size

    def take(self) -> bytes:
        """The first record comes to its end; what is left of it."""
        chunk = self.chunks.pop(0)
        if not self.opened:
            self.opened = chunk.whole[0] == T.CHANGE_CIPHER_SPEC
        elif self.most is None:
            due = self.sealed[self.arrived] if self.arrived < len(self.sealed) else (b"", 0)
            if chunk.whole == due[0]:
                self.arrived += 1
                self.passed += due[1]
            else:
                self.most = self.passed
        return chunk.data


class Enemy(RuleBasedStateMachine):
    """The rules are what can happen; the invariants are what the engine promises."""

    examples = 0

    @initialize(kind=KINDS, late=st.sampled_from([True, True, False]))
    def begin(self, kind: Kind, late: bool) -> None:
        """The enemy comes at the beginning, or when data flows."""
        type(self).examples += 1
        self.ends = dict(zip(("client", "server"), ends_of(kind), strict=True))
        self.to = {role: Line(end) for role, end in self.ends.items()}
        self._flush("client")
        if late:
            self.shake_hands()

    def _flush(self, role: str, app: int = 0) -> None:
        """What an end has to say goes on the line to the other."""
        other = "server" if role == "client" else "client"
        data = self.ends[role].data_to_send()
        if not self.to[other].gone:
            self.to[other].put(data, app)

    def _take(self, role: str, data: bytes) -> None:
        line = self.to[role]
        line.end.receive_data(data)
        if line.side.error is None:
            drain(line.end, line.side)
        self._flush(role)

    # ---- what happens by itself -----------------------------------------------------------------

    @rule(role=ROLES, count=st.integers(1, 12))
    def deliver(self, role: str, count: int) -> None:
        line = self.to[role]
        for _ in range(min(count, len(line.chunks))):
            self._take(role, line.take())

    @rule(role=ROLES)
    def deliver_together(self, role: str) -> None:
        line = self.to[role]
        self._take(role, b"".join(line.take() for _ in range(len(line.chunks))))

    @precondition(lambda self: not any(end.handshake_completed for end in self.ends.values()))
    @rule()
    def shake_hands(self) -> None:
        """All that is on the line, to and fro."""
        for _ in range(3):
            self.deliver_together("server")
            self.deliver_together("client")

    @rule(role=ROLES, count=SPOTS)
    def deliver_a_part(self, role: str, count: int) -> None:
        line = self.to[role]
        if line.chunks and len(line.chunks[0].data) > 1:
            chunk = line.chunks[0]
            at = 1 + count % (len(chunk.data) - 1)
            line.chunks[0] = replace(chunk, data=chunk.data[at:])
            self._take(role, chunk.data[:at])

    @rule(role=ROLES, sizes=st.lists(st.integers(1, 300), min_size=1, max_size=4))
    def send(self, role: str, sizes: list[int]) -> None:
        for size in sizes:
            self._send(role, size)

    @rule(role=ROLES, size=st.integers(1, 300))
    def send_and_deliver(self, role: str, size: int) -> None:
        self._send(role, size)
        self.deliver_together("server" if role == "client" else "client")

    def _send(self, role: str, size: int) -> None:
        line = self.to["server" if role == "client" else "client"]
        end, failed = self.ends[role], self.to[role].side.error is not None
        if end.handshake_completed and not failed and not line.closed and not line.gone:
            data = bytes((len(line.sent) + i) % 251 for i in range(size))
            line.sent += data
            end.send_data(data)
            self._flush(role, size)

    @rule(role=ROLES)
    def close(self, role: str) -> None:
        line = self.to["server" if role == "client" else "client"]
        if self.ends[role].handshake_completed and self.to[role].side.error is None:
            line.closed = True
            self.ends[role].close()
            self._flush(role)

    @rule(role=ROLES)
    def end_of_the_transport(self, role: str) -> None:
        line = self.to[role]
        if line.gone:
            return
        line.gone = True
        line.chunks.clear()
        was_closed, failed = line.side.closed, line.side.error is not None
        line.end.receive_eof()
        if not failed:
            drain(line.end, line.side)
        self._flush(role)
        if not failed and not was_closed:
            assert isinstance(line.side.error, TruncatedError), line.side.error

    # ---- the enemy ------------------------------------------------------------------------------

    def _pick(self, role: str, spot: int) -> int | None:
        """A record that has not begun to be delivered."""
        line = self.to[role]
        first = 1 if line.chunks and line.chunks[0].begun else 0
        whole = len(line.chunks) - first
        return first + spot % whole if whole > 0 else None

    @rule(role=ROLES, spot=SPOTS, at=SPOTS, bit=st.integers(0, 7))
    def flip(self, role: str, spot: int, at: int, bit: int) -> None:
        index = self._pick(role, spot)
        if index is not None:
            changed = bytearray(self.to[role].chunks[index].whole)
            changed[at % len(changed)] ^= 1 << bit
            self.to[role].chunks[index] = Chunk(bytes(changed), bytes(changed))

    @rule(role=ROLES, spot=SPOTS)
    def drop(self, role: str, spot: int) -> None:
        index = self._pick(role, spot)
        if index is not None:
            del self.to[role].chunks[index]

    @rule(role=ROLES, spot=SPOTS)
    def repeat(self, role: str, spot: int) -> None:
        index = self._pick(role, spot)
        if index is not None:
            self.to[role].chunks.insert(index, self.to[role].chunks[index])

    @rule(role=ROLES, spot=SPOTS)
    def swap(self, role: str, spot: int) -> None:
        index, chunks = self._pick(role, spot), self.to[role].chunks
        if index is not None and index + 1 < len(chunks):
            chunks[index], chunks[index + 1] = chunks[index + 1], chunks[index]

    @rule(role=ROLES, spot=SPOTS, forged=FORGED)
    def forge(self, role: str, spot: int, forged: tuple[int, bytes]) -> None:
        kind, text = forged
        raw = bytes((kind, 1, 1)) + len(text).to_bytes(2, "big") + text
        self._insert(role, spot, raw)

    @rule(role=ROLES, spot=SPOTS)
    def reflect(self, role: str, spot: int) -> None:
        """Give an end what it has said itself."""
        other = "server" if role == "client" else "client"
        own = self._pick(other, spot)
        if own is not None:
            self._insert(role, spot, self.to[other].chunks[own].whole)

    @rule(role=ROLES, spot=SPOTS, old=SPOTS)
    def replay(self, role: str, spot: int, old: int) -> None:
        """Give an end a record that it has got before."""
        sealed = self.to[role].sealed
        if sealed:
            self._insert(role, spot, sealed[old % len(sealed)][0])

    def _insert(self, role: str, spot: int, raw: bytes) -> None:
        line = self.to[role]
        if not line.gone:
            first = 1 if line.chunks and line.chunks[0].begun else 0
            at = first + spot % (len(line.chunks) - first + 1)
            line.chunks.insert(at, Chunk(raw, raw))

    # ---- what is promised -----------------------------------------------------------------------

    @invariant()
    def nothing_but_what_was_sent(self) -> None:
        for line in getattr(self, "to", {}).values():
            data = line.side.data
            assert data == line.sent[: len(data)]
            if line.most is not None:
                assert len(data) <= line.most, "data came from behind a record that was changed"

    @invariant()
    def all_that_came_whole(self) -> None:
        for line in getattr(self, "to", {}).values():
            if line.side.error is None and line.side.completed is not None:
                assert len(line.side.data) == line.passed

    @invariant()
    def nothing_before_finished(self) -> None:
        for line in getattr(self, "to", {}).values():
            kinds = [type(event) for event in line.side.events]
            if DataReceived in kinds:
                assert kinds[0] is HandshakeCompleted
            assert kinds.count(HandshakeCompleted) <= 1

    @invariant()
    def who_completes_has_seen_the_same(self) -> None:
        done = [line.side.completed for line in getattr(self, "to", {}).values()]
        if len(done) == 2 and done[0] is not None and done[1] is not None:
            assert done[0].first_finished == done[1].first_finished
            assert done[0].suite == done[1].suite

    @invariant()
    def closed_is_not_truncated(self) -> None:
        for line in getattr(self, "to", {}).values():
            if line.side.closed:
                assert line.closed, "a close_notify that nobody sent"
                assert line.side.data == line.sent
                assert not isinstance(line.side.error, TruncatedError)

    @invariant()
    def the_dead_stay_dead(self) -> None:
        for line in getattr(self, "to", {}).values():
            error = line.side.error
            if error is None:
                continue
            assert not isinstance(error, InternalError), error
            line.end.receive_data(b"\x17\1\1\0\1x")
            with pytest.raises(type(error)) as again:
                line.end.next_event()
            assert again.value is error
            line.end.close()
            assert line.end.data_to_send() == b""


def test_an_enemy_on_the_line() -> None:
    run_state_machine_as_test(Enemy, settings=effort(80))
