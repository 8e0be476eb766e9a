"""Tables of public keys: made at the second meeting, bounded, and of no influence on a verdict."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from tlcp._native import ffi
from tlcp.crypto import sm2, sm2_tables
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey, forget_tables
from tlcp.crypto.sm2_tables import MAX_KEYS, TABLE_BYTES, KeyTables, make_table
from tlcp.crypto.sm3 import sm3
from unit.crypto.sm2_reference import G, mul, xy
from unit.crypto.tongsuo_sm2 import LIBRARY, TongsuoKey

MESSAGE = b"what is signed"
KEYS = [SM2PrivateKey.generate() for _ in range(4)]
SIGNATURES = [key.sign(MESSAGE) for key in KEYS]
POINTS = [xy(mul(n, G)) for n in range(1, 12)]


@pytest.fixture(autouse=True)
def _no_tables_left() -> Iterator[None]:
    forget_tables()
    yield
    forget_tables()


def fresh(index: int) -> SM2PublicKey:
    return SM2PublicKey(KEYS[index].public_point)


def test_a_table_is_made_at_the_second_meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def making(xy_: bytes) -> Any:
        made.append(xy_)
        return make_table(xy_)

    monkeypatch.setattr(sm2_tables, "make_table", making)
    counts = []
    for _ in range(4):
        fresh(0).verify(SIGNATURES[0], MESSAGE)
        counts.append(len(made))
    assert counts == [0, 1, 1, 1]
    fresh(1).verify(SIGNATURES[1], MESSAGE)
    assert made == [KEYS[0].public_point[1:]]
    forget_tables()
    fresh(0).verify(SIGNATURES[0], MESSAGE)
    assert len(made) == 1


def test_first_second_third_and_prepared_verification_agree() -> None:
    prepared = fresh(0)
    prepared.prepare()
    for bad in (None, 0, 1):
        signature, message = SIGNATURES[0], MESSAGE
        if bad == 0:
            signature = SIGNATURES[1]
        elif bad == 1:
            message = MESSAGE + b"?"
        forget_tables()
        for key in (fresh(0), fresh(0), fresh(0), prepared):
            if bad is None:
                key.verify(signature, message)
            else:
                with pytest.raises(InvalidSignature, match="does not match"):
                    key.verify(signature, message)


def test_every_flipped_bit_of_a_signature_is_noticed_with_and_without_table() -> None:
    prepared, signature = fresh(0), SIGNATURES[0]
    prepared.prepare()
    for bit in range(8 * len(signature)):
        bad = bytearray(signature)
        bad[bit // 8] ^= 1 << bit % 8
        forget_tables()
        for key in (fresh(0), prepared):
            with pytest.raises(InvalidSignature):
                key.verify(bytes(bad), MESSAGE)


@pytest.mark.skipif(LIBRARY is None, reason="needs tongsuopy: pip install tongsuopy")
def test_signatures_of_tongsuo_hold_and_hold_only_for_their_message() -> None:
    for key in KEYS:
        theirs = TongsuoKey(key.public_point, key.dangerous_scalar())
        prepared = SM2PublicKey(key.public_point)
        prepared.prepare()
        for number in range(25):
            message = number.to_bytes(2)
            signature = theirs.sign(sm3(prepared.z() + message))
            prepared.verify(signature, message)
            with pytest.raises(InvalidSignature):
                prepared.verify(signature, message + b"?")


def test_a_prepared_key_keeps_its_table_and_needs_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = fresh(0)
    key.prepare()
    key.prepare()
    forget_tables()
    monkeypatch.setattr(sm2, "_tables", None)
    key.verify(SIGNATURES[0], MESSAGE)


def test_tables_are_bounded_and_the_least_used_goes_first() -> None:
    tables = KeyTables(3)
    for point in (*POINTS[:3], *POINTS[:3]):
        tables.find(point)
    assert len(tables) == 3
    assert tables.find(POINTS[0]) is not None  # now POINTS[1] is the one unused for longest
    assert tables.find(POINTS[5]) is None
    assert len(tables) == 3, "a key that is met once drives no table out"
    assert tables.find(POINTS[5]) is not None
    assert len(tables) == 3
    assert tables.find(POINTS[1]) is None
    for index in (0, 2, 5):
        assert tables.find(POINTS[index]) is not None


def test_keys_met_once_are_forgotten_in_the_end() -> None:
    tables = KeyTables(1)
    for point in POINTS[:5]:
        assert tables.find(point) is None
    assert tables.find(POINTS[0]) is None, "four others were met since"
    assert tables.find(POINTS[4]) is not None


def test_the_memory_bound_that_is_documented() -> None:
    assert ffi.sizeof("tlcp_sm2_table") == TABLE_BYTES
    assert MAX_KEYS * TABLE_BYTES == 2 << 20


def test_no_table_of_what_is_no_point() -> None:
    with pytest.raises(ValueError, match="not on the curve"):
        make_table(bytes(64))


def test_threads_share_tables() -> None:
    """Few tables for many keys, so that threads make, use, drop and clear them all the time."""
    tables = KeyTables(2)
    errors: list[bytes] = []
    start = threading.Barrier(4)

    def work(number: int, wanted: Callable[[int], bytes]) -> None:
        start.wait()
        for i in range(150):
            point = wanted(i * (number + 1))
            table = tables.find(point)
            if table is not None and bytes(ffi.buffer(table)) != expected[point]:
                errors.append(point)
            if i % 50 == number:
                tables.clear()

    expected = {point: bytes(ffi.buffer(make_table(point))) for point in POINTS[:4]}
    threads = [threading.Thread(target=work, args=(n, lambda i: POINTS[i % 4])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(tables) <= 2


def test_threads_verify_with_keys_met_again() -> None:
    verdicts: list[str] = []

    def work() -> None:
        for i in range(60):
            key, good = fresh(i % 4), SIGNATURES[i % 4]
            key.verify(good, MESSAGE)
            try:
                key.verify(SIGNATURES[(i + 1) % 4], MESSAGE)
            except InvalidSignature:
                continue
            verdicts.append("a bad signature was accepted")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not verdicts
    assert len(sm2._tables) == 4
