"""Properties of whole connections: cuts, flipped bits, and ends that vanish.

Spec: GB/T 38636-2020 6.3.3, 6.4.4.1
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.ends import ALL, Recorder, Side, client, drain, run, server
from support.repeatable import repeatable_pair
from tlcp.alerts import AlertDescription as A
from tlcp.connection import Connection
from tlcp.errors import BadRecordMAC, InternalError, PeerError, TLCPError, TruncatedError
from tlcp.suites import CipherSuite

CBC_AND_GCM = pytest.mark.parametrize("suite", [ALL[0], ALL[1]], ids=lambda s: s.name)
DATA = b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n"
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _talk(one: Connection, other: Connection) -> bytes:
    """Complete the handshake and send data and close_notify from the client; its bytes."""
    run(one, other)
    assert one.handshake_completed
    assert other.handshake_completed
    one.send_data(DATA)
    one.close()
    return one.data_to_send()


@pytest.mark.parametrize("suite", ALL, ids=lambda s: s.name)
def test_injected_randomness_and_time_decide_every_byte(suite: CipherSuite) -> None:
    streams = []
    for _ in range(2):
        sent: list[tuple[str, bytes]] = []
        one, other = repeatable_pair(suite)
        run(one, other, lambda who, data, sent=sent: (sent.append((who, data)), data)[1])  # type: ignore[misc]
        streams.append(sent)
    assert streams[0] == streams[1]
    assert len(streams[0]) == 4


@MANY
@given(st.data(), st.sampled_from(ALL))
def test_any_cut_of_the_stream_gives_the_same_events(
    draw: st.DataObject, suite: CipherSuite
) -> None:
    one, other = repeatable_pair(suite)
    sides = {"client": Side(), "server": Side()}
    for _ in range(8):
        for sender, receiver in ((one, other), (other, one)):
            stream = sender.data_to_send()
            cuts = draw.draw(st.lists(st.integers(0, len(stream)), max_size=6))
            edges = [0, *sorted(cuts), len(stream)]
            for start, stop in pairwise(edges):
                receiver.receive_data(stream[start:stop])
                drain(receiver, sides[receiver.role])
        if one.handshake_completed and not sides["server"].data:
            one.send_data(DATA)
            one.close()
    for side in sides.values():
        assert side.error is None
        assert side.completed is not None
    assert sides["server"].data == DATA
    assert sides["server"].closed
    assert not sides["client"].closed


@pytest.mark.parametrize("suite", ALL, ids=lambda s: s.name)
def test_a_byte_at_a_time(suite: CipherSuite) -> None:
    one, other = client(suites=(suite,)), server(suites=(suite,))
    sides = {"client": Side(), "server": Side()}
    for _ in range(4):
        for sender, receiver in ((one, other), (other, one)):
            for byte in sender.data_to_send():
                receiver.receive_data(bytes((byte,)))
                drain(receiver, sides[receiver.role])
    assert sides["client"].completed is not None
    assert sides["server"].completed is not None


# ---- one flipped bit ---------------------------------------------------------------------


def _flip_in_handshake(suite: CipherSuite, role: str, at: int, bit: int) -> tuple[Side, Side]:
    """Flip one bit of the ``at``-th byte that ``role`` sends; then the transport ends."""
    one, other = repeatable_pair(suite)
    sent = {"client": 0, "server": 0}

    def wire(who: str, data: bytes) -> bytes:
        start = sent[who]
        sent[who] += len(data)
        if who != role or not start <= at < start + len(data):
            return data
        changed = bytearray(data)
        changed[at - start] ^= 1 << bit
        return bytes(changed)

    sides = run(one, other, wire)
    for end, side in zip((one, other), sides, strict=True):
        if side.error is None:
            end.receive_eof()
            drain(end, side)
    return sides


def _handshake_bytes(suite: CipherSuite, role: str) -> int:
    total = 0

    def wire(who: str, data: bytes) -> bytes:
        nonlocal total
        total += len(data) if who == role else 0
        return data

    run(*repeatable_pair(suite), wire)
    return total


@CBC_AND_GCM
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("part", range(4))
def test_one_flipped_bit_in_any_byte_of_the_handshake(
    suite: CipherSuite, role: str, part: int
) -> None:
    """The receiver of the flip never completes; nobody fails by a bug; alerts match.

    One byte is free: the record version in front of the first ClientHello, which stacks fill in
    differently and which nothing authenticates.
    """
    for at in range(part, _handshake_bytes(suite, role), 4):
        client_side, server_side = _flip_in_handshake(suite, role, at, at % 8)
        victim, offender = (
            (server_side, client_side) if role == "client" else (client_side, server_side)
        )
        for side in (victim, offender):
            assert not isinstance(side.error, InternalError), (at, side.error)
        if at in (1, 2):
            continue
        assert victim.completed is None, at
        assert victim.error is not None, at
        if isinstance(victim.error, PeerError):
            assert offender.alert == victim.error.alert_to_send, at


@CBC_AND_GCM
def test_one_flipped_bit_in_data_releases_nothing(suite: CipherSuite) -> None:
    """One alert, and no byte of plaintext from that record on."""
    one, other = repeatable_pair(suite)
    stream = _talk(one, other)
    header = 5
    for at in range(header, len(stream)):
        changed = bytearray(stream)
        changed[at] ^= 1 << (at % 8)
        one, other = repeatable_pair(suite)
        assert _talk(one, other) == stream
        other.receive_data(bytes(changed))
        side = Side()
        drain(other, side)
        if side.error is None:  # a length field: more bytes are awaited, and never come
            other.receive_eof()
            drain(other, side)
        assert isinstance(side.error, TLCPError)
        assert side.data in (b"", DATA)
        assert not side.closed
        if isinstance(side.error, BadRecordMAC):
            one.receive_data(other.data_to_send())
            back = Side()
            drain(one, back)
            assert back.alert == A.BAD_RECORD_MAC


# ---- the peer gone -----------------------------------------------------------------------


@CBC_AND_GCM
@pytest.mark.parametrize("role", ["client", "server"])
def test_gone_at_any_byte_of_the_handshake(suite: CipherSuite, role: str) -> None:
    """Never a clean end, whatever came before."""
    for keep in range(_handshake_bytes(suite, role)):
        left = keep

        def wire(who: str, data: bytes) -> bytes:
            nonlocal left
            if who != role:
                return data
            kept, left = data[:left], max(0, left - len(data))
            return kept

        one, other = repeatable_pair(suite)
        victim = other if role == "client" else one
        sides = run(one, other, wire)
        side = sides[1] if role == "client" else sides[0]
        victim.receive_eof()
        drain(victim, side)
        assert isinstance(side.error, TruncatedError), (keep, side.error)
        assert side.completed is None
        assert not side.closed
        assert "in the middle of the handshake" in str(side.error)


@CBC_AND_GCM
def test_gone_at_any_byte_of_the_data(suite: CipherSuite) -> None:
    """Truncation is told from close_notify at every byte, and whole records are delivered."""
    one, other = repeatable_pair(suite)
    stream = _talk(one, other)
    first_record = 5 + int.from_bytes(stream[3:5], "big")
    for keep in range(len(stream) + 1):
        one, other = repeatable_pair(suite)
        _talk(one, other)
        other.receive_data(stream[:keep])
        other.receive_eof()
        side = Side()
        drain(other, side)
        assert side.data == (DATA if keep >= first_record else b"")
        assert side.closed == (keep == len(stream))
        assert isinstance(side.error, TruncatedError) == (keep < len(stream))


# ---- dead stays dead ---------------------------------------------------------------------


def test_after_an_error_every_call_raises_the_same_error() -> None:
    one, other = client(), server()
    run(one, other)
    other.receive_data(b"\x17\1\1\0\x20" + bytes(32))
    with pytest.raises(BadRecordMAC) as first:
        other.next_event()
    assert other.data_to_send() != b""
    for _ in range(2):
        other.receive_data(b"\x17\1\1\0\x20" + bytes(32))
        with pytest.raises(BadRecordMAC) as again:
            other.next_event()
        assert again.value is first.value
        with pytest.raises(BadRecordMAC):
            other.send_data(b"x")
        other.close()
        assert other.data_to_send() == b"", "one alert, and nothing after it"


@MANY
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_never_get_anything_but_a_tlcp_error(data: bytes, to_server: bool) -> None:
    end = server() if to_server else client()
    end.receive_data(data)
    end.receive_eof()
    side = Side()
    drain(end, side)
    assert isinstance(side.error, TLCPError)
    assert not isinstance(side.error, InternalError)
    assert side.completed is None


@MANY
@given(st.data())
def test_a_mangled_handshake_never_gets_anything_but_a_tlcp_error(draw: st.DataObject) -> None:
    """Bytes of a real handshake with pieces overwritten, removed or doubled."""

    def wire(who: str, data: bytes) -> bytes:
        for _ in range(draw.draw(st.integers(0, 2))):
            start = draw.draw(st.integers(0, max(0, len(data) - 1)))
            stop = min(len(data), start + draw.draw(st.integers(0, 12)))
            piece = draw.draw(st.sampled_from([b"", data[start:stop] * 2, b"\xff" * 3, bytes(4)]))
            data = data[:start] + piece + data[stop:]
        return data

    one, other = repeatable_pair(draw.draw(st.sampled_from(ALL)))
    for side in run(one, other, wire):
        assert side.error is None or isinstance(side.error, TLCPError)
        assert not isinstance(side.error, InternalError), side.error


def test_trace_shows_both_sides_the_same_messages() -> None:
    seen = Recorder(), Recorder()
    one, other = client(trace=seen[0]), server(trace=seen[1])
    run(one, other)
    one.send_data(DATA)
    run(one, other)
    views = [
        sorted((m.sender, m.content_type, m.data, m.protected) for m in r.messages) for r in seen
    ]
    assert views[0] == views[1]
    assert len(views[0]) == 14


def test_nothing_is_kept_of_what_follows_close_notify() -> None:
    one, other = client(), server()
    run(one, other)
    one.close()
    run(one, other)
    for _ in range(100):
        other.receive_data(bytes(10000))
    assert other.next_event() is None
    assert len(other._records._buffer) < 10000
