"""Protected records: round trip, every flipped bit, every length, padding and MAC alike."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from support.ends import seeded
from tlcp.crypto.sm3 import hmac_sm3
from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import BadRecordMAC, RecordOverflow
from tlcp.record.protect import CBCProtection, GCMProtection, NullProtection, Protection

MAC_KEY, KEY, IV = bytes(range(32)), bytes(range(16)), bytes(4)
Make = Callable[[], Protection]


def cbc() -> Protection:
    return CBCProtection(mac_key=MAC_KEY, key=KEY, random=seeded("iv"))


def gcm() -> Protection:
    return GCMProtection(key=KEY, fixed_iv=IV)


BOTH = pytest.mark.parametrize("make", [cbc, gcm], ids=["cbc", "gcm"])


def _split(stream: bytes) -> list[bytes]:
    fragments = []
    while stream:
        size = int.from_bytes(stream[3:5], "big")
        fragments.append(stream[5 : 5 + size])
        stream = stream[5 + size :]
    return fragments


@BOTH
@pytest.mark.parametrize("size", [0, 1, 14, 15, 16, 17, 31, 32, 33, 255, 256, 2**14])
def test_round_trip(make: Make, size: int) -> None:
    plaintext = seeded("data")(size)
    stream = make().seal(23, [plaintext])
    assert stream[:3] == b"\x17\1\1"
    assert make().open(23, _split(stream)).plaintexts == [plaintext]


@BOTH
def test_a_batch_is_the_same_as_one_by_one(make: Make) -> None:
    data = [b"one", b"", b"three" * 100]
    one_by_one = make()
    assert make().seal(23, data) == b"".join(one_by_one.seal(23, [d]) for d in data)
    opened = make().open(23, _split(make().seal(23, data)))
    assert opened.plaintexts == data
    assert opened.error is None


@BOTH
def test_every_flipped_bit_is_one_error(make: Make) -> None:
    (fragment,) = _split(make().seal(23, [b"attack at dawn"]))
    texts = set()
    for at in range(len(fragment)):
        for bit in range(8):
            bad = bytearray(fragment)
            bad[at] ^= 1 << bit
            opened = make().open(23, [bytes(bad)])
            assert isinstance(opened.error, BadRecordMAC)
            assert opened.plaintexts == []
            texts.add(str(opened.error))
    assert len(texts) == 1, "padding and MAC failures must not be told apart"


@BOTH
def test_every_truncation_and_extension(make: Make) -> None:
    (fragment,) = _split(make().seal(23, [b"attack at dawn"]))
    for bad in [*(fragment[:n] for n in range(len(fragment))), fragment + b"\0", fragment * 2]:
        assert isinstance(make().open(23, [bad]).error, BadRecordMAC)


@BOTH
def test_type_and_sequence_are_authenticated(make: Make) -> None:
    """A record opened as another type, repeated, or out of order fails."""
    first, second = _split(make().seal(23, [b"one", b"two"]))
    assert make().open(22, [first]).error is not None
    assert make().open(23, [second]).error is not None
    repeated = make().open(23, [first, first])
    assert repeated.plaintexts == [b"one"]
    assert isinstance(repeated.error, BadRecordMAC)


@BOTH
def test_what_was_good_before_a_bad_record_is_kept(make: Make) -> None:
    first, second, third = _split(make().seal(23, [b"one", b"two", b"three"]))
    opened = make().open(23, [first, second[:-1] + b"\0", third])
    assert opened.plaintexts == [b"one"]
    assert isinstance(opened.error, BadRecordMAC)


def _cbc_record(plaintext: bytes, padding: bytes, mac: bytes | None = None) -> bytes:
    """A record with any padding (its last byte is the length byte) and any MAC."""
    header = struct.pack(">QBHH", 0, 23, 0x0101, len(plaintext))
    mac = hmac_sm3(MAC_KEY, header + plaintext) if mac is None else mac
    return bytes(16) + SM4Key(KEY).cbc_encrypt(bytes(16), plaintext + mac + padding)


@pytest.mark.parametrize("size", range(256))
def test_padding_of_every_length_is_accepted(size: int) -> None:
    """0 to 255 bytes, as long as the blocks come out (6.3.3.4.2)."""
    plaintext = bytes(-(32 + size + 1) % 16)
    record = _cbc_record(plaintext, bytes([size]) * (size + 1))
    assert cbc().open(23, [record]).plaintexts == [plaintext]


@pytest.mark.parametrize("size", range(1, 256))
def test_padding_with_one_wrong_byte_is_refused(size: int) -> None:
    plaintext = bytes(-(32 + size + 1) % 16)
    for at in {0, size // 2, size - 1}:
        padding = bytearray([size]) * (size + 1)
        padding[at] ^= 1
        assert cbc().open(23, [_cbc_record(plaintext, bytes(padding))]).error is not None


def test_padding_longer_than_the_record_is_refused() -> None:
    for claimed in (16, 17, 47, 48, 255):
        record = _cbc_record(b"", bytes(15) + bytes([claimed]))
        assert isinstance(cbc().open(23, [record]).error, BadRecordMAC)


def test_the_mac_is_computed_whatever_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """One path for both failures: a MAC run and a comparison take place in each."""
    from tlcp.record import protect

    calls: list[int] = []

    def counting(key: bytes, data: bytes) -> bytes:
        calls.append(len(data))
        return hmac_sm3(key, data)

    monkeypatch.setattr(protect, "hmac_sm3", counting)
    bad_padding = _cbc_record(bytes(15), bytes(16) + b"\x10")
    bad_mac = _cbc_record(bytes(15), b"\0", mac=bytes(32))
    for record in (bad_padding, bad_mac):
        calls.clear()
        assert isinstance(cbc().open(23, [record]).error, BadRecordMAC)
        assert len(calls) == 1


@BOTH
def test_plaintext_over_the_limit(make: Make) -> None:
    stream = make().seal(23, [bytes(2**14 + 1)])
    opened = make().open(23, _split(stream))
    assert isinstance(opened.error, RecordOverflow)
    assert opened.plaintexts == []


def test_gcm_takes_the_explicit_nonce_from_the_wire() -> None:
    """Stacks may start anywhere; only the AAD counts from 0 (6.3.3.4.3)."""
    nonce = b"\xff" * 8
    aad = struct.pack(">QBHH", 0, 23, 0x0101, 4)
    record = nonce + SM4Key(KEY).gcm_encrypt(IV + nonce, b"data", aad)
    assert gcm().open(23, [record]).plaintexts == [b"data"]


def test_cbc_uses_a_fresh_iv_for_each_record() -> None:
    first, second = _split(cbc().seal(23, [b"same", b"same"]))
    assert first[:16] != second[:16]


def test_null_protection() -> None:
    assert NullProtection().seal(22, [b"ab"]) == b"\x16\1\1\0\2ab"
    assert NullProtection().open(22, [b"ab"]).plaintexts == [b"ab"]
