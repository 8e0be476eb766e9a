"""Findings: what a person is told, with the side, the rule and both languages."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from support.captured import captures, connections, examine_all, examine_pieces, secrets_of
from support.ends import HOST, NOW, client, config, server, world
from support.overheard import Overheard, converse, overhear
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.dialects import AUTO, DIALECTS
from tlcp.inspect.findings import Finding, _certificate_rules
from tlcp.inspect.report import ConnectionReport, schema
from tlcp.inspect.text import lines
from tlcp.quirks import Quirk, likely_stacks
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import parse_suites
from tlcp.x509.certificate import Certificate
from tlcp.x509.trust import TrustStore


def found(report: ConnectionReport, rule: str) -> Finding:
    return next(f for f in report.findings if f.rule == rule)


def rules(report: ConnectionReport) -> set[str]:
    return {f.rule for f in report.findings}


def logged(heard: Overheard, log: list[str]) -> ConnectionReport:
    heard.secrets.add_key_log("\n".join(log))
    return heard.report()


@pytest.mark.parametrize("name", captures())
def test_the_captures_have_no_errors_and_both_languages(name: str) -> None:
    for report in examine_all(name):
        assert not [f for f in report.findings if f.severity == "error"]
        for finding in report.findings:
            assert finding.section
            assert finding.text.en.isascii() or "CN=" in finding.text.en
            assert re.search(r"[\u4e00-\u9fff]", finding.text.zh)


@pytest.mark.parametrize(
    ("name", "client_stacks", "server_stacks"),
    [
        ("tassl-ecdhe-gcm", {"tassl", "tongsuo"}, {"tassl"}),
        ("tongsuo-ecdhe-gcm", {"tongsuo", "tassl"}, {"tongsuo", "tassl"}),
        ("gmssl-ecdhe-cbc", {"gmssl-3.3"}, set()),
    ],
)
def test_the_stacks(name: str, client_stacks: set[str], server_stacks: set[str]) -> None:
    report = examine_all(name)[0]
    assert set(report.peers["client"].stacks) == client_stacks
    assert set(report.peers["server"].stacks) == server_stacks


def test_what_many_stacks_do_names_none() -> None:
    report = overhear(client(), server(ticket_keys=RotatingTicketKeys())).report()
    assert "stack" not in {f.rule for f in report.findings if f.side == "server"}
    report = overhear(client(tickets=True), server(ticket_keys=RotatingTicketKeys())).report()
    assert {"tlcp", "tongsuo"} <= set(report.peers["server"].stacks)
    assert "stack" not in {f.rule for f in report.findings if f.side == "server"}
    (said,) = [f for f in report.findings if f.rule == "stack"]
    assert "the client could be any of: Tencent Kona, tlcp, this library: it asks" in said.text.en
    assert "客户端可能是以下之一：Tencent Kona、tlcp, this library：请求会话票据" in said.text.zh


OURS: list[dict[str, Any]] = [
    {},
    {"extensions": False},
    {"alpn_protocols": ("http/1.1",)},
    {"identity": None},
    {"identity": None, "extensions": False},
]


@pytest.mark.parametrize("changes", OURS, ids=str)
def test_our_own_client_is_known(changes: dict[str, Any]) -> None:
    """Also where it sends no extension, as old stacks do."""
    auth = ClientAuth.OPTIONAL
    report = overhear(client(**changes), server(client_auth=auth)).report()
    assert report.peers["client"].stacks == ("tlcp",)


def test_our_own_client_with_the_one_suite_of_old_stacks() -> None:
    suites = parse_suites("ECC_SM4_CBC_SM3")
    report = overhear(client(suites=suites, extensions=False), server()).report()
    assert set(report.peers["client"].stacks) == {"gmssl-3.1", "old-gateway", "tlcp"}


@pytest.mark.parametrize("quirk", [quirk for quirk in Quirk if quirk.value.absence])
def test_no_stack_is_named_from_one_absence(quirk: Quirk) -> None:
    assert likely_stacks([quirk]) == ()
    assert likely_stacks([quirk, Quirk.NO_SESSION_ID]) == ()


def test_two_absences_are_more_than_one() -> None:
    seen = [Quirk.NO_EXTENSIONS, Quirk.SINGLE_CERTIFICATE, Quirk.CBC_ALONE]
    assert likely_stacks(seen) == ("gmssl-3.1",)


def test_stacks_are_named_as_people_name_them() -> None:
    finding = found(examine_all("gmssl-ecdhe-cbc")[0], "stack")
    assert "looks like GmSSL" in finding.text.en


def test_extensions_that_break_other_stacks() -> None:
    finding = found(examine_all("tassl-ecc-cbc")[0], "extension-breaks-stacks")
    assert finding.severity == "warning"
    assert "encrypt_then_mac(22), session_ticket(35)" in finding.text.en
    assert "extension-breaks-stacks" not in rules(examine_all("gmssl-ecc-gcm")[0])


def test_the_encryption_certificate_last() -> None:
    dialect = dataclasses.replace(AUTO, enc_certificate_last=True)
    middle = world().ca.issue_intermediate("Middle CA", now=NOW)
    identity = middle.issue_pair("server", [HOST], now=NOW).identity
    heard = overhear(client(), server(dialect=dialect, identity=identity))
    finding = found(heard.report(), "certificate-order")
    assert (finding.severity, finding.side, finding.section) == ("warning", "server", "6.4.5.3")


def test_an_alert_is_told_with_who_and_why() -> None:
    heard = overhear(client(trust=TrustStore([world().stranger.certificate])), server())
    report = heard.report()
    finding = found(report, "alert")
    assert (finding.severity, finding.side) == ("error", "client")
    assert "unknown_ca(48)" in finding.text.en
    assert "after the server's ServerHelloDone" in finding.text.en
    assert "Make the peer trust the CA" in finding.text.en
    unfinished = found(report, "handshake-incomplete")
    assert "the client did not go on" in unfinished.text.en


def test_an_alert_about_no_certificate_says_so() -> None:
    heard = overhear(client(identity=None), server())
    finding = found(heard.report(), "alert")
    assert (finding.severity, finding.side) == ("error", "server")
    assert "handshake_failure(40)" in finding.text.en
    assert finding.text.en.endswith("the client sent none: give the client its pair")
    assert finding.text.zh.endswith("给客户端配置双证书")


def test_silence_after_client_hello() -> None:
    heard = overhear(client(), server())
    heard.pieces = heard.pieces[:1]
    finding = found(heard.report(), "handshake-incomplete")
    assert finding.side == "server"
    assert "without a word" in finding.text.en


def test_one_way_and_no_forward_secrecy_are_notes() -> None:
    log: list[str] = []
    auth = ClientAuth.NONE
    report = logged(converse(client(keylog=log.append), server(client_auth=auth)), log)
    assert found(report, "one-way").severity == "note"
    assert found(report, "no-forward-secrecy").severity == "note"


def cut_before_close(heard: Overheard) -> None:
    heard.pieces = [p for p in heard.pieces if not (p.data[0] == 21 and len(p.data) > 7)]


def test_truncation_instead_of_close_notify() -> None:
    log: list[str] = []
    heard = converse(client(keylog=log.append), server())
    assert "truncation" not in rules(logged(heard, log))
    cut_before_close(heard)
    report = heard.report()
    assert {f.side for f in report.findings if f.rule == "truncation"} == {"client", "server"}
    seen = heard.report(ended="unknown")
    assert "truncation" not in rules(seen)
    assert "end-not-seen" in rules(seen)


def test_an_alert_in_clear_behind_change_cipher_spec() -> None:
    log: list[str] = []
    heard = converse(client(keylog=log.append), server())
    cut_before_close(heard)
    clear = heard.pieces[0]._replace(sender=1, data=bytes.fromhex("15 0101 0002 0228"))
    heard.pieces.append(clear)
    finding = found(logged(heard, log), "alert-in-clear")
    assert finding.side == "server"


def patched_hello(heard: Overheard, kind: int, suite: int) -> ConnectionReport:
    """The last suite of a hello replaced; ServerHello has it behind the session id."""
    for place, piece in enumerate(heard.pieces):
        if piece.data[5] == kind:
            data = bytearray(piece.data)
            at = 44 + data[43]
            if kind == 1:
                at += int.from_bytes(data[at : at + 2], "big")
            data[at : at + 2] = suite.to_bytes(2, "big")
            heard.pieces[place] = piece._replace(data=bytes(data))
            break
    return heard.report()


@pytest.mark.parametrize(
    ("kind", "suite", "rule"),
    [
        (2, 0x1301, "suite-unnamed"),
        (2, 0x1301, "suite-not-offered"),
        (2, 0xE01A, "suite-weak"),
        (2, 0xE001, "suite-old"),
        (1, 0x1301, "suite-offered-unnamed"),
    ],
)
def test_suites(kind: int, suite: int, rule: str) -> None:
    report = patched_hello(overhear(client(), server()), kind, suite)
    assert rule in rules(report)


def certificate_rules(*ders: bytes) -> dict[str, str]:
    read: list[Certificate | None] = [Certificate.from_der(der) for der in ders]
    return {rule: severity for severity, rule, _ in _certificate_rules(read, "server")}


def test_pairs() -> None:
    w = world()
    assert w.server.enc_cert is not None
    assert w.client.enc_cert is not None
    sign, enc, ca = w.server.sign_cert.der, w.server.enc_cert.der, w.ca.certificate.der
    assert certificate_rules(sign, enc, ca) == {}
    assert certificate_rules(enc, sign, ca) == {"certificates-swapped": "error"}
    assert certificate_rules(sign, ca, enc) == {"certificate-order": "warning"}
    assert certificate_rules(sign) == {"single-certificate": "error"}
    assert certificate_rules(sign, sign) == {
        "signing-certificate-encrypts": "error",
        "one-certificate-twice": "warning",
    }
    assert certificate_rules(sign, w.client.enc_cert.der) == {"two-subjects": "warning"}
    assert certificate_rules() == {"no-certificate": "note"}


@pytest.mark.parametrize("name", ["gmssl-3.3", "tassl", "openhitls"])
def test_the_dialects_that_we_speak_are_recognized(name: str) -> None:
    dialect = DIALECTS[name]
    one = Connection.client(config("client", dialect=dialect), server_name="localhost")
    heard = overhear(one, server(dialect=dialect))
    report = heard.report()
    assert report.peers["client"].quirks or report.peers["server"].quirks


# ---- the report's form -------------------------------------------------------------------


def conforms(value: Any, rule: dict[str, Any], root: dict[str, Any], at: str = "$") -> None:
    """As much of JSON schema as ours uses."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rpartition("/")[2]]
    if "anyOf" in rule:
        options = [r for r in rule["anyOf"] if (r.get("type") == "null") == (value is None)]
        assert options, at
        conforms(value, options[0], root, at)
        return
    _conforms_itself(value, rule, at)
    if isinstance(value, dict):
        assert set(rule["required"]) <= set(value) <= set(rule["properties"]), at
        for key, inner in value.items():
            conforms(inner, rule["properties"][key], root, f"{at}.{key}")
    if isinstance(value, list):
        for place, inner in enumerate(value):
            conforms(inner, rule["items"], root, f"{at}[{place}]")


