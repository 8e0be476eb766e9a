from __future__ import annotations

import datetime
import itertools

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.errors import CertificateProblem
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import Purpose, verify_chain
from tlcp.x509.trust import TrustStore
from unit.x509.minting import (
    CAPTURED_PKI,
    CLIENT,
    DAY,
    NOW,
    SERVER,
    Party,
    captured,
    key,
    mint,
    mint_ca,
    mint_leaf,
)
from unit.x509.searching import refused, verify

Problem = CertificateProblem
BOTH: tuple[Purpose, Purpose] = ("server", "client")


@pytest.fixture
def root() -> Party:
    return mint_ca("Root")


@pytest.fixture
def line(root: Party) -> list[Party]:
    """A leaf and the CAs above it, root last."""
    upper = mint_ca("Upper", root)
    lower = mint_ca("Lower", upper)
    return [mint_leaf("localhost", lower), lower, upper, root]


# What holds


@pytest.mark.parametrize("purpose", BOTH)
def test_leaf_below_the_root(root: Party, purpose: Purpose) -> None:
    assert verify(mint_leaf("x", root), [], [root], purpose=purpose) == ["x", "Root"]


def test_order_of_the_list_means_nothing(line: list[Party]) -> None:
    leaf, *above = line
    for order in itertools.permutations(above):
        assert verify(leaf, order, [line[-1]]) == ["localhost", "Lower", "Upper", "Root"]


def test_root_need_not_be_sent_and_strangers_do_not_harm(line: list[Party]) -> None:
    leaf, lower, upper, root = line
    strangers = [mint_ca("Stranger"), mint_leaf("other", root), leaf]
    assert verify(leaf, [lower, upper], [root])[-1] == "Root"
    assert verify(leaf, [*strangers, upper, lower], [strangers[0], root])[-1] == "Root"


@pytest.mark.parametrize("place", [1, 2])
def test_path_ends_at_the_first_anchor(line: list[Party], place: int) -> None:
    leaf, *above = line
    assert len(verify(leaf, above, [line[place]])) == place + 1


def test_leaf_that_is_itself_an_anchor(root: Party) -> None:
    pinned, own = mint_leaf("pinned", root), mint_leaf("self-signed", None)
    assert verify(pinned, [], [pinned]) == ["pinned"]
    assert verify(own, [], [own]) == ["self-signed"]
    # Byte for byte: another certificate for the same key and name is not the one that was pinned.
    twin = mint_leaf("self-signed", None, not_after=NOW + 2 * DAY)
    assert twin.cert.public_point == own.cert.public_point
    refused(twin, [], [own])


def test_cross_signed_ca_is_reached_on_either_way() -> None:
    old, new = mint_ca("Old Root"), mint_ca("New Root")
    by_old = mint_ca("Sub", old)
    by_new = mint_ca("Sub", new, key_name="Sub")
    leaf = mint_leaf("x", by_old)
    for order in ([by_old, by_new], [by_new, by_old]):
        assert verify(leaf, order, [old]) == ["x", "Sub", "Old Root"]
        assert verify(leaf, order, [new]) == ["x", "Sub", "New Root"]


def test_wrong_key_identifier_does_not_hide_the_right_path(root: Party) -> None:
    wrong = (x509.AuthorityKeyIdentifier(b"\1" * 20, None, None), False)
    leaf = mint("x", root, extensions=[wrong], key_ids=False)
    assert verify(leaf, [], [root]) == ["x", "Root"]


def test_candidate_named_by_the_key_identifier_is_tried_first(root: Party) -> None:
    # Without the hint the namesakes would use up the budget of signature checks.
    namesakes = [mint_ca("Root", key_name=f"namesake {number}") for number in range(100)]
    assert verify(mint_leaf("x", root), namesakes, [*namesakes, root]) == ["x", "Root"]


def test_namesake_without_key_identifiers_is_passed_over() -> None:
    real = mint_ca("Root", key_ids=False)
    namesake = mint_ca("Root", key_name="namesake", key_ids=False)
    assert verify(mint_leaf("x", real), [], [namesake, real]) == ["x", "Root"]


@pytest.mark.parametrize("moment", [NOW - DAY, NOW + DAY])
def test_both_ends_of_the_validity_are_inside(root: Party, moment: datetime.datetime) -> None:
    assert verify(mint_leaf("x", root), [], [root], now=moment)


@pytest.mark.parametrize("purpose", BOTH)
@pytest.mark.parametrize("name", ["server-sign", "server-enc", "client-sign", "client-enc"])
def test_certificates_of_real_stacks(name: str, purpose: Purpose) -> None:
    trust = TrustStore.from_pem_file(CAPTURED_PKI / "ca.crt")
    path = verify_chain(captured(name), [], trust, now=NOW, purpose=purpose)
    assert path == (captured(name), captured("ca"))


