"""The table of suites."""

from __future__ import annotations

import pytest

from tlcp.errors import ConfigError
from tlcp.suites import (
    ALL_SUITES,
    DEFAULT_SUITES,
    RSA_SUITES,
    KeyKind,
    parse_suites,
    suite_label,
)


def test_default_order() -> None:
    assert [s.name for s in DEFAULT_SUITES] == [
        "ECC_SM4_GCM_SM3", "ECC_SM4_CBC_SM3", "ECDHE_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3",
    ]  # fmt: skip


def test_every_id_of_the_standard_is_known_and_which_are_implemented() -> None:
    standard = {
        0xE011, 0xE051, 0xE013, 0xE053, 0xE015, 0xE055, 0xE017, 0xE057, 0xE019, 0xE059, 0xE01C,
        0xE05A,
    }  # fmt: skip
    assert standard <= set(ALL_SUITES)
    implemented = {0xE011, 0xE013, 0xE051, 0xE053, 0xE019, 0xE059, 0xE01C, 0xE05A}
    assert {i for i, s in ALL_SUITES.items() if s.implemented} == implemented


def test_rsa_suites_are_used_only_where_they_are_named() -> None:
    assert {s.id for s in RSA_SUITES} == {0xE019, 0xE059, 0xE01C, 0xE05A}
    assert not set(RSA_SUITES) & set(DEFAULT_SUITES)
    assert parse_suites("RSA-SM4-GCM-SM3:e01c") == (RSA_SUITES[0], RSA_SUITES[3])
    for suite in ALL_SUITES.values():
        wanted = KeyKind.RSA if suite.name.startswith("RSA_") else KeyKind.SM2
        assert suite.key_kind is wanted


def test_key_block_lengths() -> None:
    """CBC 2 x (32 + 16 + 16), GCM 2 x (16 + 4)."""
    gcm, cbc = DEFAULT_SUITES[:2]
    assert (cbc.key_block_bytes, gcm.key_block_bytes) == (128, 40)


@pytest.mark.parametrize(
    "name",
    [
        "ECC_SM4_CBC_SM3",
        "ecc-sm2-sm4-cbc-sm3",
        "ECC-SM2-WITH-SM4-SM3",
        "ECC-SM4-SM3",
        "E013",
        "0xe013",
    ],
)
def test_names_and_aliases(name: str) -> None:
    assert [s.id for s in parse_suites(name)] == [0xE013]


def test_lists_keep_their_order_and_drop_repetitions() -> None:
    assert [s.id for s in parse_suites("E011:E053, E011 E013")] == [0xE011, 0xE053, 0xE013]
    assert [s.id for s in parse_suites(["E013", "E053"])] == [0xE013, 0xE053]


@pytest.mark.parametrize(
    ("names", "text"), [("AES128", "unknown"), ("E017", "not implemented"), ("", "empty")]
)
def test_refused_lists(names: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parse_suites(names)


def test_aliases_are_unambiguous() -> None:
    names = [n.upper() for s in ALL_SUITES.values() for n in (s.name, *s.aliases)]
    assert len(names) == len(set(names))


def test_labels() -> None:
    assert suite_label(0xE053) == "ECC_SM4_GCM_SM3 (E053)"
    assert suite_label(0x00FF).startswith("TLS_EMPTY_RENEGOTIATION_INFO_SCSV")
    assert suite_label(0x1301) == "unknown (1301)"
