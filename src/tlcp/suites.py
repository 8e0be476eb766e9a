"""Cipher suites: every id of the standard by name, and the ones implemented here.

Spec: GB/T 38636-2020 6.4.5.2.1 (table of suites); GM/T 0024-2014 for the older ids.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from tlcp.errors import ConfigError

__all__ = [
    "ALL_SUITES",
    "DEFAULT_SUITES",
    "RSA_SUITES",
    "SIGNALLING_SUITES",
    "BulkCipher",
    "CipherSuite",
    "KeyExchangeKind",
    "KeyKind",
    "parse_suites",
    "suite_label",
]


class KeyExchangeKind(enum.Enum):
    """How the pre-master secret is agreed."""

    ECC = "ECC"  # the client encrypts it to the server's encryption certificate
    ECDHE = "ECDHE"  # SM2 key exchange, GB/T 32918.3; needs both sides' encryption pairs
    RSA = "RSA"  # as ECC, with RSA certificates
    IBC = "IBC"
    IBSDH = "IBSDH"


class KeyKind(enum.Enum):
    """What both key pairs of an end are; one connection has one kind."""

    SM2 = "SM2"
    RSA = "RSA"

    __hash__ = object.__hash__  # caches have it in their keys; Enum's own takes longer


class BulkCipher(enum.Enum):
    """How records are protected."""

    SM4_CBC = "SM4_CBC"
    SM4_GCM = "SM4_GCM"
    SM1 = "SM1"


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One row of the standard's table.

    ``name`` is the standard's, ``aliases`` are what Tongsuo (OpenSSL style), TASSL and GmSSL
    call it. Lengths are in bytes; ``implemented`` tells whether it can be offered at all.
    """

    id: int
    name: str
    key_exchange: KeyExchangeKind
    cipher: BulkCipher
    hash: str  # "sm3", "sha256" or "sha1": HMAC, PRF and transcript
    aliases: tuple[str, ...] = ()
    implemented: bool = False

    @property
    def key_kind(self) -> KeyKind:
        """The kind of key that the certificates of both ends must have."""
        return KeyKind.RSA if self.key_exchange is KeyExchangeKind.RSA else KeyKind.SM2

    @property
    def mac_key_bytes(self) -> int:
        """Length of each MAC key: 0 for GCM."""
        return 0 if self.cipher is BulkCipher.SM4_GCM else 32

    @property
    def key_bytes(self) -> int:
        """Length of each cipher key."""
        return 16

    @property
    def iv_bytes(self) -> int:
        """Length of each IV in the key block: 4 (GCM, implicit part of the nonce) or 16."""
        return 4 if self.cipher is BulkCipher.SM4_GCM else 16

    @property
    def key_block_bytes(self) -> int:
        """Length of the key block: both directions' MAC keys, keys and IVs."""
        return 2 * (self.mac_key_bytes + self.key_bytes + self.iv_bytes)

    @property
    def openssl_name(self) -> str:
        """The name that Tongsuo's tools use, else the standard's."""
        return self.aliases[0] if self.aliases else self.name

    def __str__(self) -> str:
        return f"{self.name} ({self.id:04X})"


_S, _X, _B = CipherSuite, KeyExchangeKind, BulkCipher

ECC_SM4_GCM_SM3 = CipherSuite(
    0xE053, "ECC_SM4_GCM_SM3", _X.ECC, _B.SM4_GCM, "sm3",
    ("ECC-SM2-SM4-GCM-SM3", "ECC-SM4-GCM-SM3", "TLS_ECC_SM4_GCM_SM3"), True,
)  # fmt: skip
ECC_SM4_CBC_SM3 = CipherSuite(
    0xE013, "ECC_SM4_CBC_SM3", _X.ECC, _B.SM4_CBC, "sm3",
    ("ECC-SM2-SM4-CBC-SM3", "ECC-SM2-WITH-SM4-SM3", "ECC-SM4-SM3", "ECC-SM4-CBC-SM3",
     "TLS_ECC_SM4_CBC_SM3"), True,
)  # fmt: skip
ECDHE_SM4_GCM_SM3 = CipherSuite(
    0xE051, "ECDHE_SM4_GCM_SM3", _X.ECDHE, _B.SM4_GCM, "sm3",
    ("ECDHE-SM2-SM4-GCM-SM3", "ECDHE-SM4-GCM-SM3", "TLS_ECDHE_SM4_GCM_SM3"), True,
)  # fmt: skip
ECDHE_SM4_CBC_SM3 = CipherSuite(
    0xE011, "ECDHE_SM4_CBC_SM3", _X.ECDHE, _B.SM4_CBC, "sm3",
    ("ECDHE-SM2-SM4-CBC-SM3", "ECDHE-SM2-WITH-SM4-SM3", "ECDHE-SM4-SM3", "ECDHE-SM4-CBC-SM3",
     "TLS_ECDHE_SM4_CBC_SM3"), True,
)  # fmt: skip

