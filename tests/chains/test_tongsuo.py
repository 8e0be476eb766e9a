"""The cases over SM2 in Tongsuo's verifier, which is that of OpenSSL 1.1.1 with SM2.

It differs from ours where OpenSSL's does, and nowhere else. When it is to be strict it has none of
the rules of OpenSSL 3, so those cases are not compared.
"""

from __future__ import annotations

import pytest

from chains.case import Case
from chains.making import DAY, NOW
from chains.test_cases import CASES
from chains.test_openssl import DIFFERENT
from peers import tongsuo_x509
from tlcp.x509.names import parse_host


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.id not in DIFFERENT and not case.strict],
    ids=lambda case: case.id,
)
def test_tongsuo_says_the_same(case: Case) -> None:
    made = case.make("sm2")
    try:
        said = tongsuo_x509.verify(
            made["leaf"].der,
            roots=[made[one.name].der for one in case.certs if one.anchor],
            untrusted=[made[c.name].der for c in case.certs if not c.anchor and c.name != "leaf"],
            asked=_asked(case),
        )
    except ValueError as unreadable:
        said = str(unreadable)
    assert (said == "ok") == (case.wanted is None), said


def _asked(case: Case) -> tongsuo_x509.Asked:
    host = parse_host(case.host) if case.host else ""
    policies = case.policies or ("any",)
    return tongsuo_x509.Asked(
        moment=round((NOW + case.days * DAY).timestamp()),
        purpose=case.purpose,
        depth=max(case.depth - 1, 0),
        policies=["2.5.29.32.0" if one == "any" else f"2.999.{one}" for one in policies],
        explicit=case.policies is not None,
        host=str(host),
        is_address=not isinstance(host, str),
    )
