"""Chains of ECDSA certificates, and what the worst chains cost that a peer can send.

``tests/chains/test_hostile.py`` counts the work of the latter; here is the time that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from benchmarks import caches
from benchmarks.libraries import CRYPTOGRAPHY
from benchmarks.measure import OURS, Call, Case, Room, timed
from chains.case import Case as Chain
from chains.making import NOW, Cert, Kind, ca, leaf, root
from tlcp.errors import CertificateVerifyError
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.trust import TrustStore

__all__ = ["cases"]

LENGTHS = (1, 2, 4, 8)
HOST = "host.example"


def cases() -> Iterator[Case]:
    """ECDSA chains beside ``cryptography``'s verifier, then the hostile ones."""
    for cold in (True, False):
        for length in LENGTHS:
            name = f"verify an ECDSA chain of {length}, {'cold' if cold else 'warm'}"
            run = timed(_ecdsa(length, cold=cold))
            yield Case("verification", name, "us", run, (CRYPTOGRAPHY,))
    for name, make in _HOSTILE.items():
        yield Case("hostile chains", f"refuse {name}", "us", timed(_hostile(make)))


def _ecdsa(length: int, *, cold: bool) -> Callable[[Room], Mapping[str, Call]]:
    def make(room: Room) -> Mapping[str, Call]:
        anchor, ders = room.once(("ECDSA", length), lambda: _line(length))
        caches.forget_all()
        trust = TrustStore([Certificate.from_der(anchor)])
        store = Store([x509.load_der_x509_certificate(anchor)])
        theirs = PolicyBuilder().store(store).time(NOW).max_chain_depth(9)
        verifier = theirs.build_server_verifier(x509.DNSName(HOST))

        def ours() -> None:
            end, *above = [Certificate.from_der(der) for der in ders]
            verify_chain(end, above, trust, now=NOW, purpose="server", max_depth=9)

        def cryptographys() -> None:
            end, *above = [x509.load_der_x509_certificate(der) for der in ders]
            verifier.verify(end, above)

        cryptographys()
        before = caches.forget_all if cold else None
        return {OURS: Call(ours, before), CRYPTOGRAPHY: Call(cryptographys)}

    return make


def _line(length: int) -> tuple[bytes, Sequence[bytes]]:
    """A root, and so many certificates below it, the end certificate first."""
    certs = [root(type="p256", aki=None, ski=b"root"), *_below(length)]
    made = Chain("", "", certs).make("ecdsa")
    return made["Root"].der, [made[one.name].der for one in reversed(certs[1:])]


def _below(length: int) -> list[Cert]:
    above, certs = "Root", list[Cert]()
    for number in range(length - 1):
        certs.append(ca(f"CA {number}", above, type="p256"))
        above = certs[-1].name
    certs.append(leaf(above, type="p256", san=(f"dns:{HOST}",)))
    return certs


# ---- hostile ------------------------------------------------------------------------------------

Hostile = tuple[Certificate, list[Certificate], TrustStore]
KIND: Kind = "sm2"


def _look_alikes() -> Hostile:
    more: dict[str, Any] = {"ski": None, "aki": None}
    certs = [root(), ca("A", **more), ca("other", dn="CN=A", **more), leaf("A", **more)]
    made = Chain("", "", certs).make(KIND)
    der = made["other"].der
    sent = [Certificate.from_der(der[:-8] + bytes(4) + at.to_bytes(4)) for at in range(5000)]
    return made["leaf"], sent, TrustStore([made["Root"]])


def _of(certs: Sequence[Cert]) -> Hostile:
    made = Chain("", "", certs).make(KIND)
    sent = [made[one.name] for one in certs if not one.anchor and one.name != "leaf"]
    return made["leaf"], sent, TrustStore([made["Root"]])


def _names() -> Hostile:
    excluded = tuple(f"dns:{number}.example" for number in range(3000))
    names = tuple(f"dns:{number}.other" for number in range(3000))
    return _of([root(), ca("A", exclude=excluded), leaf("A", san=names)])


def _directory_names() -> Hostile:
    deep = ",".join(f"O={number}" for number in range(3000))
    return _of([root(), ca("A", exclude=(f"dn:{deep},O=y",) * 30), leaf("A", dn=f"{deep},O=x")])


def _policies() -> Hostile:
    many = tuple(map(str, range(300)))
    maps = tuple(f"{one}>{other}" for one in many for other in many)
    return _of([root(), ca("A", policies=many, maps=maps, demand=0),
                ca("B", "A", policies=many), leaf("B", policies=many)])  # fmt: skip


_HOSTILE: Mapping[str, Callable[[], Hostile]] = {
    "5000 look-alikes of an issuer": _look_alikes,
    "3000 names under 3000 constraints": _names,
    "a name of 3000 parts under 30 such constraints": _directory_names,
    "300 policies, each mapped to all": _policies,
}


def _hostile(make: Callable[[], Hostile]) -> Callable[[Room], Mapping[str, Call]]:
    def prepare(room: Room) -> Mapping[str, Call]:
        end, sent, trust = room.once(make, make)

        def ours() -> None:
            try:
                verify_chain(end, sent, trust, now=NOW, purpose="server")
            except CertificateVerifyError:
                return
            raise RuntimeError("it was not refused")

        return {OURS: Call(ours)}

    return prepare