def _conforms_itself(value: Any, rule: dict[str, Any], at: str) -> None:
    if "const" in rule:
        assert value == rule["const"], at
    if "enum" in rule:
        assert value in rule["enum"], at
    if "pattern" in rule:
        assert re.search(rule["pattern"], value), at
    if "type" in rule:
        kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        assert any(_is(value, kind) for kind in kinds), f"{at}: {value!r} is no {kinds}"


def _is(value: Any, kind: str) -> bool:
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "integer": int,
        "number": (int, float),
    }
    return isinstance(value, types[kind]) and not (isinstance(value, bool) and kind != "boolean")


@pytest.mark.parametrize("name", captures())
def test_the_json_conforms_to_the_published_schema(name: str) -> None:
    rule = schema()
    for report in examine_all(name):
        conforms(json.loads(json.dumps(report.as_dict(dangerous_secrets=True))), rule, rule)
        plain = json.dumps(report.as_dict())
        conforms(json.loads(plain), rule, rule)
        if report.view.keys is not None:
            assert report.view.keys.dangerous_master().hex() not in plain


def test_the_json_of_broken_connections_conforms_too() -> None:
    rule = schema()
    pieces = next(connections("tongsuo-ecc-gcm"))
    for broken in ([], pieces[:1], pieces[3:], [pieces[0], *pieces[2:]]):
        report = examine_pieces(broken, secrets_of("tongsuo-ecc-gcm"))
        conforms(json.loads(json.dumps(report.as_dict())), rule, rule)


