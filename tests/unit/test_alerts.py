"""Every alert is known, and each failure owes the one that the standard names."""

from __future__ import annotations

import importlib.util
import ssl
from pathlib import Path
from typing import Any

import pytest

from tlcp import advice, errors
from tlcp.alerts import OF_THE_STANDARD, AlertLevel
from tlcp.alerts import AlertDescription as A
from tlcp.errors import AlertReceived, CertificateProblem, RefusedByProgram, TLCPError
from tlcp.events import TracedMessage
from tlcp.explain import Narrator
from tlcp.registry import ContentType

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

#: GB/T 38636-2020 6.4.4.2, the table of alerts: number -> what we owe it for
OF_THE_TABLE: dict[int, set[str]] = {
    0: {"close"},
    10: {"UnexpectedMessage"},
    20: {"BadRecordMAC"},
    21: set(),  # or it is a padding oracle
    22: {"RecordOverflow"},
    30: set(),  # no compression
    40: {"NegotiationError", "CertificateRequired"},
    42: {"MALFORMED", "BAD_SIGNATURE", "NOT_A_PAIR", "HOSTNAME_MISMATCH", "IP_ADDRESS_MISMATCH"},
    43: {"UNSUPPORTED_KEY", "WRONG_USAGE"},
    44: {"REVOKED"},
    45: {"EXPIRED", "NOT_YET_VALID"},
    46: {
        "UNHANDLED_CRITICAL_EXTENSION",
        "NAME_NOT_PERMITTED",
        "NAME_EXCLUDED",
        "UNSUPPORTED_CONSTRAINT",
        "INVALID_POLICY",
        "NO_EXPLICIT_POLICY",
        "TOO_MUCH_WORK",
        "BREAKS_PROFILE",
        "REVOCATION_UNKNOWN",
    },
    47: {"IllegalParameter"},
    48: {"UNKNOWN_CA", "SELF_SIGNED", "INVALID_CA", "PATH_LENGTH_EXCEEDED", "CHAIN_TOO_LONG"},
    49: set(),  # the program's choice
    50: {"DecodeError"},
    51: {"DecryptError"},
    70: {"ProtocolVersionError"},
    71: set(),  # 40
    80: {"InternalError", "KeyUnavailable"},
    90: set(),  # close_notify
    100: {"renegotiation"},
    200: set(),
    201: set(),
    202: set(),
    203: set(),
    204: set(),
    205: set(),
}
#: GM/T 0024-2023 appendix A has the extensions of TLS, and their alerts with them
OF_TLS: dict[int, set[str]] = {110: {"UnsupportedExtension"}, 112: {"UnrecognizedName"}}


def owed_for(alert: A) -> set[str]:
    """What the code sends this alert for."""
    found = {
        name
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type)
        and issubclass(kind, TLCPError)
        and kind.alert is alert
    }
    found |= {problem.name for problem in CertificateProblem if problem.alert is alert}
    return found | {A.CLOSE_NOTIFY: {"close"}, A.NO_RENEGOTIATION: {"renegotiation"}}.get(
        alert, set()
    )


@pytest.mark.parametrize("number", OF_THE_TABLE)
def test_sent_where_the_standard_says(number: int) -> None:
    assert owed_for(A(number)) == OF_THE_TABLE[number]


@pytest.mark.parametrize("number", sorted(set(A) - OF_THE_TABLE.keys()))
def test_of_tls_only_what_the_standard_has_no_word_for(number: int) -> None:
    assert owed_for(A(number)) == OF_TLS.get(number, set())


def test_the_table_of_the_standard_is_whole() -> None:
    assert OF_THE_TABLE.keys() == OF_THE_STANDARD


@pytest.mark.parametrize("alert", A)
def test_what_is_said_is_what_is_done(alert: A) -> None:
    assert alert.facts.sent_by_us == bool(owed_for(alert))


@pytest.mark.parametrize("alert", A)
def test_every_alert_is_told_in_both_languages(alert: A) -> None:
    facts = alert.facts
    for text in (facts.meaning, facts.remedy, facts.sent):
        assert text.en.isascii()
        assert not text.zh.isascii()
        assert not text.en.endswith(".")
        assert "|" not in text.en + text.zh, "it stands in a table"
    assert A.meaning(alert) == facts.meaning


def test_alerts_are_told_apart() -> None:
    for language in ("en", "zh"):
        assert len({getattr(alert.facts.meaning, language) for alert in A}) == len(A)


def test_only_two_go_out_as_warnings() -> None:
    """``Connection`` sends them itself; every error is fatal."""
    ours = [alert for alert in A if alert.facts.sent_by_us]
    assert [a for a in ours if a.facts.level is AlertLevel.WARNING] == [
        A.CLOSE_NOTIFY,
        A.NO_RENEGOTIATION,
    ]


def test_every_alert_of_ssl_has_the_same_name() -> None:
    """A program's callback may return ``ssl.ALERT_DESCRIPTION_*``."""
    for alert in ssl.AlertDescription:
        assert A(alert).name == {
            "USER_CANCELLED": "USER_CANCELED",
        }.get(name := alert.name.removeprefix("ALERT_DESCRIPTION_"), name)


@pytest.mark.parametrize("alert", A)
def test_a_received_alert_is_told_whole(alert: A) -> None:
    text = str(AlertReceived(2, alert))
    assert f"{alert.name.lower()}({int(alert)}): {alert.facts.meaning.en}" in text
    traced = TracedMessage("server", ContentType.ALERT, bytes((2, alert)), False)
    told = Narrator().tell(traced).fields[-1]
    assert told.value == A.label(alert)
    assert alert.facts.meaning.en in told.meaning


def test_a_number_that_nobody_defined() -> None:
    assert A.known(123) is None
    assert A.label(123) == "unknown(123)"
    assert A.remedy(123) == ""
    assert "no TLCP standard" in A.meaning(123).en
    assert A.meaning(123).zh
    assert "unknown(123)" in str(AlertReceived(1, 123))


def test_a_program_may_choose_any_alert() -> None:
    for alert in A:
        assert RefusedByProgram("no", alert).alert_to_send is alert


def on_alert(alert: int, role: str, awaited: str, warned: int | None = None) -> str:
    return advice.on_alert(
        alert,
        role=role,
        awaited=awaited,
        record_version=0x0101,
        suites_held_back=False,
        warned=warned,
    )


@pytest.mark.parametrize("alert", A)
def test_a_hint_for_every_alert_of_the_handshake(alert: A) -> None:
    for role, awaited in (("client", "ServerHello"), ("client", "Finished"), ("server", "x")):
        assert on_alert(alert, role, awaited)


def test_hints_know_the_moment() -> None:
    assert "no common cipher suite" in on_alert(40, "client", "ServerHello")
    assert "give this client its pair" in on_alert(40, "client", "Finished")
    assert on_alert(40, "server", "Finished") == A.HANDSHAKE_FAILURE.facts.remedy.en
    assert on_alert(48, "client", "ServerHello") == A.UNKNOWN_CA.facts.remedy.en
    assert on_alert(0, "server", "Finished", warned=41).endswith(A.explain(41))
    assert on_alert(123, "server", "Finished") == ""


def generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_made_from_the_code() -> None:
    for name, text in generate().pages().items():
        path = REFERENCE / name
        assert path.read_text("utf-8") == text, "run python docs/reference/generate.py"


@pytest.mark.parametrize("page", ["alerts.md", "alerts.zh.md"])
def test_the_pages_have_every_alert(page: str) -> None:
    text = (REFERENCE / page).read_text("utf-8")
    for alert in A:
        assert f"| {int(alert)} | {alert.name.lower()} | " in text
