"""One flipped bit anywhere: one alert, and no byte of plaintext from that record on.

Spec: GB/T 38636-2020 6.3.3.4, 6.4.4
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.effort import effort
from support.ends import Side, drain, run
from support.kinds import KINDS, Kind, ends_of
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, InternalError, PeerError, TLCPError, TruncatedError
from tlcp.wire.messages import ClientHello, ServerHello

ROLES = st.sampled_from(["client", "server"])
#: First bytes of a stream that nothing authenticates: the version of the first record.
_FREE = (1, 2)
_RECORD = 5


def _ended(end: Connection, side: Side) -> None:
    if side.error is None:
        end.receive_eof()
        drain(end, side)


@effort(150)
@given(KINDS, ROLES, st.integers(0, 1 << 16), st.integers(0, 7))
def test_in_the_handshake(kind: Kind, role: str, spot: int, bit: int) -> None:
    """Who gets the changed byte never completes, and the other one hears why."""
    sent = {"client": b"", "server": b""}

    def note(who: str, data: bytes) -> bytes:
        sent[who] += data
        return data

    run(*ends_of(kind, repeatable=True), note)
    at, done = spot % len(sent[role]), {"client": 0, "server": 0}

    def flip(who: str, data: bytes) -> bytes:
        start, done[who] = done[who], done[who] + len(data)
        if who != role or not start <= at < start + len(data):
            return data
        changed = bytearray(data)
        changed[at - start] ^= 1 << bit
        return bytes(changed)

    one, other = ends_of(kind, repeatable=True)
    sides = dict(zip(("client", "server"), run(one, other, flip), strict=True))
    for end in (one, other):
        _ended(end, sides[end.role])
    victim = sides["server" if role == "client" else "client"]
    offender = sides[role]
    for side in (victim, offender):
        assert not isinstance(side.error, InternalError), side.error
        assert side.data == b""
    if at in _FREE:
        return
    assert victim.completed is None
    assert victim.error is not None
    if isinstance(victim.error, PeerError):
        assert isinstance(offender.error, AlertReceived | TLCPError)
        assert offender.alert == victim.error.alert_to_send


SIZES = st.lists(st.integers(0, 600), min_size=1, max_size=8)


def _records(sender: Connection, sizes: list[int]) -> tuple[list[bytes], list[bytes]]:
    """Records of data, and what is in each; the last one closes."""
    sealed, texts = [], []
    for number, size in enumerate(sizes):
        text = bytes((number,)) * size
        sender.send_data(text)
        data = sender.data_to_send()
        if data:
            sealed.append(data)
            texts.append(text)
    sender.close()
    return [*sealed, sender.data_to_send()], texts


@effort(200)
@given(KINDS, ROLES, SIZES, st.integers(0, 1 << 20), st.integers(0, 7), st.booleans())
def test_in_data(
    kind: Kind, role: str, sizes: list[int], spot: int, bit: int, together: bool
) -> None:
    """What came before is delivered, and nothing of that record and behind it."""
    one, other = ends_of(kind, repeatable=True)
    run(one, other)
    sender, receiver = (one, other) if role == "client" else (other, one)
    sealed, texts = _records(sender, sizes)
    stream = bytearray(b"".join(sealed))
    at = spot % len(stream)
    stream[at] ^= 1 << bit
    whole, end = 0, len(sealed[0])
    while end <= at:
        whole += 1
        end += len(sealed[whole])
    side = Side()
    pieces = [bytes(stream)] if together else [bytes((byte,)) for byte in stream]
    for piece in pieces:
        receiver.receive_data(piece)
        if side.error is None:
            drain(receiver, side)
    answers = receiver.data_to_send()
    _ended(receiver, side)
    answers += receiver.data_to_send()
    assert side.data == b"".join(texts[:whole])
    assert not side.closed
    assert isinstance(side.error, TLCPError)
    assert not isinstance(side.error, InternalError)
    if isinstance(side.error, TruncatedError):  # a length: more was awaited, and never came
        assert answers == b""
        return
    back = Side()
    sender.receive_data(answers)
    drain(sender, back)
    assert isinstance(side.error, PeerError)
    assert back.alert == side.error.alert_to_send
    assert back.events == []


@effort(60)
@given(KINDS, ROLES, st.binary(min_size=32, max_size=32))
def test_a_random_that_was_changed(kind: Kind, role: str, random: bytes) -> None:
    """The hellos' random values, changed as a whole: the two ends never have the same keys."""
    hello = ClientHello if role == "client" else ServerHello
    first = {"client": True, "server": True}

    def change(who: str, data: bytes) -> bytes:
        if who != role or not first[who]:
            return data
        first[who] = False
        assert data[_RECORD] == hello.kind
        return data[: _RECORD + 6] + random + data[_RECORD + 38 :]

    one, other = ends_of(kind, repeatable=True)
    own = (one, other)[role == "server"]
    for side in run(own, (one, other)[role == "client"], change):
        assert side.data == b""
        if side.completed is not None:
            raise AssertionError("it completed")
