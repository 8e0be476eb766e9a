from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from chains import der, making
from chains.case import Case
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.chain import Purpose
from tlcp.x509.pair import (
    VerifiedPair,
    split_certificates,
    verify_pair,
)
from tlcp.x509.trust import TrustStore
from unit.x509.minting import (
    CLIENT,
    DAY,
    ENC,
    NOW,
    SERVER,
    SIGN,
    Party,
    World,
    captured,
    key,
    mint_ca,
    mint_leaf,
    mint_world,
)

Problem = CertificateProblem
ROLES: tuple[Purpose, Purpose] = ("server", "client")


@pytest.fixture
def world() -> World:
    return mint_world()


def verify(
    world: World,
    parties: Sequence[Party],
    *,
    role: Purpose = "server",
    host: str | None = None,
    need_enc: bool = True,
    now: datetime.datetime = NOW,
    allow_single: bool = False,
) -> VerifiedPair:
    return verify_pair(
        [party.der for party in parties],
        role=role,
        trust=TrustStore([world.root.cert]),
        now=now,
        host=host,
        need_enc=need_enc,
        allow_single=allow_single,
    )


def refused(
    world: World,
    parties: Sequence[Party],
    *,
    role: Purpose = "server",
    host: str | None = None,
    need_enc: bool = True,
    now: datetime.datetime = NOW,
) -> CertificateVerifyError:
    with pytest.raises(CertificateVerifyError) as caught:
        verify(world, parties, role=role, host=host, need_enc=need_enc, now=now)
    return caught.value


# Which is which


def test_sign_enc_ca_and_sign_ca_enc(world: World) -> None:
    """GB/T 38636-2020 6.4.5.3, and the order of old TASSL."""
    sign, enc, sub, root = world.sign, world.enc, world.sub, world.root
    for order, rest in (
        ([sign, enc], []),
        ([sign, enc, sub], [sub]),
        ([sign, enc, sub, root], [sub, root]),
        ([sign, enc, root, sub], [root, sub]),
        ([sign, sub, enc], [sub]),
        ([sign, sub, root, enc], [sub, root]),
    ):
        split = split_certificates([party.der for party in order])
        assert split == (sign.cert, enc.cert, tuple(party.cert for party in rest))


def test_second_place_goes_before_the_last(world: World) -> None:
    stray = mint_leaf("stray", world.root)
    ders = [party.der for party in (world.sign, world.enc, world.sub, stray)]
    assert split_certificates(ders)[1:] == (world.enc.cert, (world.sub.cert, stray.cert))


def test_lists_without_encryption_certificate(world: World) -> None:
    sign, sub, root = world.sign, world.sub, world.root
    assert split_certificates([sign.der]) == (sign.cert, None, ())
    assert split_certificates([sign.der, sub.der, root.der]) == (
        sign.cert,
        None,
        (sub.cert, root.cert),
    )


def test_one_certificate_for_both_only_when_asked(world: World) -> None:
    both = mint_leaf("localhost", world.root, usages=(*SIGN, *ENC))
    assert split_certificates([both.der], allow_single=True) == (both.cert, both.cert, ())
    pair = verify(world, [both], allow_single=True)
    assert pair.sign is pair.enc
    assert refused(world, [both]).problem is Problem.NOT_A_PAIR
    # Sent twice it is a pair without asking.
    assert verify(world, [both, both]).enc == both.cert


def test_ca_by_key_usage_alone_is_not_taken_for_the_encryption_certificate(world: World) -> None:
    old_ca = mint_leaf("Old CA", world.root, usages=("keyCertSign",))
    assert split_certificates([world.sign.der, old_ca.der, world.enc.der])[1] == world.enc.cert


def test_empty_list_is_the_callers_business(world: World) -> None:
    with pytest.raises(ValueError, match="empty"):
        split_certificates([])
    with pytest.raises(ValueError, match="empty"):
        verify(world, [])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_garbage_is_malformed_and_its_place_is_named(world: World, place: int) -> None:
    ders = [world.sign.der, world.enc.der, world.sub.der]
    ders[place] = ders[place][:-1]
    with pytest.raises(CertificateVerifyError, match=f"certificate {place + 1} of 3") as caught:
        split_certificates(ders)
    assert caught.value.problem is Problem.MALFORMED
    assert caught.value.which == ("chain" if place else "signing certificate")


# What holds


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1"])
def test_good_pair(world: World, role: Purpose, host: str | None) -> None:
    pair = verify(world, [world.sign, world.enc, world.sub], role=role, host=host)
    assert pair.verified
    assert (pair.sign, pair.enc) == (world.sign.cert, world.enc.cert)
    assert pair.intermediates == (world.sub.cert,)
    assert pair.sign_chain == (world.sign.cert, world.sub.cert, world.root.cert)
    assert pair.enc_chain == (world.enc.cert, world.sub.cert, world.root.cert)