# Unknown and wrong issuers


@pytest.mark.parametrize("purpose", BOTH)
def test_unknown_ca(root: Party, purpose: Purpose) -> None:
    error = refused(mint_leaf("x", root), [root], [mint_ca("Other")], purpose=purpose)
    assert error.problem is Problem.UNKNOWN_CA
    assert f"the {purpose}'s signing certificate CN=x" in str(error)
    assert "its root CN=Root is not among the trusted CAs (CN=" in str(error)


def test_missing_intermediate_is_named(line: list[Party]) -> None:
    error = refused(line[0], [line[1]], [line[3]])
    assert error.problem is Problem.UNKNOWN_CA
    assert "the issuer of CN=Lower, CN=Upper,O=Test, is neither sent nor" in str(error)


def test_empty_store_trusts_nobody(line: list[Party]) -> None:
    assert refused(line[0], line[1:]).problem is Problem.UNKNOWN_CA


def test_self_signed_leaf() -> None:
    error = refused(mint_leaf("x", None), [], [mint_ca("Root")])
    assert error.problem is Problem.SELF_SIGNED
    assert error.which == "signing certificate"


def test_issuers_that_name_each_other_end() -> None:
    one = mint_ca("One", mint_ca("Two"))
    two = mint_ca("Two", mint_ca("One"))
    assert refused(mint_leaf("x", one), [one, two], []).problem is Problem.UNKNOWN_CA


def test_bad_signature_of_the_leaf(root: Party) -> None:
    error = refused(mint_leaf("x", root, signer=key("thief")), [], [root])
    assert error.problem is Problem.BAD_SIGNATURE
    assert error.which == "signing certificate"


def test_bad_signature_of_an_intermediate(root: Party) -> None:
    sub = mint_ca("Sub", root, signer=key("thief"))
    error = refused(mint_leaf("x", sub), [sub], [root])
    assert error.problem is Problem.BAD_SIGNATURE
    assert error.which == "CA certificate"


def test_one_flipped_bit_of_the_signature(root: Party) -> None:
    der = bytearray(mint_leaf("x", root).der)
    der[-1] ^= 1
    flipped = Party(Certificate.from_der(bytes(der)), key("x"))
    assert refused(flipped, [], [root]).problem is Problem.BAD_SIGNATURE


# Validity


@pytest.mark.parametrize("purpose", BOTH)
def test_expired_and_not_yet_valid_leaf(root: Party, purpose: Purpose) -> None:
    leaf, second = mint_leaf("x", root), datetime.timedelta(seconds=1)
    late = refused(leaf, [], [root], now=NOW + DAY + second, purpose=purpose)
    assert late.problem is Problem.EXPIRED
    assert "expired on 2026-11-24 12:00:00 UTC; the clock says 2026-11-24 12:00:01" in str(late)
    early = refused(leaf, [], [root], now=NOW - DAY - second, purpose=purpose)
    assert early.problem is Problem.NOT_YET_VALID
    assert late.which == early.which == "signing certificate"


@pytest.mark.parametrize(
    ("begin", "end", "problem"),
    [(-3, -1, Problem.EXPIRED), (1, 3, Problem.NOT_YET_VALID)],
)
@pytest.mark.parametrize("who", ["intermediate", "root"])
def test_validity_of_cas(who: str, begin: int, end: int, problem: Problem) -> None:
    bad, good = (NOW + begin * DAY, NOW + end * DAY), (NOW - DAY, NOW + DAY)
    root_time, sub_time = (bad, good) if who == "root" else (good, bad)
    root = mint_ca("Root", not_before=root_time[0], not_after=root_time[1])
    sub = mint_ca("Sub", root, not_before=sub_time[0], not_after=sub_time[1])
    error = refused(mint_leaf("x", sub), [sub], [root])
    assert error.problem is problem
    assert error.which == "CA certificate"
    assert ("CN=Root" if who == "root" else "CN=Sub") in str(error)


def test_pinned_leaf_expires_too() -> None:
    leaf = mint_leaf("x", None)
    assert refused(leaf, [], [leaf], now=NOW + 2 * DAY).problem is Problem.EXPIRED


def test_clock_without_zone_is_our_bug(root: Party) -> None:
    with pytest.raises(ValueError, match="aware"):
        verify(mint_leaf("x", root), [], [root], now=NOW.replace(tzinfo=None))


# CAs


@pytest.mark.parametrize("purpose", BOTH)
def test_issuer_that_is_no_ca(root: Party, purpose: Purpose) -> None:
    middle = mint_leaf("middle", root)
    error = refused(mint_leaf("x", middle), [middle], [root], purpose=purpose)
    assert error.problem is Problem.INVALID_CA
    assert "CN=middle issued CN=x but is not a CA" in str(error)


