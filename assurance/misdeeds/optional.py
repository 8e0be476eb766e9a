"""Servers that need no certificates of their clients: what they are given is checked all the same.

Spec: GB/T 38636-2020 6.4.5.5, 6.4.5.7, 6.4.5.9
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from assurance.adversary_peer import CCS_NAME, Item, Offender, Said
from assurance.misdeed import (
    CERTIFICATE,
    DECRYPT,
    ECC,
    ECDHE,
    FINE,
    UNEXPECTED,
    Act,
    Expected,
    Misdeed,
    before,
    edited,
    honest,
    instead,
)
from support.ends import NOW, world
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.errors import CertificateProblem as P
from tlcp.errors import CertificateRequired
from tlcp.wire.messages import CertificateVerify

_REQUIRED: Final = Expected(CertificateRequired, A.HANDSHAKE_FAILURE)
_NOBODY: Final = bytes(3)


def misdeeds() -> Iterator[Misdeed]:
    """All of this table."""
    empty = edited("Certificate", lambda _, __: _NOBODY)
    rows: dict[str, tuple[Act, Expected, dict[str, Any]]] = {
        # what follows is its own, good CertificateVerify
        "nobody-proves-it": (empty, UNEXPECTED, {"suites": tuple(ECC)}),
        "nobody-in-ecdhe": (empty, _REQUIRED, {"suites": tuple(ECDHE)}),
        "nobody-with-an-empty-proof": (
            before(CCS_NAME, _verify(b"")), UNEXPECTED,
            {"suites": tuple(ECC), "offender": {"identity": None}}),
        "nobody-with-somebody-s-proof": (
            before(CCS_NAME, _verify(bytes(70))), UNEXPECTED,
            {"suites": tuple(ECC), "offender": {"identity": None}}),
        "certificates-without-a-proof": (
            instead("CertificateVerify", lambda *_: ()), UNEXPECTED, {}),
        "certificates-with-an-empty-proof": (
            edited("CertificateVerify", lambda *_: b"\0\0"), DECRYPT, {}),
        "certificates-with-a-wrong-proof": (
            edited("CertificateVerify", lambda _, own: own[:-1] + bytes((own[-1] ^ 1,))),
            DECRYPT, {}),
        "certificates-behind-the-exchange": (_behind(), UNEXPECTED, {}),
        "certificates-twice": (
            instead("Certificate", lambda _, item: (item, item)), UNEXPECTED, {}),
        "nobody-and-then-certificates": (
            before("Certificate", Said((b"\x0b\0\0\3" + _NOBODY,))), UNEXPECTED,
            {"suites": tuple(ECC)}),
        "a-stranger": (
            honest, CERTIFICATE(P.UNKNOWN_CA), {
                "only_these": True,
                "offender": {"identity": _stranger()}}),
    }  # fmt: skip
    for name, (act, end, more) in rows.items():
        victim = {"client_auth": ClientAuth.OPTIONAL}
        yield Misdeed(
            f"client/optional/auth/{name}", "6.4.5.7", "client", act, end, victim=victim, **more
        )
    yield Misdeed(
        "client/unasked/auth/a-stranger-in-ecdhe", "6.4.5.7", "client", honest, FINE, tuple(ECDHE),
        victim={"client_auth": ClientAuth.NONE}, offender={"identity": _stranger()},
    )  # fmt: skip


def _stranger() -> Any:
    return world().stranger.issue_pair("client", now=NOW).identity


def _verify(signature: bytes) -> Said:
    return Said((CertificateVerify(signature).encode(),))


def _behind() -> Act:
    held = "Certificate", "ClientKeyExchange"

    def give(peer: Offender, item: Item) -> tuple[Item, ...]:
        own = Said((peer.said[held[0]],))
        return (item, own)

    first, second = instead(held[0], lambda *_: ()), instead(held[1], give)

    def make() -> Any:
        ways, other = first(), second()
        say = ways.say
        ways.say = lambda peer, name, item: (
            other.say(peer, name, item) if name == held[1] else say(peer, name, item)
        )
        return ways

    return make
