"""Protected records: round trip, every flipped bit, every length, padding and MAC alike.

Everything runs on every code path of the kernels; test_against_reference.py compares them with
other code.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from native.paths import AVAILABLE, NAMES, forced
from support.ends import seeded
from tlcp.crypto.sm3 import hmac_sm3
from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import BadRecordMAC, InternalError, RecordOverflow
from tlcp.record.protect import (
    CBCProtection,
    GCMProtection,
    NullProtection,
    Protection,
    run_of_records,
)

MAC_KEY, KEY, IV = bytes(range(32)), bytes(range(16)), bytes(4)
Make = Callable[[], Protection]


@pytest.fixture(params=AVAILABLE, ids=[NAMES[path] for path in AVAILABLE], autouse=True)
def _path(request: pytest.FixtureRequest) -> Iterator[None]:
    with forced(request.param):
        yield


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


@BOTH
def test_records_are_opened_where_they_lie(make: Make) -> None:
    """In the stream, behind other bytes, several lengths, in one batch of more than one group."""
    data = [seeded(str(n))(n * 29 % 1200) for n in range(70)]
    stream = bytearray(b"before") + make().seal(23, data) + b"\x17\1\1\0\5half"
    lengths = run_of_records(23, stream, 6, 100)
    opened = make().open_records(23, stream, 6, lengths)
    assert opened.plaintexts == data
    assert opened.data == b"".join(data)
    assert opened.error is None


@BOTH
@pytest.mark.parametrize("bad", [0, 1, 15, 16, 31, 32, 33, 63, 64])
def test_a_batch_stops_at_its_first_bad_record(make: Make, bad: int) -> None:
    data = [bytes([n + 1]) * 40 for n in range(65)]
    fragments = _split(make().seal(23, data))
    for at in range(bad, 65, 7):
        fragments[at] = fragments[at][:-1] + bytes([fragments[at][-1] ^ 1])
    stream = bytearray(b"".join(b"\x17\1\1" + len(f).to_bytes(2) + f for f in fragments))
    opened = make().open_records(23, stream, 0, [len(f) for f in fragments])
    assert opened.plaintexts == data[:bad]
    assert isinstance(opened.error, BadRecordMAC)
    assert f"record {bad} " in str(opened.error)
    assert data[bad] not in stream


@BOTH
def test_data_is_cut_into_full_records(make: Make) -> None:
    for size in (0, 1, 2**14 - 1, 2**14, 2**14 + 1, 2**15, 2**15 + 5):
        data = seeded("data")(size)
        opened = make().open(23, _split(make().seal_data(23, data)))
        assert opened.data == data
        whole, rest = divmod(size, 2**14)
        assert list(opened.lengths) == [2**14] * whole + [rest] * (rest > 0 or size == 0)
        assert make().seal_data(23, memoryview(bytearray(data))) == make().seal_data(23, data)


@BOTH
def test_a_fragment_that_fits_no_record_is_our_mistake(make: Make) -> None:
    one = make()
    for size in (2**14 + 2048, 2**16, 2**20):
        with pytest.raises(InternalError, match="does not fit"):
            one.seal(23, [b"good", bytes(size)])
    assert one.seal(23, [b"x"]) == make().seal(23, [b"x"]), "nothing was counted"


@BOTH
def test_sequence_numbers_end(make: Make) -> None:
    one = make()
    one._sequence = 2**64 - 3  # type: ignore[attr-defined]
    assert one.seal(23, [b"last", b"two"][:1])
    with pytest.raises(InternalError, match="used up"):
        one.seal(23, [b"a", b"b"])
    with pytest.raises(InternalError, match="used up"):
        one.open(23, [bytes(64), bytes(64)])


def test_wrong_sizes_of_keys_are_our_mistake() -> None:
    with pytest.raises(InternalError, match="key has 15 bytes"):
        GCMProtection(key=bytes(15), fixed_iv=IV)
    with pytest.raises(InternalError, match="fixed IV has 5 bytes"):
        GCMProtection(key=KEY, fixed_iv=bytes(5))
    with pytest.raises(InternalError, match="MAC key has 31 bytes"):
        CBCProtection(mac_key=bytes(31), key=KEY, random=bytes)
    with pytest.raises(InternalError, match="answer has 1 bytes"):
        CBCProtection(mac_key=MAC_KEY, key=KEY, random=lambda _: b"x").seal(23, [b"x"])


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"", []),
        (b"\x17\1\1\0", []),
        (b"\x17\1\1\0\0", [0]),
        (b"\x17\1\1\0\1", []),
        (b"\x17\1\1\0\1a\x17\1\1\0\2bc\x17\1\1\0\1", [1, 2]),
        (b"\x17\1\1\0\1a\x16\1\1\0\1b", [1]),
        (b"\x17\1\1\0\1a\x17\3\1\0\1b", [1]),
        (b"\x17\1\1\0\1a\x17\1\2\0\1b", [1]),
        (b"\x17\1\1\x48\0" + bytes(2**14 + 2048), [2**14 + 2048]),
        (b"\x17\1\1\x48\1" + bytes(2**14 + 2049), []),
        (b"\x17\1\1\0\0" * 9, [0] * 5),
    ],
)
def test_a_run_of_records(stream: bytes, found: list[int]) -> None:
    assert run_of_records(23, bytearray(stream), 0, 5) == found
    assert run_of_records(23, bytearray(b"xyz" + stream), 3, 5) == found


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
    stream = NullProtection().seal_data(22, bytes(2**14) + b"cd")
    assert stream == b"\x16\1\1\x40\0" + bytes(2**14) + b"\x16\1\1\0\2cd"
    assert NullProtection().seal_data(22, b"") == b"\x16\1\1\0\0"
    opened = NullProtection().open_records(22, bytearray(b"-" + stream), 1, [2**14, 2])
    assert opened.plaintexts == [bytes(2**14), b"cd"]
