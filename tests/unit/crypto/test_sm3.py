"""SM3 and HMAC-SM3.  Spec: GB/T 32905-2016"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlcp._native import ffi, lib
from tlcp.crypto.sm3 import DIGEST_BYTES, SM3, hmac_sm3, sm3

ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
ABCD_16 = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


@pytest.mark.parametrize(("data", "digest"), [(b"abc", ABC), (b"abcd" * 16, ABCD_16)])
def test_known_answers(data: bytes, digest: str) -> None:
    assert sm3(data).hex() == digest
    assert len(sm3(data)) == DIGEST_BYTES


def test_pieces_copy_and_repeated_digest() -> None:
    whole = SM3(b"ab")
    branch = whole.copy()
    whole.update(b"c")
    assert whole.digest().hex() == ABC
    assert whole.digest().hex() == ABC
    branch.update(b"cd" + b"abcd" * 15)
    assert branch.digest().hex() == ABCD_16
    assert SM3().digest() == sm3(b"")


@pytest.mark.parametrize("length", [*range(130), 1000, 4096])
def test_the_kernels_own_sm3_agrees(length: int) -> None:
    data = bytes(i * 7 & 0xFF for i in range(length))
    out = ffi.new("uint8_t[32]")
    assert lib.tlcp_sm3(out, data, length) == 1
    assert bytes(ffi.buffer(out)) == sm3(data)


@given(key=st.binary(max_size=200), data=st.binary(max_size=200))
def test_hmac_is_that_of_the_rfc(key: bytes, data: bytes) -> None:
    block = (sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = sm3(bytes(b ^ 0x36 for b in block) + data)
    assert hmac_sm3(key, data) == sm3(bytes(b ^ 0x5C for b in block) + inner)
