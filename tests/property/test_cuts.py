"""Any cut of the stream gives the same events, the same answers and the same end.

The streams are those of honest and of hostile senders: data, empty records, warnings, requests to
renegotiate, floods, garbage, flipped bits, close_notify, and an end at any byte.

Spec: GB/T 38636-2020 6.3.3
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from support.effort import effort
from support.ends import Side, drain, run
from support.kinds import KINDS, Kind, ends_of
from support.samples import SAMPLES
from tlcp.connection import Connection
from tlcp.errors import InternalError
from tlcp.events import DataReceived, Event
from tlcp.registry import ContentType as T
from tlcp.wire.messages import HelloRequest

Deed = tuple[str, int]

_HARMLESS = st.one_of(
    st.tuples(st.just("data"), st.integers(1, 400)),
    st.tuples(st.just("long data"), st.integers(16000, 40000)),
    st.tuples(st.just("many records"), st.integers(2, 80)),
    st.tuples(st.just("empty records"), st.integers(1, 32)),
    st.tuples(st.just("warnings"), st.integers(1, 3)),
    st.tuples(st.just("renegotiation"), st.integers(1, 2)),
)
_LAST = st.one_of(
    st.tuples(st.just("empty records"), st.sampled_from([33, 70])),
    st.tuples(st.just("warnings"), st.sampled_from([9, 70])),
    st.tuples(st.just("renegotiation"), st.sampled_from([5, 70])),
    st.tuples(st.just("half an alert"), st.integers(1, 2)),
    st.tuples(st.just("fatal"), st.integers(1, 255)),
    st.tuples(st.just("ccs"), st.just(1)),
    st.tuples(st.just("garbage"), st.integers(1, 30)),
    st.tuples(st.just("in clear"), st.integers(20, 24)),
    st.tuples(st.just("wrong mac"), st.integers(1, 300)),
    st.tuples(st.just("close"), st.just(0)),
)
#: Some that are let pass, one that ends it, and more.
DEEDS = st.tuples(
    st.lists(_HARMLESS, max_size=5), st.lists(_LAST, max_size=1), st.lists(_HARMLESS, max_size=2)
).map(lambda parts: [deed for part in parts for deed in part])


def _times(count: int, act: Callable[[], None]) -> Callable[[], None]:
    def acts() -> None:
        for _ in range(count):
            act()

    return acts


def _do(end: Connection, deed: Deed) -> bytes:
    """What one deed puts on the wire."""
    what, size = deed
    ask = HelloRequest().encode() if end.role == "server" else SAMPLES[1].encode()
    plain: dict[str, Callable[[], object]] = {
        "data": lambda: end.send_data(bytes(i & 0xFF for i in range(size))),
        "long data": lambda: end.send_data(bytes(size)),
        "many records": _times(size, lambda: end._send(T.APPLICATION_DATA, b"data ")),
        "empty records": _times(size, lambda: end._send(T.APPLICATION_DATA, b"")),
        "warnings": _times(size, lambda: end._send(T.ALERT, b"\1\x5a")),
        "renegotiation": _times(size, lambda: end.send_handshake(ask)),
        "half an alert": lambda: end._send(T.ALERT, bytes((size,))),
        "fatal": lambda: end._send(T.ALERT, bytes((2, size))),
        "ccs": end.send_change_cipher_spec,
        "close": lambda: end._send(T.ALERT, b"\1\0"),
    }
    if what in plain:
        plain[what]()
        return end.data_to_send()
    if what == "garbage":
        return b"\x55" * size
    if what == "in clear":
        return bytes((size, 1, 1, 0, 2)) + b"\1\0"
    end.send_data(bytes(size))
    sealed = bytearray(end.data_to_send())
    sealed[-1] ^= 1
    return bytes(sealed)


def _open(kind: Kind) -> tuple[Connection, Connection]:
    one, other = ends_of(kind, repeatable=True)
    run(one, other)
    assert one.handshake_completed
    assert other.handshake_completed
    return one, other


def _taken(end: Connection, pieces: list[bytes], *, ends: bool) -> tuple[object, ...]:
    """All that can be seen of an end that gets these pieces."""
    side, answers = Side(), b""
    for piece in pieces:
        end.receive_data(piece)
        if side.error is None:
            drain(end, side)
        answers += end.data_to_send()
    if ends:
        end.receive_eof()
        if side.error is None:
            drain(end, side)
        answers += end.data_to_send()
    assert not isinstance(side.error, InternalError), side.error
    # what is no record is shown as far as it has come
    text = re.sub(r"what came \(.*?\) is no TLCP record.*?;", "no record;", str(side.error))
    return _joined(side.events), type(side.error), text, answers


def _joined(events: list[Event]) -> list[Event]:
    """Pieces of data that follow each other are one: their borders mean nothing."""
    out = list[Event]()
    for event in events:
        if out and isinstance(event, DataReceived) and isinstance(out[-1], DataReceived):
            out[-1] = DataReceived(out[-1].data + event.data)
        else:
            out.append(event)
    return out


def _pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


CUTS = st.lists(st.integers(0, 1 << 20), min_size=1, max_size=12)


@effort(80)
@given(KINDS, st.sampled_from(["client", "server"]), DEEDS, CUTS, CUTS, st.booleans())
def test_any_cut_gives_the_same_when_data_flows(
    kind: Kind, sender: str, deeds: list[Deed], some: list[int], more: list[int], ends: bool
) -> None:
    seen = []
    for cuts in (some, more, []):
        one, other = _open(kind)
        speaks, hears = (one, other) if sender == "client" else (other, one)
        stream = b"".join(_do(speaks, deed) for deed in deeds)
        seen.append(_taken(hears, _pieces(stream, cuts), ends=ends))
    assert seen[0] == seen[2]
    assert seen[1] == seen[2]


@effort(10)
@given(KINDS, DEEDS)
def test_a_byte_at_a_time_gives_the_same(kind: Kind, deeds: list[Deed]) -> None:
    one, other = _open(kind)
    stream = b"".join(_do(one, deed) for deed in deeds if deed[0] != "long data")
    whole = _taken(other, [stream], ends=True)
    _, other = _open(kind)
    assert _taken(other, [bytes((byte,)) for byte in stream], ends=True) == whole


def _first_flights(kind: Kind) -> dict[str, bytes]:
    """What each side sends in the handshake, from end to end."""
    sent = {"client": b"", "server": b""}

    def wire(who: str, data: bytes) -> bytes:
        sent[who] += data
        return data

    run(*ends_of(kind, repeatable=True), wire)
    return sent


@effort(80)
@given(
    KINDS,
    st.sampled_from(["client", "server"]),
    st.integers(0, 1 << 20),
    st.integers(0, 255),
    CUTS,
)
def test_any_cut_of_a_damaged_handshake_gives_the_same_end(
    kind: Kind, sender: str, at: int, mask: int, cuts: list[int]
) -> None:
    """The whole of one side's bytes, one of them changed (by 0: none)."""
    changed = bytearray(_first_flights(kind)[sender])
    changed[at % len(changed)] ^= mask
    seen = []
    for pieces in (_pieces(bytes(changed), cuts), [bytes(changed)]):
        one, other = ends_of(kind, repeatable=True)
        hears = other if sender == "client" else one
        seen.append(_taken(hears, pieces, ends=True))
    assert seen[0] == seen[1]
