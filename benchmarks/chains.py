"""What the length of certificate chains costs: in a handshake, and to verify one alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks import caches
from benchmarks.handshake import contest, parties
from benchmarks.libraries import TONGSUO, missing
from benchmarks.measure import OURS, Call, Case, Room, timed
from benchmarks.parties import HOST, make_chain
from benchmarks.tongsuo import TongsuoStore
from tlcp.config import ClientAuth
from tlcp.pki.ca import CertificateAuthority
from tlcp.suites import ECC_SM4_GCM_SM3
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.trust import TrustStore

__all__ = ["cases"]

INTERMEDIATES = range(6)
LENGTHS = range(1, 9)


def cases() -> Iterator[Case]:
    """Handshakes by intermediates on both sides, then single chains, each cold and warm."""
    for cold in (True, False):
        for count in INTERMEDIATES:
            yield _handshake_case(count, cold=cold)
    for cold in (True, False):
        for length in LENGTHS:
            yield _verify_case(length, cold=cold)


def _handshake_case(count: int, *, cold: bool) -> Case:
    def make(room: Room) -> Mapping[str, Call]:
        return contest(parties(room, count), ECC_SM4_GCM_SM3, ClientAuth.REQUIRED, cold=cold)

    words = f"{count} intermediate{'' if count == 1 else 's'}"
    name = f"handshake with {words}, {'cold' if cold else 'warm'}"
    return Case("chains", name, "us", timed(make), (TONGSUO,))


def _verify_case(length: int, *, cold: bool) -> Case:
    name = f"verify a chain of {length}, {'cold' if cold else 'warm'}"
    return Case("verification", name, "us", timed(_verify(length, cold=cold)), (TONGSUO,))


def _verify(length: int, *, cold: bool) -> Callable[[Room], Mapping[str, Call]]:
    """So many certificates come in, their root is trusted: parse and verify them."""

    def make(room: Room) -> Mapping[str, Call]:
        root, ders = room.once(("chain", length), lambda: _issue(length))
        caches.forget_all()
        trust, now = TrustStore([Certificate.from_der(root)]), datetime.now(UTC)

        def ours() -> None:
            leaf, *above = [Certificate.from_der(der) for der in ders]
            path = verify_chain(leaf, above, trust, now=now, purpose="server")
            if len(path) != length + 1:
                raise RuntimeError("our path is not the one that was made")

        calls = {OURS: Call(ours, caches.forget_all if cold else None)}
        if not missing(TONGSUO):
            store = TongsuoStore(root)
            calls[TONGSUO] = Call(lambda: store.verify(ders))
        return calls

    return make


def _issue(length: int) -> tuple[bytes, Sequence[bytes]]:
    """A root, and a chain of so many certificates below it, the end certificate first."""
    root = CertificateAuthority.create()
    pair = make_chain(root, "test", length - 1).issue_pair("a server", [HOST])
    return root.certificate.der, [one.der for one in (pair.sign_cert, *pair.chain)]
