"""Framing: any cut of the stream, limits before buffering, and what is no TLCP at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.ends import seeded
from tlcp._native import ffi, lib
from tlcp.errors import (
    BadRecordMAC,
    ProtocolVersionError,
    RecordOverflow,
    TLCPError,
    TruncatedError,
    UnexpectedMessage,
)
from tlcp.record.framing import HEADER
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import CBCProtection, GCMProtection, Protection
from tlcp.registry import TLCP_VERSION

KEY = bytes(16)


def layer(protection: Protection | None = None) -> RecordLayer:
    made = RecordLayer(max_empty_records=3)
    if protection is not None:
        made.protect_reads(protection)
        made.protect_writes(protection)
        made.version_agreed()
    return made


def gcm() -> GCMProtection:
    return GCMProtection(key=KEY, fixed_iv=bytes(4))


def cbc() -> CBCProtection:
    return CBCProtection(mac_key=bytes(32), key=KEY, random=seeded("x"))


def everything(one: RecordLayer) -> list[tuple[int, bytes]]:
    found = []
    while (record := one.next_record()) is not None:
        found.append(record)
    return found


def _merged(records: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbours of application data joined: their borders mean nothing."""
    out: list[tuple[int, bytes]] = []
    for kind, data in records:
        if out and kind == 23 and out[-1][0] == 23:
            out[-1] = (23, out[-1][1] + data)
        else:
            out.append((kind, data))
    return out


@pytest.mark.parametrize(
    "make", [gcm, lambda: CBCProtection(mac_key=bytes(32), key=KEY, random=seeded("x"))]
)
@pytest.mark.parametrize("step", [1, 2, 5, 7, 64, 4096, 10**6])
def test_any_cut_gives_the_same_records(make: Callable[[], Protection], step: int) -> None:
    sender = layer(make())
    stream = sender.seal(23, bytes(40000)) + sender.seal(22, b"hello") + sender.seal(23, b"tail")
    receiver, found = layer(make()), []
    for at in range(0, len(stream), step):
        receiver.receive(stream[at : at + step])
        found += everything(receiver)
    assert _merged(found) == [(23, bytes(40000)), (22, b"hello"), (23, b"tail")]


def test_a_batch_never_crosses_another_type() -> None:
    """An alert or a handshake record between data is seen in its place."""
    sender, receiver = layer(gcm()), layer(gcm())
    receiver.receive(sender.seal(23, b"a") + sender.seal(21, b"\1\0") + sender.seal(23, b"b"))
    assert everything(receiver) == [(23, b"a"), (21, b"\1\0"), (23, b"b")]


def test_data_before_a_bad_record_is_delivered_first() -> None:
    sender, receiver = layer(gcm()), layer(gcm())
    good, bad = sender.seal(23, b"good"), bytearray(sender.seal(23, b"bad"))
    bad[-1] ^= 1
    receiver.receive(good + bytes(bad) + sender.seal(23, b"later"))
    assert receiver.next_record() == (23, b"good")
    for _ in range(2):
        with pytest.raises(BadRecordMAC):
            receiver.next_record()


def test_a_bad_header_behind_data_waits_for_its_turn() -> None:
    sender, receiver = layer(gcm()), layer(gcm())
    receiver.receive(sender.seal(23, b"good") + b"\x17\3\3\0\1x")
    assert receiver.next_record() == (23, b"good")
    with pytest.raises(ProtocolVersionError):
        receiver.next_record()


@pytest.mark.parametrize(
    ("start", "error", "text"),
    [
        (b"GET / HTTP/1.1\r\n", UnexpectedMessage, "plain HTTP request"),
        (b"HTTP/1.1 400 Bad", UnexpectedMessage, "plain HTTP answer"),
        (b"SSH-2.0-OpenSSH", UnexpectedMessage, "SSH"),
        (b"\x50\1\1\0\1x", UnexpectedMessage, "no TLCP record"),
        (b"\x00\x00\x00\x00\x00", UnexpectedMessage, "no TLCP record"),
        (b"\x16\2\0\0\1", ProtocolVersionError, "0200"),
        (b"\x16\1\1\x40\1", RecordOverflow, "16385"),
    ],
)
def test_a_first_record_that_is_none(start: bytes, error: type[TLCPError], text: str) -> None:
    one = layer()
    one.receive(start)
    with pytest.raises(error, match=text):
        one.next_record()