def test_orders_and_root_included_verify(world: World) -> None:
    for order in (
        [world.sign, world.sub, world.enc],
        [world.sign, world.enc, world.root, world.sub],
        [world.sign, world.root, world.sub, world.enc],
    ):
        assert verify(world, order).enc == world.enc.cert


@pytest.mark.parametrize("role", ROLES)
def test_pairs_of_real_stacks(role: Purpose) -> None:
    pair = verify_pair(
        [captured(f"{role}-sign").der, captured(f"{role}-enc").der, captured("ca").der],
        role=role,
        trust=TrustStore([captured("ca")]),
        now=NOW,
        host="localhost",
        need_enc=True,
    )
    assert pair.sign_chain[-1] == pair.enc_chain[-1] == captured("ca")


def test_client_of_ecc_suites_may_leave_the_encryption_certificate_out(world: World) -> None:
    for order, enc in (
        ([world.sign, world.sub], None),
        ([world.sign, world.sub, world.root], None),
        ([world.sign, world.enc, world.sub], world.enc.cert),
    ):
        pair = verify(world, order, role="client", need_enc=False)
        assert pair.enc == enc
        assert bool(pair.enc_chain) == (enc is not None)
    direct = mint_leaf("client", world.root)
    pair = verify(world, [direct], role="client", need_enc=False, host="localhost")
    assert pair.enc is None
    assert "signing certificate, verified" in pair.describe()


def test_encryption_certificate_that_was_not_needed_is_checked_all_the_same(world: World) -> None:
    stranger = mint_leaf("localhost", mint_ca("Elsewhere"), usages=ENC)
    order = [world.sign, stranger, world.sub]
    error = refused(world, order, role="client", need_enc=False)
    assert error.problem is Problem.UNKNOWN_CA
    assert error.which == "encryption certificate"


# What does not


@pytest.mark.parametrize("role", ROLES)
def test_one_certificate_where_two_are_needed(world: World, role: Purpose) -> None:
    error = refused(world, [world.sign], role=role)
    assert error.problem is Problem.NOT_A_PAIR
    assert f"the {role} sent 1 certificate; TLCP needs 2 (signing, encryption)" in str(error)


def test_cas_instead_of_the_encryption_certificate(world: World) -> None:
    error = refused(world, [world.sign, world.sub, world.root])
    assert error.problem is Problem.NOT_A_PAIR
    assert "sent 3 certificates, but the encryption certificate is not among them" in str(error)


@pytest.mark.parametrize("role", ROLES)
def test_swapped_pair(world: World, role: Purpose) -> None:
    error = refused(world, [world.enc, world.sign, world.sub], role=role)
    assert error.problem is Problem.WRONG_USAGE
    assert f"the {role}'s signing and encryption certificates look swapped" in str(error)


