from __future__ import annotations

import dataclasses

import pytest

from tlcp.errors import CertificateProblem, CertificateVerifyError, MisuseError
from tlcp.x509.pair import VerifiedPair, accept_unverified_pair, verify_pair
from tlcp.x509.trust import TrustStore
from unit.x509.minting import NOW, World, mint_leaf, mint_world

Problem = CertificateProblem


@pytest.fixture
def world() -> World:
    return mint_world()


# Not verified


def test_unverified_pair_is_split_and_says_so(world: World) -> None:
    pair = accept_unverified_pair(
        [world.enc.der, world.sub.der, mint_leaf("other", None).der], role="server", need_enc=True
    )
    assert not pair.verified
    assert (pair.sign_chain, pair.enc_chain) == ((), ())
    assert pair.enc is not None
    assert pair.enc.common_name == "other"
    assert pair.describe().endswith("NOT VERIFIED")


def test_unverified_pair_still_needs_what_the_handshake_uses(world: World) -> None:
    with pytest.raises(CertificateVerifyError, match="sent 1 certificate") as caught:
        accept_unverified_pair([world.sign.der], role="server", need_enc=True)
    assert caught.value.problem is Problem.NOT_A_PAIR
    assert accept_unverified_pair([world.sign.der], role="client", need_enc=False).enc is None
    with pytest.raises(ValueError, match="empty"):
        accept_unverified_pair([], role="client", need_enc=False)


@pytest.mark.parametrize("place", [0, 1])
def test_unverified_keys_are_points_of_the_curve(world: World, place: int) -> None:
    ders = [world.sign.der, world.enc.der]
    point = (world.sign, world.enc)[place].cert.public_point
    ders[place] = ders[place].replace(point, point[:-1] + bytes([point[-1] ^ 1]))
    with pytest.raises(CertificateVerifyError, match="not a point of the SM2 curve") as caught:
        accept_unverified_pair(ders, role="server", need_enc=True)
    assert caught.value.which == ("encryption certificate" if place else "signing certificate")


# The proof object


def test_proof_cannot_be_made_or_altered_elsewhere(world: World) -> None:
    pair = accept_unverified_pair([world.sign.der], role="client", need_enc=False)
    with pytest.raises(MisuseError, match="comes from verify_pair"):
        VerifiedPair(world.sign.cert, None, (), (), (), verified=True)
    with pytest.raises(MisuseError):
        dataclasses.replace(pair, verified=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.verified = True  # type: ignore[misc]


def test_describe(world: World) -> None:
    pair = verify_pair(
        [world.sign.der, world.enc.der, world.sub.der],
        role="server",
        trust=TrustStore([world.root.cert]),
        now=NOW,
        host=None,
        need_enc=True,
    )
    assert pair.describe() == (
        "CN=localhost,O=Test: signing and encryption certificate, verified up to CN=Root"
    )
