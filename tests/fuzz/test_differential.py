"""A disagreement with another's parser is explained by what the input shows, not by what we say."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from assurance import fuzz
from assurance.figures import Result
from assurance.fuzzing import against_openssl, against_tshark

from support.ends import world
from tlcp.wire.messages import CertificateRequest, ServerHello


def quietly(line: str) -> None:
    """Takes what is told."""


def test_certificates_that_we_refuse_for_no_reason_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shutil.which("openssl") is not None
    compared = against_openssl.compare(60, quietly)
    assert (compared.cases, compared.strange) == (60, [])

    def refuse(*_: Any) -> tuple[str, None]:
        return "MALFORMED: the certificate cannot be read", None

    monkeypatch.setattr(against_openssl._Asking, "_ours", refuse)
    assert against_openssl.compare(60, quietly).strange


@pytest.mark.parametrize(
    "ours",
    [
        "MALFORMED: the certificate cannot be read",
        "UNSUPPORTED_CONSTRAINT: it has name constraints and is not a CA",
        "UNHANDLED_CRITICAL_EXTENSION: cRLDistributionPoints",
        "EXPIRED: it is too old",
    ],
)
def test_a_plain_certificate_explains_no_refusal(ours: str) -> None:
    der = world().client.certificate_list()[0]
    assert against_openssl._reason(ours, "", None, der) == ""


def test_an_invented_complaint_of_tshark_explains_nothing() -> None:
    request = CertificateRequest(certificate_types=b"\x40", certificate_authorities=(b"0\0",))
    assert against_tshark._unread(request, "BER Error: a set was expected")
    assert against_tshark._unread(request, "the moon is full") == ""
    hello = ServerHello.__new__(ServerHello)
    assert against_tshark._unread(hello, "the moon is full") == ""


@pytest.mark.parametrize(("long", "ci"), [(True, ""), (False, "1"), (False, "")])
def test_a_tool_that_is_missing_fails_where_all_must_be(
    long: bool, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLCP_CI", ci)
    result = Result()
    fuzz._absent(result, "it is not here", long=long)
    assert result.failures == (["it is not here"] if long or ci else [])
    assert result.notes == ([] if long or ci else ["it is not here"])