@pytest.mark.parametrize(
    ("sign", "enc", "which"),
    [
        (("digitalSignature",), ("keyEncipherment",), None),
        (("nonRepudiation",), ("dataEncipherment",), None),
        (None, ("keyAgreement",), None),
        (SIGN, None, None),
        (None, None, None),
        ((*SIGN, *ENC), (*SIGN, *ENC), None),
        (("cRLSign",), ENC, "signing certificate"),
        (("keyAgreement",), ENC, "signing certificate"),
        (SIGN, ("digitalSignature",), "encryption certificate"),
        (SIGN, ("cRLSign",), "encryption certificate"),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_key_usages(
    world: World,
    role: Purpose,
    sign: Sequence[str] | None,
    enc: Sequence[str] | None,
    which: str | None,
) -> None:
    pair = [
        mint_leaf("localhost", world.root, usages=sign, key_name="s"),
        mint_leaf("localhost", world.root, usages=enc, key_name="e"),
    ]
    if which is None:
        assert verify(world, pair, role=role).verified
        return
    error = refused(world, pair, role=role)
    assert (error.problem, error.which) == (Problem.WRONG_USAGE, which)


@pytest.mark.parametrize("role", ROLES)
def test_two_subjects_are_no_pair(world: World, role: Purpose) -> None:
    other = mint_leaf("other", world.sub, usages=ENC)
    error = refused(world, [world.sign, other, world.sub], role=role)
    assert error.problem is Problem.NOT_A_PAIR
    assert "is for CN=localhost,O=Test, but its encryption certificate is for CN=other" in str(
        error
    )


def test_two_subjects_are_accepted_when_asked_and_all_else_is_checked(world: World) -> None:
    """Interop: the pairs of Tongsuo's and TASSL's scripts."""
    sign = mint_leaf("server sign", world.sub)
    enc = mint_leaf("server enc", world.sub, usages=ENC, hosts=["b.example"])

    def check(host: str | None) -> VerifiedPair:
        return verify_pair(
            [sign.der, enc.der, world.sub.der],
            role="server",
            trust=TrustStore([world.root.cert]),
            now=NOW,
            host=host,
            need_enc=True,
            allow_two_subjects=True,
        )

    assert check(None).enc == enc.cert
    with pytest.raises(CertificateVerifyError) as caught:
        check("localhost")
    assert caught.value.problem is Problem.HOSTNAME_MISMATCH


@pytest.mark.parametrize("bad", ["sign", "enc"])
@pytest.mark.parametrize("role", ROLES)
def test_both_certificates_must_chain(world: World, role: Purpose, bad: str) -> None:
    usages = SIGN if bad == "sign" else ENC
    stranger = mint_leaf("localhost", mint_ca("Elsewhere"), usages=usages)
    pair = [stranger, world.enc] if bad == "sign" else [world.sign, stranger]
    error = refused(world, [*pair, world.sub], role=role)
    assert error.problem is Problem.UNKNOWN_CA
    assert error.which == ("signing certificate" if bad == "sign" else "encryption certificate")


@pytest.mark.parametrize("bad", ["sign", "enc"])
@pytest.mark.parametrize("role", ROLES)
def test_both_certificates_must_be_valid_now(world: World, role: Purpose, bad: str) -> None:
    usages, past = (SIGN if bad == "sign" else ENC), NOW - DAY / 2
    expired = mint_leaf("localhost", world.sub, usages=usages, not_after=past)
    pair = [expired, world.enc] if bad == "sign" else [world.sign, expired]
    error = refused(world, [*pair, world.sub], role=role)
    assert error.problem is Problem.EXPIRED
    assert error.which == ("signing certificate" if bad == "sign" else "encryption certificate")


@pytest.mark.parametrize("bad", ["sign", "enc"])
def test_both_certificates_must_be_for_the_purpose(world: World, bad: str) -> None:
    usages = SIGN if bad == "sign" else ENC
    for role, other in (("server", CLIENT), ("client", SERVER)):
        wrong = mint_leaf("localhost", world.sub, usages=usages, purposes=[other])
        pair = [wrong, world.enc] if bad == "sign" else [world.sign, wrong]
        error = refused(world, [*pair, world.sub], role="server" if role == "server" else "client")
        assert error.problem is Problem.WRONG_USAGE


@pytest.mark.parametrize("bad", ["sign", "enc"])
@pytest.mark.parametrize(
    ("host", "problem"),
    [("a.example", Problem.HOSTNAME_MISMATCH), ("10.0.0.1", Problem.IP_ADDRESS_MISMATCH)],
)
def test_host_is_checked_on_both(world: World, bad: str, host: str, problem: Problem) -> None:
    def leaf(role: str, usages: Sequence[str]) -> Party:
        return mint_leaf(
            "x", world.root, usages=usages, hosts=["b.example" if role == bad else host]
        )

    error = refused(world, [leaf("sign", SIGN), leaf("enc", ENC)], host=host)
    assert error.problem is problem
    assert error.which == ("signing certificate" if bad == "sign" else "encryption certificate")


def test_host_that_is_none_is_the_callers_mistake(world: World) -> None:
    with pytest.raises(ConfigError):
        verify(world, [world.sign, world.enc, world.sub], host="")


def test_wrong_signature_on_the_encryption_certificate(world: World) -> None:
    forged = mint_leaf("localhost", world.sub, usages=ENC, signer=key("thief"))
    assert refused(world, [world.sign, forged, world.sub]).problem is Problem.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("name", "strings", "problem"),
    [
        ("O=Acme,CN=x", der.UTF8, None),
        ("O=Acme,CN=x", der.PRINTABLE, None),
        ("O=ACME,CN=X", der.UTF8, None),
        ("O=Acme Inc,CN=x", der.UTF8, Problem.NOT_A_PAIR),
        ("CN=x,O=Acme", der.UTF8, Problem.NOT_A_PAIR),
        ("O=Acme,CN=\udcb9\udcfa", der.PRINTABLE, Problem.NOT_A_PAIR),
    ],
)
def test_one_subject_may_be_written_in_two_ways(
    name: str, strings: int, problem: Problem | None
) -> None:
    """RFC 5280 7.1; names that cannot be read are equal to none but themselves, byte for byte."""
    certs = [
        making.root(),
        making.leaf(dn="O=Acme,CN=x"),
        making.Cert("enc", "Root", dn=name, strings=strings, uses=ENC),
    ]
    made = Case("", "", certs).make("sm2")

    def check() -> None:
        verify_pair(
            [made["leaf"].der, made["enc"].der],
            role="server",
            trust=TrustStore([made["Root"]]),
            now=making.NOW,
            host=None,
            need_enc=True,
        )

    if problem is None:
        check()
        return
    with pytest.raises(CertificateVerifyError) as caught:
        check()
    assert caught.value.problem is problem
