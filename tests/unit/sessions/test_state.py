"""What is kept of a connection, as bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tlcp.sessions.session import Session, State, TicketKey

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STATE = State.new(
    suite=0xE053,
    master=bytes(range(48)),
    now=NOW,
    lifetime_s=7200,
    binding=b"\xbb" * 32,
    server_name="server.example",
    certificates=(b"sign", b"encrypt"),
)


def test_the_bytes_of_a_state() -> None:
    # written down by hand from the layout that the class documents
    assert STATE.to_bytes() == (
        b"\x01"
        + b"\xe0\x53"
        + bytes(range(48))
        + int(NOW.timestamp()).to_bytes(8, "big")
        + (7200).to_bytes(4, "big")
        + b"\xbb" * 32
        + b"\x00\x0eserver.example"
        + b"\x00\x00\x11"
        + b"\x00\x00\x04sign"
        + b"\x00\x00\x07encrypt"
    )


@given(
    name=st.none() | st.text("abcdefgh.-", min_size=1, max_size=253),
    certificates=st.lists(st.binary(min_size=1, max_size=50), max_size=4),
    lifetime_s=st.integers(0, 2**32 - 1),
)
def test_a_state_comes_back(name: str | None, certificates: list[bytes], lifetime_s: int) -> None:
    state = State.new(
        suite=0xE011,
        master=b"\x07" * 48,
        now=NOW,
        lifetime_s=lifetime_s,
        binding=bytes(32),
        server_name=name,
        certificates=tuple(certificates),
    )
    assert State.load(state.to_bytes()) == state


def test_a_cut_or_longer_state_is_none() -> None:
    data = STATE.to_bytes()
    for length in range(len(data)):
        assert State.load(data[:length]) is None, length
    assert State.load(data + b"\0") is None


def test_a_damaged_state_raises_nothing() -> None:
    # a store may hold anything; with no secret, nothing tells a damaged value before it is read
    data = STATE.to_bytes()
    for place in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            bad = bytearray(data)
            bad[place] ^= flip
            loaded = State.load(bytes(bad))
            assert loaded is None or loaded.to_bytes() == bad


def test_a_state_of_another_version_is_none() -> None:
    assert State.load(replace(STATE, format=2).to_bytes()) is None


def test_a_state_lives_for_its_lifetime_and_not_before_it_was_made() -> None:
    assert STATE.alive(NOW)
    assert STATE.alive(NOW + timedelta(seconds=7199))
    assert not STATE.alive(NOW + timedelta(seconds=7200))
    assert not STATE.alive(NOW - timedelta(seconds=1))


def test_no_repr_shows_a_secret() -> None:
    secret = bytes(range(48))
    key = TicketKey(b"n" * 16, secret[:16])
    session = Session(b"\x11" * 32, STATE, b"ticket", 5)
    for shown in (repr(STATE), repr(session), repr(key), f"{(STATE, session, key)}"):
        assert secret[:16].hex() not in shown
        assert repr(secret[:16])[2:-1] not in shown
