"""BER with indefinite lengths, into DER.  ITU-T X.690 8.1.3.6, 8.7.3"""

from __future__ import annotations

import pytest

from tlcp.crypto.ber import ber_to_der, pieces


@pytest.mark.parametrize(
    ("ber", "der"),
    [
        ("0201 05", "0201 05"),
        ("30 80 020105 0000", "3003 020105"),
        ("30 80 30 80 0000 0000", "3002 3000"),
        ("30 81 03 020105", "3003 020105"),
        ("30 84 00000003 020105", "3003 020105"),
        ("24 80 0402 6162 0401 63 0000", "0403 616263"),
        ("24 06 0402 6162 0400", "0402 6162"),
        ("24 80 24 80 0401 61 0000 0000", "0401 61"),
        ("a0 80 0401 61 0000", "a003 040161"),
        ("31 80 0402 6162 0401 61 0000", "3107 040161 04026162"),
        ("04 04 3080 0000", "0404 3080 0000"),
    ],
)
def test_known_answers(ber: str, der: str) -> None:
    assert ber_to_der(bytes.fromhex(ber)) == bytes.fromhex(der)


@pytest.mark.parametrize(
    "ber",
    [
        "",
        "30",
        "30 80",
        "30 80 020105",
        "30 80 020105 00",
        "3002 020105",
        "3004 020105",
        "30 85 0000000003 020105",
        "04 80 0000",
        "1f 81 01 00",
        "020105 00",
        "24 80 020105 0000",
        "30 80" * 40 + "0000" * 40,
        "0000 00",
    ],
)
def test_what_is_none(ber: str) -> None:
    assert ber_to_der(bytes.fromhex(ber)) is None


def test_pieces() -> None:
    assert pieces(bytes.fromhex("0402 6162 0401 63")) == b"abc"
    assert pieces(b"") == b""
    assert pieces(bytes.fromhex("0402 6162 0201 63")) is None
    assert pieces(bytes.fromhex("0402 61")) is None
