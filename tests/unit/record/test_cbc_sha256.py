"""Records of RSA_SM4_CBC_SHA256: round trip, every flipped bit, padding and MAC alike."""

from __future__ import annotations

import hmac
import struct
from typing import Any

import pytest

from support.ends import seeded
from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import BadRecordMAC, InternalError, RecordOverflow
from tlcp.record import cbc_sha256
from tlcp.record.cbc_sha256 import CBCSha256Protection

MAC_KEY, KEY, IV = bytes(range(32)), bytes(range(16)), bytes(16)


def make() -> CBCSha256Protection:
    return CBCSha256Protection(mac_key=MAC_KEY, key=KEY, random=seeded("iv"))


def split(stream: bytes) -> list[bytes]:
    fragments = []
    while stream:
        size = int.from_bytes(stream[3:5], "big")
        fragments.append(stream[5 : 5 + size])
        stream = stream[5 + size :]
    return fragments


def record(plaintext: bytes, padding: bytes, mac: bytes | None = None) -> bytes:
    """A fragment with any padding (its last byte is the length byte) and any MAC."""
    header = struct.pack(">QBHH", 0, 23, 0x0101, len(plaintext))
    mac = hmac.digest(MAC_KEY, header + plaintext, "sha256") if mac is None else mac
    return IV + SM4Key(KEY).cbc_encrypt(IV, plaintext + mac + padding)


@pytest.mark.parametrize("size", [0, 1, 14, 15, 16, 17, 31, 32, 33, 255, 256, 300, 2**14])
def test_round_trip(size: int) -> None:
    plaintext = seeded("data")(size)
    stream = make().seal(23, [plaintext])
    assert stream[:3] == b"\x17\1\1"
    assert make().open(23, split(stream)).plaintexts == [plaintext]


def test_the_bytes_of_a_record() -> None:
    pad = 16 - (5 + 32) % 16
    (fragment,) = split(make().seal(23, [b"hello"]))
    iv = fragment[:16]
    text = SM4Key(KEY).cbc_decrypt(iv, fragment[16:])
    header = struct.pack(">QBHH", 0, 23, 0x0101, 5)
    mac = hmac.digest(MAC_KEY, header + b"hello", "sha256")
    assert text == b"hello" + mac + bytes([pad - 1]) * pad


def test_long_data_is_cut_and_read_in_place() -> None:
    data = seeded("long")(40_000)
    stream = bytearray(b"x" + make().seal_data(23, memoryview(data)))
    lengths = [len(f) for f in split(bytes(stream[1:]))]
    assert len(lengths) == 3
    opened = make().open_records(23, stream, 1, lengths)
    assert opened.data == data
    assert opened.error is None
    assert len(split(make().seal_data(23, b""))) == 1


def test_every_flipped_bit_and_every_length_is_one_error() -> None:
    (fragment,) = split(make().seal(23, [b"attack at dawn"]))
    flipped = [
        fragment[:at] + bytes([fragment[at] ^ 1 << bit]) + fragment[at + 1 :]
        for at in range(len(fragment))
        for bit in range(8)
    ]
    cut = [fragment[:n] for n in range(len(fragment))] + [fragment + b"\0", fragment * 2]
    texts = set()
    for bad in flipped + cut:
        opened = make().open(23, [bad])
        assert isinstance(opened.error, BadRecordMAC)
        assert opened.plaintexts == []
        texts.add(str(opened.error))
    assert len(texts) == 1, "padding and MAC failures must not be told apart"


@pytest.mark.parametrize("plaintext", [b"", b"x" * 15, b"y" * 300])
def test_every_padding_that_fits_is_taken(plaintext: bytes) -> None:
    first = 15 - (len(plaintext) + 32) % 16
    for pad in range(first, 256, 16):
        opened = make().open(23, [record(plaintext, bytes([pad]) * (pad + 1))])
        assert opened.plaintexts == [plaintext]


@pytest.mark.parametrize("plaintext", [b"", b"x" * 15, b"y" * 300])
def test_every_wrong_byte_of_a_padding_is_refused(plaintext: bytes) -> None:
    first = 15 - (len(plaintext) + 32) % 16
    for pad in (first, first + 16, first + 16 * ((255 - first) // 16)):
        good = bytes([pad]) * (pad + 1)
        for at in range(pad):
            bad = good[:at] + bytes([pad ^ 1]) + good[at + 1 :]
            assert isinstance(make().open(23, [record(plaintext, bad)]).error, BadRecordMAC)


def test_a_padding_longer_than_the_record_is_refused() -> None:
    opened = make().open(23, [record(b"", b"\xff" * 16)])
    assert isinstance(opened.error, BadRecordMAC)
    for mac in (bytes(32), b"\x2f" * 32):
        assert make().open(23, [record(b"", b"\x2f" * 16, mac)]).error is not None


def test_the_same_number_of_blocks_is_hashed_whatever_the_padding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counts what goes into SHA-256, in blocks, for records of one length."""
    for size in (64, 80, 112, 320, 336, 1008):
        room = size - 33
        counts = set()
        for pad in (*range(min(256, size)), 999):
            good = pad <= room
            counts.add(_blocks_hashed(size, pad if good else 255, monkeypatch))
        assert len(counts) == 1, size


def _blocks_hashed(size: int, pad: int, monkeypatch: pytest.MonkeyPatch) -> int:
    length = max(0, size - 33 - pad)
    text = (bytes(length) + bytes(32) + bytes([pad]) * (pad + 1))[-size:]
    protection: Any = make()
    counted: list[_Counting] = []
    protection._inner = _Counting(protection._inner, counted)
    fragment = IV + SM4Key(KEY).cbc_encrypt(IV, text.rjust(size, b"\0"))
    protection.open(23, [fragment])
    mac, spare = counted
    return (mac.taken + 8) // 64 + 1 + spare.taken // 64


class _Counting:
    """A hash that counts the bytes it takes in."""

    def __init__(self, real: Any, copies: list[_Counting]) -> None:
        self.real, self.copies, self.taken = real, copies, 0

    def copy(self) -> _Counting:
        new = _Counting(self.real.copy(), self.copies)
        self.copies.append(new)
        return new

    def update(self, data: bytes) -> None:
        self.taken += len(data)
        self.real.update(data)

    def digest(self) -> bytes:
        return bytes(self.real.digest())


def test_a_plaintext_that_is_too_long() -> None:
    plaintext = bytes(2**14 + 1)
    pad = 15 - (len(plaintext) + 32) % 16
    opened = make().open(23, [record(plaintext, bytes([pad]) * (pad + 1))])
    assert isinstance(opened.error, RecordOverflow)
    with pytest.raises(InternalError, match="does not fit"):
        make().seal(23, [plaintext])


def test_order_and_type_are_authenticated() -> None:
    first, second, third = split(make().seal(23, [b"one", b"two", b"three"]))
    assert make().open(22, [first]).error is not None
    assert make().open(23, [second]).error is not None
    opened = make().open(23, [first, second, second, third])
    assert opened.plaintexts == [b"one", b"two"]
    assert isinstance(opened.error, BadRecordMAC)


def test_sequence_numbers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbc_sha256, "LAST_SEQUENCE", 1)
    protection = make()
    protection.seal(23, [b"one"])
    with pytest.raises(InternalError, match="used up"):
        protection.seal(23, [b"two"])


def test_a_mac_key_of_another_length_is_refused() -> None:
    with pytest.raises(InternalError, match="31 bytes"):
        CBCSha256Protection(mac_key=bytes(31), key=KEY, random=seeded("x"))
