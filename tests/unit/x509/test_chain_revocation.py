"""The place of revocation: who is asked about what, and what a refusal does."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore
from unit.x509.minting import NOW, Party, mint_ca, mint_leaf, mint_world

Problem = CertificateProblem


class Asked:
    """Remembers the questions; refuses the certificates given."""

    def __init__(self, *revoked: Party) -> None:
        self.revoked = {party.der for party in revoked}
        self.questions: list[tuple[str, str, str]] = []

    def check(
        self, certificate: Certificate, issuer: Certificate, *, now: datetime.datetime, which: str
    ) -> None:
        assert now == NOW
        self.questions.append((certificate.common_name, issuer.common_name, which))
        if certificate.der in self.revoked:
            raise CertificateVerifyError(Problem.REVOKED, f"{certificate} is revoked", which=which)


def path(leaf: Party, others: list[Party], anchors: list[Party], asked: Asked) -> list[str]:
    found = verify_chain(
        leaf.cert,
        [party.cert for party in others],
        TrustStore(party.cert for party in anchors),
        now=NOW,
        purpose="server",
        which="signing certificate",
        revocation=asked,
    )
    return [certificate.common_name for certificate in found]


def test_each_certificate_but_the_anchor_is_asked_about_once() -> None:
    root = mint_ca("Root")
    sub = mint_ca("Sub", root)
    asked = Asked()
    assert path(mint_leaf("x", sub), [sub], [root], asked) == ["x", "Sub", "Root"]
    assert asked.questions == [
        ("x", "Sub", "signing certificate"),
        ("Sub", "Root", "CA certificate"),
    ]
    asked = Asked()
    pinned = mint_leaf("pinned", root)
    path(pinned, [], [pinned], asked)
    assert asked.questions == []


def test_nothing_is_asked_of_a_path_that_is_refused() -> None:
    root = mint_ca("Root", path_length=0)
    sub = mint_ca("Sub", root)
    asked = Asked()
    with pytest.raises(CertificateVerifyError):
        path(mint_leaf("x", sub), [sub], [root], asked)
    assert asked.questions == []


@pytest.mark.parametrize("who", [0, 1])
def test_a_revoked_certificate_ends_the_path(who: int) -> None:
    root = mint_ca("Root")
    sub = mint_ca("Sub", root)
    leaf = mint_leaf("x", sub)
    with pytest.raises(CertificateVerifyError) as caught:
        path(leaf, [sub], [root], Asked((leaf, sub)[who]))
    assert caught.value.problem is Problem.REVOKED
    assert caught.value.which == ("signing certificate", "CA certificate")[who]


def test_another_path_is_taken_and_nobody_asked_about_twice() -> None:
    old, new = mint_ca("Old Root"), mint_ca("New Root")
    by_old, by_new = mint_ca("Sub", old), mint_ca("Sub", new, key_name="Sub")
    asked = Asked(by_old)
    leaf = mint_leaf("x", by_old)
    assert path(leaf, [by_old, by_new], [old, new], asked) == ["x", "Sub", "New Root"]
    assert asked.questions == [
        ("x", "Sub", "signing certificate"),
        ("Sub", "Old Root", "CA certificate"),
        ("Sub", "New Root", "CA certificate"),
    ]


@pytest.mark.parametrize("place", ["sign", "enc"])
def test_both_certificates_of_a_pair_are_asked_about(place: str) -> None:
    world = mint_world()
    revoked: Party = getattr(world, place)
    with pytest.raises(CertificateVerifyError) as caught:
        verify_pair(
            [world.sign.der, world.enc.der, world.sub.der],
            role="server",
            trust=TrustStore([world.root.cert]),
            now=NOW,
            host=None,
            need_enc=True,
            revocation=Asked(revoked),
        )
    assert caught.value.problem is Problem.REVOKED
    wanted = {"sign": "signing certificate", "enc": "encryption certificate"}
    assert caught.value.which == wanted[place]


def test_issuers_of_one_key_are_asked_about_apart() -> None:
    """Renewed with another keyUsage, it may sign lists, or may no longer."""
    root = mint_ca("Root")
    old = mint_ca("Sub", root, usages=["keyCertSign"])
    new = mint_ca("Sub", root, key_name="Sub")
    leaf = mint_leaf("x", old)

    class OnlyThe(Asked):
        def check(self, certificate: Certificate, issuer: Certificate, **more: Any) -> None:
            super().check(certificate, issuer, **more)
            if certificate == leaf.cert and issuer != new.cert:
                raise CertificateVerifyError(Problem.REVOCATION_UNKNOWN, "no lists of this one")

    for sent in ([old, new], [new, old]):
        asked = OnlyThe()
        assert path(leaf, sent, [root], asked) == ["x", "Sub", "Root"]
