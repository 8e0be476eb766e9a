"""Every case, over SM2 and over ECDSA; those of the algorithms have their own keys."""

from __future__ import annotations

import pytest

from chains import (
    cases_algorithms,
    cases_constraints,
    cases_hosts,
    cases_paths,
    cases_policies,
    cases_rules,
    cases_strict,
)
from chains.case import Case
from chains.making import Kind
from tlcp.errors import CertificateVerifyError

CASES: tuple[Case, ...] = (
    *cases_paths.CASES,
    *cases_rules.CASES,
    *cases_constraints.CASES,
    *cases_policies.CASES,
    *cases_hosts.CASES,
    *cases_strict.CASES,
)


@pytest.mark.parametrize("kind", ["sm2", "ecdsa"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, kind: Kind) -> None:
    check(case, kind)


@pytest.mark.parametrize("case", cases_algorithms.CASES, ids=lambda case: case.id)
def test_algorithms(case: Case) -> None:
    check(case, "ecdsa")


def check(case: Case, kind: Kind) -> None:
    if case.wanted is None:
        path = case.run(kind)
        assert not case.path or path == case.path, case.rule
        return
    with pytest.raises(CertificateVerifyError) as caught:
        case.run(kind)
    error = caught.value
    assert error.problem is case.wanted, f"{case.rule}: {error}"
    assert error.verify_code == (case.code or case.wanted.verify_code)
    assert case.text in str(error), case.rule
    if not case.host:
        assert f"the {case.purpose}'s signing certificate" in str(error)
    assert error.which in ("signing certificate", "CA certificate", "chain")
    assert error.hint, "it says what to do"


def test_the_cases_are_many_and_different() -> None:
    every = (*CASES, *cases_algorithms.CASES)
    assert len({case.id for case in every}) == len(every)
    assert len(CASES) >= 250
    refused = sum(case.wanted is not None for case in CASES)
    assert min(refused, len(CASES) - refused) >= 100, "as much is accepted as is refused"
    assert all(case.rule for case in every)
