"""Known answers of the key schedule and of the first protected records."""

from __future__ import annotations

from tlcp.crypto.sm3 import sm3
from tlcp.handshake.schedule import KeySchedule, master_secret
from tlcp.registry import ContentType
from tlcp.suites import parse_suites

CLIENT_RANDOM, SERVER_RANDOM = bytes(range(32)), bytes(range(32, 64))
PRE_MASTER = b"\x01\x01" + bytes(range(0x2E))
MASTER = bytes.fromhex(
    "4d1d8735e769d5785b95da71315e6f1354c8fe3da8f55e9d2c27d60db72176eb"
    "e8f306154e21d863f9b94c784e318577"
)
TRANSCRIPT_HASH = sm3(b"handshake transcript")
CLIENT_FINISHED = bytes.fromhex("1400000c6337c2fa5d6495f68a99f1b6")
CBC_RECORD = bytes.fromhex(
    "1601010050000102030405060708090a0b0c0d0e0f1ee4142add57fcf46cbec61c4a94416950019405cdc2dd7b15"
    "60bcf671731a6711fbde4f82b74bb2ea18648956036838822536d7b7988747f5be5c21ebe9977a"
)
GCM_RECORD = bytes.fromhex(
    "160101002800000000000000001a7014128b72e18ec64cba41ba70a73136e0887afbb47b3cd0a2b2ffd54177e5"
)


def _counting(size: int) -> bytes:
    return bytes(range(size))


def _keys(suite: str) -> KeySchedule:
    (chosen,) = parse_suites(suite)
    return KeySchedule(chosen, MASTER, client_random=CLIENT_RANDOM, server_random=SERVER_RANDOM)


def test_master_secret() -> None:
    """GB/T 38636-2020 6.5.1."""
    assert master_secret(PRE_MASTER, CLIENT_RANDOM, SERVER_RANDOM) == MASTER


def test_verify_data_of_both_sides() -> None:
    """GB/T 38636-2020 6.4.5.10."""
    keys = _keys("ECC_SM4_CBC_SM3")
    assert keys.verify_data("client", TRANSCRIPT_HASH) == CLIENT_FINISHED[4:]
    assert keys.verify_data("server", TRANSCRIPT_HASH).hex() == "38412b106b0718d11e0a1754"


def test_client_finished_record_cbc() -> None:
    """GB/T 38636-2020 6.3.3.4.2, byte for byte."""
    sealed = _keys("ECC_SM4_CBC_SM3").protection("client", _counting)
    assert sealed.seal(ContentType.HANDSHAKE, [CLIENT_FINISHED]) == CBC_RECORD
    opener = _keys("ECC_SM4_CBC_SM3").protection("client", _counting)
    opened = opener.open(ContentType.HANDSHAKE, [CBC_RECORD[5:]])
    assert opened.error is None
    assert opened.plaintexts == [CLIENT_FINISHED]


def test_client_finished_record_gcm() -> None:
    """GB/T 38636-2020 6.3.3.4.3, byte for byte."""
    sealed = _keys("ECC_SM4_GCM_SM3").protection("client", _counting)
    assert sealed.seal(ContentType.HANDSHAKE, [CLIENT_FINISHED]) == GCM_RECORD
    opener = _keys("ECC_SM4_GCM_SM3").protection("client", _counting)
    opened = opener.open(ContentType.HANDSHAKE, [GCM_RECORD[5:]])
    assert opened.error is None
    assert opened.plaintexts == [CLIENT_FINISHED]


def test_key_block_order() -> None:
    """client_mac, server_mac, client_key, server_key, client_iv, server_iv.

    The server's direction is told from the client's: a record sealed by one side does not open
    as the other's.
    """
    for suite in ("ECC_SM4_CBC_SM3", "ECC_SM4_GCM_SM3"):
        record = _keys(suite).protection("server", _counting).seal(23, [b"data"])
        assert _keys(suite).protection("client", _counting).open(23, [record[5:]]).error is not None
        assert _keys(suite).protection("server", _counting).open(23, [record[5:]]).plaintexts == [
            b"data"
        ]


def test_key_log_line() -> None:
    """The NSS key log format, which tshark reads."""
    line = _keys("ECC_SM4_GCM_SM3").dangerous_key_log_line()
    assert line == f"CLIENT_RANDOM {CLIENT_RANDOM.hex()} {MASTER.hex()}"


def test_no_secret_in_repr() -> None:
    """Nor any part of one."""
    keys = _keys("ECC_SM4_GCM_SM3")
    assert repr(keys) == "<KeySchedule ECC_SM4_GCM_SM3>"
    secrets = (MASTER.hex(), "41cf21df")
    assert not any(secret in repr(vars(keys.protection("client", _counting))) for secret in secrets)
