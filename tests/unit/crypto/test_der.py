"""DER of SM2 signatures (strict) and ciphertexts (lenient).  Spec: GB/T 35276-2017 7.2, 7.3"""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import utils
from hypothesis import given
from hypothesis import strategies as st

from tlcp.crypto.der import (
    BAD_CIPHERTEXT,
    decode_ciphertext,
    decode_signature,
    encode_ciphertext,
    encode_signature,
)

numbers = st.one_of(
    st.integers(0, 2**256 - 1), st.integers(0, 255).map(lambda shift: 1 << shift), st.just(127)
)


def tlv(tag: int, contents: bytes) -> bytes:
    assert len(contents) < 256
    head = bytes([tag, len(contents)]) if len(contents) < 128 else bytes([tag, 0x81, len(contents)])
    return head + contents


def integer(number: int, pad: int = 0) -> bytes:
    return tlv(2, bytes(pad) + number.to_bytes(number.bit_length() // 8 + 1))


SIGNATURE = tlv(0x30, integer(0x1234) + integer(0xFF))
X, Y, C3, C2 = 0xEE << 240, 5, b"\x33" * 32, b"\x22" * 48
C1 = X.to_bytes(32) + Y.to_bytes(32)
BODY = integer(X) + integer(Y) + tlv(4, C3) + tlv(4, C2)
CIPHERTEXT = tlv(0x30, BODY)


@given(r=numbers, s=numbers)
def test_signatures_agree_with_another_encoder(r: int, s: int) -> None:
    encoded = encode_signature(r.to_bytes(32) + s.to_bytes(32))
    assert encoded == utils.encode_dss_signature(r, s)
    assert decode_signature(encoded) == r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.parametrize("end", range(len(SIGNATURE)))
def test_every_truncated_signature_is_refused(end: int) -> None:
    with pytest.raises(InvalidSignature):
        decode_signature(SIGNATURE[:end])


@pytest.mark.parametrize(
    "bad",
    [
        SIGNATURE + b"\0",
        tlv(0x30, integer(0x1234) + integer(0xFF) + b"\0"),
        tlv(0x30, integer(0x1234) + integer(0xFF) + integer(1)),
        tlv(0x31, integer(0x1234) + integer(0xFF)),
        tlv(0x30, integer(0x1234, pad=1) + integer(0xFF)),
        tlv(0x30, integer(0x1234) + integer(0xFF, pad=1)),
        tlv(0x30, tlv(2, b"") + integer(0xFF)),
        tlv(0x30, tlv(2, b"\x80") + integer(0xFF)),
        tlv(0x30, integer(2**256) + integer(0xFF)),
        tlv(0x30, integer(0x1234)),
        b"\x30\x81" + SIGNATURE[1:],
        b"\x30\x80" + SIGNATURE[2:] + b"\0\0",
        b"\x30\x85\x00\x00\x00\x00\x08" + SIGNATURE[2:],
    ],
)
def test_only_der_is_a_signature(bad: bytes) -> None:
    with pytest.raises(InvalidSignature):
        decode_signature(bad)


@given(st.binary(max_size=80))
def test_a_decoded_signature_has_one_encoding(data: bytes) -> None:
    try:
        rs = decode_signature(data)
    except InvalidSignature:
        return
    assert encode_signature(rs) == data


@given(x=numbers, y=numbers, c2=st.binary(min_size=1, max_size=70000))
def test_ciphertext_round_trip(x: int, y: int, c2: bytes) -> None:
    c1 = x.to_bytes(32) + y.to_bytes(32)
    assert decode_ciphertext(encode_ciphertext(c1, C3, c2)) == (c1, C3, c2)


def test_ciphertext_encoding_is_minimal() -> None:
    assert encode_ciphertext(C1, C3, C2) == CIPHERTEXT


@pytest.mark.parametrize(
    "loose",
    [
        CIPHERTEXT + b"\0",
        CIPHERTEXT + b"trailing bytes of a padded vector",
        tlv(0x30, integer(X, pad=3) + integer(Y, pad=40) + tlv(4, C3) + tlv(4, C2)),
    ],
)
def test_loose_ciphertexts_of_deployed_peers_are_read(loose: bytes) -> None:
    assert decode_ciphertext(loose) == (C1, C3, C2)


@pytest.mark.parametrize("end", range(len(CIPHERTEXT)))
def test_every_truncated_ciphertext_is_refused(end: int) -> None:
    with pytest.raises(ValueError, match=BAD_CIPHERTEXT):
        decode_ciphertext(CIPHERTEXT[:end])


@pytest.mark.parametrize(
    "bad",
    [
        tlv(0x31, BODY),
        tlv(0x30, BODY + b"\0"),
        tlv(0x30, integer(X) + tlv(4, C3) + tlv(4, C2)),
        tlv(0x30, tlv(2, b"") + integer(Y) + tlv(4, C3) + tlv(4, C2)),
        tlv(0x30, tlv(2, b"\xff") + integer(Y) + tlv(4, C3) + tlv(4, C2)),
        tlv(0x30, integer(2**256) + integer(Y) + tlv(4, C3) + tlv(4, C2)),
        tlv(0x30, integer(X) + integer(Y) + tlv(4, C3[1:]) + tlv(4, C2)),
        tlv(0x30, integer(X) + integer(Y) + tlv(4, C3 + b"\0") + tlv(4, C2)),
        tlv(0x30, integer(X) + integer(Y) + tlv(4, C3) + tlv(4, b"")),
        tlv(0x30, integer(X) + integer(Y) + tlv(4, C3)),
        tlv(0x30, integer(X) + integer(Y) + tlv(3, C3) + tlv(4, C2)),
        tlv(0x30, integer(X) + integer(Y) + tlv(4, C3) + b"\x04\x81\x05hello"),
        b"",
    ],
)
def test_anything_else_is_no_ciphertext(bad: bytes) -> None:
    with pytest.raises(ValueError, match=BAD_CIPHERTEXT):
        decode_ciphertext(bad)
