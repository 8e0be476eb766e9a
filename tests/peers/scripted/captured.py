"""ClientHellos of the captures, as those stacks sent them."""

from __future__ import annotations

from pathlib import Path

from support.pcap import read_streams
from tlcp.suites import BulkCipher, CipherSuite, KeyExchangeKind

_CAPTURES = Path(__file__).parents[2] / "vectors" / "captures"
_SUITES_AT = 4 + 2 + 32 + 1 + 2  # header, version, random, empty session id, length of the list


def captured_hello(stack: str, suite: CipherSuite) -> bytes:
    """The ClientHello that a stack sent for one suite, header and random included.

    Where no capture has that suite its number is put into another one's.
    """
    kind = "ecdhe" if suite.key_exchange is KeyExchangeKind.ECDHE else "ecc"
    mode = "gcm" if suite.cipher is BulkCipher.SM4_GCM else "cbc"
    exact = _CAPTURES / f"{stack}-{kind}-{mode}.pcap"
    path = exact if exact.exists() else min(_CAPTURES.glob(f"{stack}-*.pcap"))
    raw = bytearray(_first_message(read_streams(path)[0].client))
    raw[_SUITES_AT : _SUITES_AT + 2] = suite.id.to_bytes(2, "big")
    return bytes(raw)


def captured_resumption(stack: str, *, by_ticket: bool) -> bytes:
    """A ClientHello that asks to continue a session: with a ticket in ECDHE_SM4_CBC_SM3, or by its
    id in ECC_SM4_GCM_SM3.
    """
    name = "ecdhe-cbc-resume" if by_ticket else "ecc-gcm-resume-sid"
    return _first_message(read_streams(_CAPTURES / f"{stack}-{name}.pcap")[1].client)


def _first_message(stream: bytearray) -> bytes:
    return bytes(stream[5 : 5 + int.from_bytes(stream[3:5], "big")])
