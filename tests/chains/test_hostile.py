"""Chains made to cost much: the work is counted, whatever the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chains import der
from chains.case import Case, Problem
from chains.making import NOW, Cert, Kind, ca, leaf, root
from tlcp.errors import CertificateVerifyError
from tlcp.x509 import constraints, policies
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.links import Rules
from tlcp.x509.trust import TrustStore
from tlcp.x509.work import (
    MAX_CANDIDATES,
    MAX_NAME_COMPARISONS,
    MAX_POLICY_STEPS,
    MAX_SIGNATURE_CHECKS,
    Work,
)

KIND: Kind = "sm2"


class Count:
    """How often something was called."""

    def __init__(self) -> None:
        self.calls = 0

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        def counted(*values: object, **more: object) -> object:
            self.calls += 1
            return function(*values, **more)

        return counted


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> Count:
    count = Count()
    real = count.around(Certificate.verify_signed_by)
    monkeypatch.setattr(Certificate, "verify_signed_by", real)
    return count


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Count:
    count = Count()
    monkeypatch.setattr(Rules, "check_ca", count.around(Rules.check_ca))
    return count


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> Count:
    count = Count()
    for form, compare in constraints._COMPARED.items():
        monkeypatch.setitem(constraints._COMPARED, form, count.around(compare))
    monkeypatch.setattr(constraints, "_overlaps_host", count.around(constraints._overlaps_host))
    return count


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Count:
    count = Count()
    monkeypatch.setattr(policies, "_Node", count.around(policies._Node))
    return count


def refused(
    leaf_: Certificate, sent: list[Certificate], trusted: list[Certificate], depth: int = 8
) -> CertificateVerifyError:
    with pytest.raises(CertificateVerifyError) as caught:
        verify_chain(leaf_, sent, TrustStore(trusted), now=NOW, purpose="server", max_depth=depth)
    return caught.value


def look_alikes(of: Certificate, count: int) -> Iterator[Certificate]:
    """Copies that differ in one byte of their signature."""
    at = len(of.der) - 8
    for number in range(count):
        yield Certificate.from_der(of.der[:at] + number.to_bytes(4) + of.der[at + 4 :])


# ---- the search --------------------------------------------------------------------------------


@pytest.mark.parametrize("key_ids", [True, False])
def test_thousands_of_look_alikes_of_another_key(
    key_ids: bool, signatures: Count, looked_at: Count
) -> None:
    more: dict[str, Any] = {} if key_ids else {"ski": None, "aki": None}
    made = Case("", "", [root(), ca("A", **more), ca("A2", dn="CN=A", **more), leaf("A", **more)]
                ).make(KIND)  # fmt: skip
    sent = [*look_alikes(made["A2"], 5000)]
    error = refused(made["leaf"], sent, [made["Root"]])
    assert error.problem is Problem.CHAIN_TOO_LONG
    assert signatures.calls <= MAX_SIGNATURE_CHECKS
    assert looked_at.calls <= MAX_CANDIDATES


def test_thousands_of_look_alikes_of_the_same_key(signatures: Count, looked_at: Count) -> None:
    made = Case("", "", [root(), ca("A", "A"), leaf("A")]).make(KIND)
    error = refused(made["leaf"], [*look_alikes(made["A"], 5000)], [made["Root"]])
    assert error.problem is Problem.CHAIN_TOO_LONG
    assert signatures.calls <= MAX_SIGNATURE_CHECKS
    assert looked_at.calls <= MAX_CANDIDATES


def test_thousands_that_are_expired(signatures: Count, looked_at: Count) -> None:
    made = Case("", "", [root(), ca("A", begin=-9, end=-2), leaf("A")]).make(KIND)
    error = refused(made["leaf"], [*look_alikes(made["A"], 5000)], [made["Root"]])
    assert error.problem is Problem.CHAIN_TOO_LONG
    assert "more than 1024 candidates" in str(error)
    assert signatures.calls == 0
    assert looked_at.calls <= MAX_CANDIDATES


def test_the_right_one_among_thousands_is_found_by_its_key_identifier(signatures: Count) -> None:
    made = Case("", "", [root(), ca("A"), ca("A2", dn="CN=A"), leaf("A")]).make(KIND)
    sent = [*look_alikes(made["A2"], 5000), made["A"]]
    path = verify_chain(made["leaf"], sent, TrustStore([made["Root"]]), now=NOW, purpose="server")
    assert path == (made["leaf"], made["A"], made["Root"])
    assert signatures.calls == 2


def test_every_ca_has_issued_every_other(signatures: Count, looked_at: Count) -> None:
    names = "ABCDEFGH"
    mesh = [
        ca(f"{one}{other}", f"{other}{names[0 if other != names[0] else 1]}", dn=f"CN={one}",
           key=one) for one in names for other in names if one != other
    ]  # fmt: skip
    made = Case("", "", [root(), *mesh, leaf("AB")]).make(KIND)
    sent = [made[one.name] for one in mesh]
    error = refused(made["leaf"], sent, [made["Root"]], depth=20)
    assert error.problem is Problem.CHAIN_TOO_LONG
    assert signatures.calls <= MAX_SIGNATURE_CHECKS
    assert looked_at.calls <= MAX_CANDIDATES


def test_huge_names() -> None:
    name = ",".join(f"O={number:04}{'x' * 200}" for number in range(2000))
    made = Case("", "", [root(), ca("A", dn=name), leaf("A", issuer_dn=name.upper())]).make(KIND)
    assert len(made["A"].der) > 400_000
    path = verify_chain(
        made["leaf"], [made["A"]], TrustStore([made["Root"]]), now=NOW, purpose="server"
    )
    assert len(path) == 3
    error = refused(made["leaf"], [made["A"]], [made["A"], made["Root"]], depth=0)
    assert len(str(error)) < 2000, "an error does not repeat it all"


# ---- name constraints --------------------------------------------------------------------------


def _many(count: int, kind: str = "dns:{}.example") -> tuple[str, ...]:
    return tuple(kind.format(number) for number in range(count))


@pytest.mark.parametrize(
    ("subtrees", "names", "enough"),
    [(200, 300, True), (3000, 3000, False), (1, 40_000, False), (40_000, 40_000, False)],
)
def test_many_names_under_many_constraints(
    subtrees: int, names: int, enough: bool, comparisons: Count
) -> None:
    certs = [root(), ca("A", exclude=_many(subtrees)), leaf("A", san=_many(names, "dns:{}.other"))]
    made = Case("", "", certs).make(KIND)
    if enough:
        verify_chain(
            made["leaf"], [made["A"]], TrustStore([made["Root"]]), now=NOW, purpose="server"
        )
    else:
        error = refused(made["leaf"], [made["A"]], [made["Root"]])
        assert error.problem is Problem.TOO_MUCH_WORK
        assert "more than 65536 comparisons of names" in str(error)
    assert comparisons.calls <= 2 * MAX_NAME_COMPARISONS


def test_alternatives_share_the_budget(comparisons: Count) -> None:
    """Each alternative is refused at the last name, so all are tried."""
    certs: list[Cert] = [root()]
    certs += [
        ca(f"A{number}", dn="CN=A", key="A", exclude=(*_many(1000), f"dns:x{number}.end"),
           permit=("dns:other", "dns:never")) for number in range(60)
    ]  # fmt: skip
    certs.append(leaf("A0", san=(*_many(30, "dns:{}.other"), "dns:at.the.end")))
    made = Case("", "", certs).make(KIND)
    sent = [made[one.name] for one in certs[1:-1]]
    error = refused(made["leaf"], sent, [made["Root"]])
    assert error.problem is Problem.TOO_MUCH_WORK
    assert comparisons.calls <= 2 * MAX_NAME_COMPARISONS


@pytest.mark.parametrize(("depth", "base", "count"), [(3000, 3000, 30), (400, 1, 200)])
def test_deep_directory_names(depth: int, base: int, count: int, comparisons: Count) -> None:
    deep, short = (",".join(f"O={at}" for at in range(size)) for size in (depth, base))
    certs = [root(), ca("A", exclude=(f"dn:{short},O=y",) * count), leaf("A", dn=f"{deep},O=x")]
    made = Case("", "", certs).make(KIND)
    error = refused(made["leaf"], [made["A"]], [made["Root"]])
    assert error.problem is Problem.TOO_MUCH_WORK
    assert comparisons.calls <= MAX_NAME_COMPARISONS


# ---- policies ----------------------------------------------------------------------------------


def test_policies_that_would_double_at_each_level(nodes: Count) -> None:
    """RFC 9618 1: each of two policies is mapped to both, so a tree would have 2^15 leaves."""
    both: dict[str, Any] = {"policies": ("1", "2"), "maps": ("1>1", "1>2", "2>1", "2>2")}
    certs = [root(), ca("CA 0", **both, demand=0)]
    for number in range(1, 15):
        certs.append(ca(f"CA {number}", f"CA {number - 1}", **both))
    certs.append(leaf("CA 14", policies=("1", "2")))
    assert len(Case("", "", certs, depth=20, policies=("1",)).run(KIND)) == 17
    assert nodes.calls <= 16 * 2 + 1


def test_too_many_policies(nodes: Count) -> None:
    many = tuple(map(str, range(300)))
    maps = tuple(f"{one}>{other}" for one in many for other in many)
    certs = [root(), ca("A", policies=many, maps=maps, demand=0),
             ca("B", "A", policies=many), leaf("B", policies=many)]  # fmt: skip
    with pytest.raises(CertificateVerifyError, match="more than 65536 steps") as caught:
        Case("", "", certs).run(KIND)
    assert caught.value.problem is Problem.TOO_MUCH_WORK
    assert nodes.calls <= MAX_POLICY_STEPS


def test_alternatives_share_the_budget_of_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    count = Count()
    monkeypatch.setattr(policies, "_Level", count.around(policies._Level))
    many = tuple(map(str, range(300)))
    certs = [root()]
    for number in range(60):
        maps = tuple(f"{one}>{one}" for one in many)
        certs.append(ca(f"A{number}", dn="CN=A", key="A", policies=many, maps=maps, demand=0))
    certs.append(leaf("A0"))
    with pytest.raises(CertificateVerifyError, match="more than 65536 steps"):
        Case("", "", certs).run(KIND)
    assert count.calls < 2 * 60


# ---- the count itself --------------------------------------------------------------------------


def test_what_is_left_of_each_budget() -> None:
    certificate = Case("", "", [leaf("")]).make(KIND)["leaf"]
    spending: list[tuple[Callable[[Work], None], int]] = [
        (Work.check_signature, MAX_SIGNATURE_CHECKS),
        (Work.look_at, MAX_CANDIDATES),
        (lambda work: work.compare_names(1), MAX_NAME_COMPARISONS),
        (lambda work: work.step_policies(1), MAX_POLICY_STEPS),
    ]
    for spend, most in spending:
        work = Work("the server's signing certificate", certificate)
        for _ in range(most):
            spend(work)
        assert not work.is_spent
        with pytest.raises(CertificateVerifyError, match=str(most)) as caught:
            spend(work)
        assert work.is_spent
        assert "the server's signing certificate CN=leaf" in str(caught.value)


def test_der_of_long_values() -> None:
    """The writer of these tests, where lengths take three bytes."""
    assert der.tlv(4, bytes(70_000))[:5] == bytes.fromhex("0483011170")


def _spent(certs: list[Cert]) -> tuple[int, int, int]:
    """Comparisons of names, and steps through policies at the first and at each further path."""
    made = Case("", "", certs).make(KIND)
    path = (made["leaf"], made["A"], made["Root"])
    work = Work("the server's signing certificate", made["leaf"])
    constraints.check_name_constraints(made["A"], path[:1], work, "")
    names = MAX_NAME_COMPARISONS - work.names
    policies.check_policies(path, None, work, "")
    return names, MAX_POLICY_STEPS - work.policies, len(made["leaf"].subject_der)


def test_what_is_charged_for_names() -> None:
    """One for each name, one for each comparison, and one for 16 bytes that are read."""
    base = [root(), ca("A"), leaf("A", san=("dns:a.b", "dns:c.d", "ip:192.0.2.1"))]
    assert _spent(base)[0] == 0
    # the extension has 30 bytes; 4 names with the subject; 2 DNS names with 2 constraints
    two = ("dns:x.example", "dns:y.example")
    base[1] = ca("A", exclude=two)
    assert _spent(base)[0] == 30 // 16 + 4 + 2 * 2
    # the subject takes part: it is read, and has one part of less than 16 letters
    base[1] = ca("A", exclude=("dn:O=x",))
    names, _, subject_bytes = _spent(base)
    assert names == 1 + subject_bytes // 16 + 4 + 2 * 1


def test_what_is_charged_for_policies() -> None:
    base = [root(), ca("A", policies=("1", "2"), demand=0), leaf("A", policies=("1",))]
    # read: 2 + 1; first level: 2 policies, 1 node that expects 1; second: 1, 2 nodes, 1 each
    assert _spent(base)[1] == 3 + (2 + 1 + 1) + (1 + 2 + 1 + 1)
    mapped = [root(), ca("A", policies=("1", "2"), demand=0, maps=("1>2",)), base[2]]
    with pytest.raises(CertificateVerifyError):
        _spent(mapped)
    mapped[2] = leaf("A", policies=("2",))
    # a mapping is 12 bytes; it is followed, and its node expects 1
    assert _spent(mapped)[1] == 3 + 14 // 12 + (2 + 1 + 1) + (1 + 1) + (1 + 2 + 1 + 1)