def test_basic_constraints_that_say_no(root: Party) -> None:
    middle = mint_ca("middle", root, ca=False)
    assert refused(mint_leaf("x", middle), [middle], [root]).problem is Problem.INVALID_CA


def test_pinned_leaf_vouches_for_nobody_else() -> None:
    pinned = mint_leaf("pinned", None)
    assert refused(mint_leaf("x", pinned), [], [pinned]).problem is Problem.INVALID_CA


def test_ca_without_key_cert_sign(root: Party) -> None:
    sub = mint_ca("Sub", root, usages=("cRLSign", "digitalSignature"))
    error = refused(mint_leaf("x", sub), [sub], [root])
    assert error.problem is Problem.INVALID_CA
    assert "keyCertSign" in str(error)


def test_ca_without_key_usage_is_accepted(root: Party) -> None:
    sub = mint_ca("Sub", root, usages=None)
    assert verify(mint_leaf("x", sub), [sub], [root])


@pytest.mark.parametrize("purpose", BOTH)
@pytest.mark.parametrize(
    ("root_length", "upper_length", "holds"),
    [(None, None, True), (2, 1, True), (1, 1, False), (0, None, False), (None, 0, False)],
)
def test_path_length(
    root_length: int | None, upper_length: int | None, holds: bool, purpose: Purpose
) -> None:
    root = mint_ca("Root", path_length=root_length)
    upper = mint_ca("Upper", root, path_length=upper_length)
    lower = mint_ca("Lower", upper, path_length=0)
    leaf = mint_leaf("x", lower)
    if holds:
        assert len(verify(leaf, [lower, upper], [root], purpose=purpose)) == 4
        return
    error = refused(leaf, [lower, upper], [root], purpose=purpose)
    assert error.problem is Problem.PATH_LENGTH_EXCEEDED
    assert error.which == "CA certificate"


def test_self_issued_ca_does_not_count_for_the_path_length() -> None:
    root = mint_ca("Root", path_length=0)
    rolled_over = mint_ca("Root", root, key_name="new key")
    leaf = mint_leaf("x", rolled_over)
    assert verify(leaf, [rolled_over], [root]) == ["x", "Root", "Root"]


# Extensions


@pytest.mark.parametrize("purpose", BOTH)
def test_unknown_critical_extension(root: Party, purpose: Purpose) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    error = refused(mint_leaf("x", root, extensions=[(odd, True)]), [], [root], purpose=purpose)
    assert error.problem is Problem.UNHANDLED_CRITICAL_EXTENSION
    assert error.which == "signing certificate"
    assert "1.2.3.4" in str(error)
    assert verify(mint_leaf("x", root, extensions=[(odd, False)]), [], [root], purpose=purpose)
    sub = mint_ca("Sub", root, extensions=[(odd, True)])
    assert refused(mint_leaf("x", sub), [sub], [root], purpose=purpose).which == "CA certificate"


@pytest.mark.parametrize("critical", [True, False])
def test_name_constraints_bind_critical_or_not(root: Party, critical: bool) -> None:
    only = x509.NameConstraints([x509.DNSName("example.com")], None)
    sub = mint_ca("Sub", root, extensions=[(only, critical)])
    error = refused(mint_leaf("x", sub), [sub], [root])
    assert error.problem is Problem.NAME_NOT_PERMITTED
    assert "the CA CN=Sub does not permit the DNS name 'localhost' of CN=x" in str(error)
    assert error.which == "CA certificate"


@pytest.mark.parametrize(
    ("purposes", "purpose", "holds"),
    [
        ([SERVER], "server", True),
        ([SERVER], "client", False),
        ([CLIENT], "client", True),
        ([CLIENT], "server", False),
        ([ExtendedKeyUsageOID.CODE_SIGNING], "server", False),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], "server", True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], "client", True),
        ([], "server", True),
        ([], "client", True),
    ],
)
def test_extended_key_usage(
    root: Party, purposes: list[x509.ObjectIdentifier], purpose: Purpose, holds: bool
) -> None:
    leaf = mint_leaf("x", root, purposes=purposes)
    if holds:
        assert verify(leaf, [], [root], purpose=purpose)
        return
    error = refused(leaf, [], [root], purpose=purpose)
    assert error.problem is Problem.WRONG_USAGE
    assert f"{purpose}Auth" in str(error)


def test_pinned_leaf_must_still_fit_its_purpose() -> None:
    leaf = mint_leaf("x", None, purposes=[CLIENT])
    assert refused(leaf, [], [leaf]).problem is Problem.WRONG_USAGE
