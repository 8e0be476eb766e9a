from __future__ import annotations

import time

import pytest

from tlcp.crypto.pem import is_pem, split_pem, to_pem
from tlcp.errors import ConfigError


def test_blocks_come_in_order_and_text_is_skipped() -> None:
    data = b"\xef\xbb\xbfsubject=x\n" + to_pem("A", b"one") + b"-- note --\n" + to_pem("B C", b"2")
    assert [(block.label, block.der) for block in split_pem(data)] == [("A", b"one"), ("B C", b"2")]


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 200])
def test_round_trip_and_line_length(size: int) -> None:
    der = bytes(range(200))[:size]
    pem = to_pem("X", der)
    assert split_pem(pem)[0].der == der
    assert max(map(len, pem.splitlines()[1:-1]), default=0) <= 64
    assert split_pem(pem.replace(b"\n", b"\r\n"))[0].der == der


def test_traditional_encryption_is_seen() -> None:
    pem = to_pem("EC PRIVATE KEY", b"secret").replace(
        b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1
    )
    (block,) = split_pem(pem)
    assert block.encrypted
    assert not split_pem(to_pem("EC PRIVATE KEY", b"secret"))[0].encrypted


def test_repr_hides_the_bytes() -> None:
    assert "secret" not in repr(split_pem(to_pem("PRIVATE KEY", b"secret"))[0])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"-----BEGIN A-----\nAAAA\n", "has no END line"),
        (b"-----BEGIN A-----\nAAAA\n-----END B-----\n", "another's end"),
        (b"-----BEGIN A-----\n-----BEGIN B-----\n", "line 2: a block begins inside"),
        (b"-----BEGIN A-----\nA$AA\n-----END A-----\n", "not valid base64"),
        (b"-----BEGIN A-----\nAAA\n-----END A-----\n", "not valid base64"),
    ],
)
def test_damage_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        split_pem(data)


def test_no_pem() -> None:
    assert split_pem(b"hello\n-----END A-----\n") == ()
    assert not is_pem(b"hello")
    assert is_pem(b"text\n-----BEGIN A-----\n")


def test_headers_without_end_cost_no_more_than_reading_them() -> None:
    """Each header was deleted from the front of a list: 1 MB took 20 s."""
    pem = b"-----BEGIN A-----\n" + b"A:\n" * 400_000 + b"AAAA\n-----END A-----\n"
    start = time.process_time()
    assert split_pem(pem)[0].der == bytes(3)
    assert time.process_time() - start < 5