RSA_SM4_GCM_SM3 = _S(
    0xE059, "RSA_SM4_GCM_SM3", _X.RSA, _B.SM4_GCM, "sm3", ("RSA-SM4-GCM-SM3",), True
)
RSA_SM4_CBC_SM3 = _S(
    0xE019, "RSA_SM4_CBC_SM3", _X.RSA, _B.SM4_CBC, "sm3", ("RSA-SM4-CBC-SM3",), True
)
RSA_SM4_GCM_SHA256 = _S(
    0xE05A, "RSA_SM4_GCM_SHA256", _X.RSA, _B.SM4_GCM, "sha256", ("RSA-SM4-GCM-SHA256",), True
)
RSA_SM4_CBC_SHA256 = _S(
    0xE01C, "RSA_SM4_CBC_SHA256", _X.RSA, _B.SM4_CBC, "sha256", ("RSA-SM4-CBC-SHA256",), True
)

_NOT_OFFERED = (
    _S(0xE015, "IBSDH_SM4_CBC_SM3", _X.IBSDH, _B.SM4_CBC, "sm3", ("IBSDH-SM9-SM4-CBC-SM3",)),
    _S(0xE055, "IBSDH_SM4_GCM_SM3", _X.IBSDH, _B.SM4_GCM, "sm3", ("IBSDH-SM9-SM4-GCM-SM3",)),
    _S(0xE017, "IBC_SM4_CBC_SM3", _X.IBC, _B.SM4_CBC, "sm3", ("IBC-SM9-SM4-CBC-SM3",)),
    _S(0xE057, "IBC_SM4_GCM_SM3", _X.IBC, _B.SM4_GCM, "sm3", ("IBC-SM9-SM4-GCM-SM3",)),
    # GM/T 0024-2014 only
    _S(0xE001, "ECDHE_SM1_SM3", _X.ECDHE, _B.SM1, "sm3"),
    _S(0xE003, "ECC_SM1_SM3", _X.ECC, _B.SM1, "sm3"),
    _S(0xE005, "IBSDH_SM1_SM3", _X.IBSDH, _B.SM1, "sm3"),
    _S(0xE007, "IBC_SM1_SM3", _X.IBC, _B.SM1, "sm3"),
    _S(0xE009, "RSA_SM1_SM3", _X.RSA, _B.SM1, "sm3"),
    _S(0xE00A, "RSA_SM1_SHA1", _X.RSA, _B.SM1, "sha1"),
    _S(0xE01A, "RSA_SM4_CBC_SHA1", _X.RSA, _B.SM4_CBC, "sha1"),
)  # fmt: skip

#: Best first. ECDHE suites come last: they need an encryption pair on both sides.
DEFAULT_SUITES: tuple[CipherSuite, ...] = (
    ECC_SM4_GCM_SM3,
    ECC_SM4_CBC_SM3,
    ECDHE_SM4_GCM_SM3,
    ECDHE_SM4_CBC_SM3,
)

#: Offered only where the program names them: without forward secrecy, and only Tongsuo has them.
RSA_SUITES: tuple[CipherSuite, ...] = (
    RSA_SM4_GCM_SM3,
    RSA_SM4_CBC_SM3,
    RSA_SM4_GCM_SHA256,
    RSA_SM4_CBC_SHA256,
)

#: id -> suite, for all ids that the standards name.
ALL_SUITES: dict[int, CipherSuite] = {
    s.id: s for s in (*DEFAULT_SUITES, *RSA_SUITES, *_NOT_OFFERED)
}

#: Values in a ClientHello's list that signal something and are no suites.
SIGNALLING_SUITES: dict[int, str] = {
    0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
    0x5600: "TLS_FALLBACK_SCSV",
}

_BY_NAME: dict[str, CipherSuite] = {
    name.upper(): suite
    for suite in ALL_SUITES.values()
    for name in (suite.name, *suite.aliases, f"{suite.id:04X}", f"0x{suite.id:04X}")
}


def suite_label(suite_id: int) -> str:
    """``ECC_SM4_GCM_SM3 (E053)``, or ``unknown (1301)``."""
    if suite := ALL_SUITES.get(suite_id):
        return str(suite)
    return f"{SIGNALLING_SUITES.get(suite_id, 'unknown')} ({suite_id:04X})"


def parse_suites(names: str | Iterable[str]) -> tuple[CipherSuite, ...]:
    """Turn a list of names into suites, keeping its order and dropping repetitions.

    Args:
        names: names of the standard, aliases (``ECC-SM2-SM4-GCM-SM3``) or ids in hex (``E053``);
            a string separates them by ``:``, ``,`` or white space.

    Raises:
        ConfigError: a name is unknown, a suite is known but not implemented, or none is left.
    """
    if isinstance(names, str):
        names = names.replace(":", " ").replace(",", " ").split()
    chosen: dict[int, CipherSuite] = {}
    for name in names:
        suite = _BY_NAME.get(name.upper())
        usable = ", ".join(s.name for s in (*DEFAULT_SUITES, *RSA_SUITES))
        if suite is None:
            raise ConfigError(f"unknown cipher suite {name!r}; known here: {usable}")
        if not suite.implemented:
            raise ConfigError(f"cipher suite {suite} is not implemented; usable: {usable}")
        chosen[suite.id] = suite
    if not chosen:
        raise ConfigError("the list of cipher suites is empty")
    return tuple(chosen.values())
