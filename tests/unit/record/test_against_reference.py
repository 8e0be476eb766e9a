"""Records against the same rules written down once more, on ``cryptography``: byte for byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from native.paths import AVAILABLE, each_path, forced
from support.ends import seeded
from tlcp.record.protect import CBCProtection, GCMProtection

MAC_KEY, KEY, FIXED_IV = seeded("mac")(32), seeded("key")(16), seeded("iv")(4)
FIRST = 2**32 - 2  # so that the sequence number grows by a byte
BORDERS = [*range(1101), 4095, 4096, 4097, 16383, 16384, 16385]


def header(number: int, length: int) -> bytes:
    return struct.pack(">QBHH", number, 23, 0x0101, length)


def cbc_record(number: int, data: bytes, iv: bytes) -> bytes:
    mac = hmac.HMAC(MAC_KEY, hashes.SM3())
    mac.update(header(number, len(data)) + data)
    text = data + mac.finalize()
    pad = 16 - len(text) % 16
    cipher = Cipher(algorithms.SM4(KEY), modes.CBC(iv)).encryptor()
    body = iv + cipher.update(text + bytes([pad - 1]) * pad)
    return b"\x17\1\1" + len(body).to_bytes(2) + body


def gcm_record(number: int, data: bytes) -> bytes:
    explicit = number.to_bytes(8)
    cipher = Cipher(algorithms.SM4(KEY), modes.GCM(FIXED_IV + explicit)).encryptor()
    cipher.authenticate_additional_data(header(number, len(data)))
    body = explicit + cipher.update(data) + cipher.finalize() + cipher.tag
    return b"\x17\1\1" + len(body).to_bytes(2) + body


def expected(mode: str, batch: Sequence[bytes]) -> bytes:
    ivs = seeded("ivs")
    if mode == "gcm":
        return b"".join(gcm_record(FIRST + i, data) for i, data in enumerate(batch))
    return b"".join(cbc_record(FIRST + i, data, ivs(16)) for i, data in enumerate(batch))


def protection(mode: str) -> CBCProtection | GCMProtection:
    made: CBCProtection | GCMProtection
    if mode == "gcm":
        made = GCMProtection(key=KEY, fixed_iv=FIXED_IV)
    else:
        made = CBCProtection(mac_key=MAC_KEY, key=KEY, random=seeded("ivs"))
    made._sequence = FIRST
    return made


def check(mode: str, batch: Sequence[bytes], records: bytes) -> None:
    assert protection(mode).seal(23, batch) == records
    lengths, at, stream = [], 0, bytearray(b"?" * (len(batch) % 3) + records)
    for _ in batch:
        lengths.append(int.from_bytes(records[at + 3 : at + 5]))
        at += 5 + lengths[-1]
    opened = protection(mode).open_records(23, stream, len(batch) % 3, lengths)
    good = [data for data in batch if len(data) <= 2**14]
    assert opened.plaintexts == good
    assert (opened.error is None) == (len(good) == len(batch))


@pytest.mark.parametrize("mode", ["cbc", "gcm"])
def test_every_length(mode: str) -> None:
    data = seeded("text")(BORDERS[-1])
    for size in BORDERS:
        batch = [data[-size:] if size else b""]
        records = expected(mode, batch)
        for path in AVAILABLE:
            with forced(path):
                check(mode, batch, records)


@each_path
@pytest.mark.parametrize("mode", ["cbc", "gcm"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 100])
def test_batches_around_the_number_of_lanes(mode: str, path: int, count: int) -> None:
    """Equal lengths, and lengths that end at different times."""
    source = seeded(str(count))
    equal = [source(333) for _ in range(count)]
    unequal = [source(i * i * 41 % 700) for i in range(count)]
    with forced(path):
        for batch in (equal, unequal):
            check(mode, batch, expected(mode, batch))


@each_path
@pytest.mark.parametrize("mode", ["cbc", "gcm"])
def test_a_long_write(mode: str, path: int) -> None:
    data = seeded("long")(1 << 10) * 200 + b"the rest"
    batch = [data[i : i + 2**14] for i in range(0, len(data), 2**14)]
    with forced(path):
        assert protection(mode).seal_data(23, data) == expected(mode, batch)