def test_a_header_is_refused_before_its_fragment_is_buffered() -> None:
    one = layer(gcm())
    one.receive(b"\x17\1\1\x48\1")  # 2^14 + 2048 + 1
    with pytest.raises(RecordOverflow, match="18433"):
        one.next_record()


def test_the_longest_protected_record_is_waited_for() -> None:
    one = layer(gcm())
    one.receive(b"\x17\1\1\x48\0")
    assert one.next_record() is None


def test_only_the_first_record_may_have_another_version() -> None:
    """TLS-minded clients send 0301 in front of their ClientHello."""
    one = layer()
    one.receive(b"\x16\3\1\0\1a")
    assert one.next_record() == (22, b"a")
    one.version_agreed()
    one.receive(b"\x16\3\1\0\1a")
    with pytest.raises(ProtocolVersionError, match="0301"):
        one.next_record()


def test_empty_records() -> None:
    """Some stacks send one before data; a flood of them is refused, and so is any other kind."""
    sender, receiver = layer(gcm()), layer(gcm())
    receiver.receive(sender.seal(23, b"") + sender.seal(23, b"data"))
    assert b"".join(data for _, data in everything(receiver)) == b"data"
    for _ in range(4):
        receiver.receive(sender.seal(23, b""))
    with pytest.raises(UnexpectedMessage, match="4 empty records"):
        everything(receiver)
    for kind in (20, 21, 22):
        sender, receiver = layer(gcm()), layer(gcm())
        receiver.receive(sender.seal(kind, b""))
        with pytest.raises(UnexpectedMessage, match="empty"):
            everything(receiver)


def test_an_alert_in_clear_under_protection_is_a_truncation() -> None:
    """GmSSL 3.1 ends so; an attacker could, too."""
    one = layer(gcm())
    one.receive(b"\x15\1\1\0\2\2\0")
    with pytest.raises(TruncatedError, match="in clear"):
        one.next_record()


def test_long_data_is_cut_into_full_records() -> None:
    stream = layer().seal(23, bytes(2**14 + 1))
    assert stream[3:5] == b"\x40\0"
    assert len(stream) == 5 + 2**14 + 5 + 1


def test_buffered_bytes_do_not_pile_up() -> None:
    sender, receiver = layer(gcm()), layer(gcm())
    for _ in range(100):
        receiver.receive(sender.seal(23, bytes(16000)))
        assert everything(receiver)
        assert len(receiver._buffer) < 3 * 2**16


@pytest.mark.parametrize("make", [gcm, cbc], ids=["gcm", "cbc"])
def test_short_fragments_in_a_batch_take_no_room_from_long_ones(
    make: Callable[[], Protection],
) -> None:
    """Fragments too short to be records stand beside long ones; only their own rule is broken."""
    for lengths in ([1540] + [0] * 63, [0] * 63 + [16000], [23] * 32 + [16000] * 8 + [1] * 24):
        one = layer(make())
        headers = (HEADER.pack(23, TLCP_VERSION, length) for length in lengths)
        one.receive(b"".join(head + bytes(n) for head, n in zip(headers, lengths, strict=True)))
        with pytest.raises(BadRecordMAC):
            one.next_record()


def test_the_kernels_refuse_too_little_room() -> None:
    """Whatever their caller thinks, the C code knows what it may write."""
    keys = ffi.new("tlcp_gcm *")
    lib.tlcp_gcm_start(keys, KEY, bytes(4))
    lengths, plain = ffi.new("uint32_t[]", [1540] + [0] * 63), ffi.new("uint32_t[]", 64)
    data = ffi.new("uint8_t[]", 1540)
    for room in (0, 28, 1515):
        out = ffi.new("uint8_t[]", max(room, 1))
        assert not lib.tlcp_gcm_open(keys, out, room, plain, 23, 0, data, 1540, 0, lengths, 64)
    too_long = ffi.new("uint32_t[]", [18410])
    text, out = ffi.new("uint8_t[]", 18410), ffi.new("uint8_t[]", 1)
    assert not lib.tlcp_gcm_seal(keys, out, 0, 23, 0, text, 18410, too_long, 1)
    assert out[0] == 0
