"""Bodies of the key exchange messages, and the two forms of ECDHE's."""

from __future__ import annotations

import pytest

from tlcp.errors import DecodeError
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheClientKeyExchange,
    EcdheClientKeyExchangeVector,
    EcdheParams,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.codec import Structure

POINT = b"\x04" + bytes(64)
BODIES: list[Structure] = [
    EccServerKeyExchange(b"der"),
    EcdheServerKeyExchange(EcdheParams(3, 0, POINT), b"der"),
    EccClientKeyExchange(b"der"),
    EcdheClientKeyExchange(EcdheParams(3, 41, POINT)),
    EcdheClientKeyExchangeVector(EcdheParams(3, 41, POINT)),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
def test_round_trip_truncation_and_trailing(body: Structure) -> None:
    raw = body.to_bytes()
    assert type(body).from_bytes(raw) == body
    for bad in [*(raw[:n] for n in range(len(raw))), raw + b"\0"]:
        with pytest.raises(DecodeError):
            type(body).from_bytes(bad)


@pytest.mark.parametrize("curve", [0, 30, 31, 41, 249, 0xFFFF])
def test_any_curve_number_keeps_its_bytes(curve: int) -> None:
    """The standard does not check it, and what is signed is what came (6.4.5.4)."""
    params = EcdheParams(3, curve, POINT)
    assert EcdheParams.from_bytes(params.to_bytes()).to_bytes() == params.to_bytes()


def test_both_forms_of_client_key_exchange() -> None:
    """69 bytes as most stacks send it, 71 as the standard's letter has it (6.4.5.8)."""
    params = EcdheParams(3, 41, POINT)
    bare, prefixed = EcdheClientKeyExchange(params), EcdheClientKeyExchangeVector(params)
    assert len(bare.to_bytes()) == 69
    assert len(prefixed.to_bytes()) == 71
    assert decode_ecdhe_client_key_exchange(bare.to_bytes()) == bare
    assert decode_ecdhe_client_key_exchange(prefixed.to_bytes()) == prefixed


@pytest.mark.parametrize("body", [b"", b"\1", b"\4" + bytes(68), b"\0\x44" + bytes(68)])
def test_neither_form(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_ecdhe_client_key_exchange(body)