# ---- the text ----------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_text_numbers_the_steps_and_explains_in_two_sentences(lang: Any) -> None:
    (report,) = examine_all("tongsuo-ecc-gcm")
    shown = list(lines(report, lang))
    step = {"en": "step", "zh": "步骤"}[lang]
    for number in range(1, 16):
        assert any(f"[{step} {number}/15, " in line for line in shown)
    place = next(i for i, line in enumerate(shown) if f"[{step} 1/15, " in line)
    assert all(line.startswith("         ") for line in shown[place + 1 : place + 3])
    chinese = [re.search(r"[\u4e00-\u9fff]", line) is not None for line in shown]
    assert any(chinese) == (lang == "zh")
    assert len(list(lines(report, lang, details=True))) > len(shown)


def test_the_text_names_a_message_in_one_way() -> None:
    (report,) = examine_all("tongsuo-ecc-gcm")
    shown = list(lines(report))
    messages = [found[1] for line in shown if (found := re.match(r" *#(\d+) (?:-->|<--) ", line))]
    assert messages == [str(message.message.number) for message in report.messages]
    named = {
        found[1] for line in shown if (found := re.match(r"  (?:note|warning) #(\d+): ", line))
    }
    assert named == {str(one.message) for one in report.findings if one.message}


def test_names_of_a_peer_cannot_harm_the_terminal() -> None:
    pieces = next(connections("tongsuo-ecc-gcm"))
    pieces = [p._replace(data=p.data.replace(b"localhost", b"\x1b[31mlocal")) for p in pieces]
    report = examine_pieces(pieces, secrets_of("tongsuo-ecc-gcm"))
    assert not any("\x1b" in line for line in lines(report))


def test_what_is_no_tlcp_is_said() -> None:
    heard = Overheard()
    heard.wire("client", b"GET / HTTP/1.0\r\n\r\n")
    report = heard.report()
    assert "no TLCP" in "\n".join(lines(report))
    assert not report.findings
