"""What is proven of captured connections, and what a change on the way breaks."""

from __future__ import annotations

import datetime
import functools
import time
from typing import Any

import pytest

from support.captured import CAPTURES, captures, connections, examine_all, secrets_of
from support.ends import HOST, client, server, world
from support.overheard import Overheard, converse, overhear
from support.rsa_pki import RsaCA, RsaParty
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.inspect.report import ConnectionReport, examine
from tlcp.inspect.verify import Result
from tlcp.suites import DEFAULT_SUITES, RSA_SUITES, CipherSuite
from tlcp.x509.trust import TrustStore

FULL = {
    "server-pair",
    "server-chain",
    "client-pair",
    "client-chain",
    "server-signature",
    "client-signature",
    "client-finished",
    "server-finished",
    "client-records",
    "server-records",
}
RESUMED = {"client-finished", "server-finished", "client-records", "server-records"}


def results(report: ConnectionReport) -> dict[str, str]:
    return {check.rule: check.result.value for check in report.checks}


def failing(report: ConnectionReport) -> set[str]:
    return {check.rule for check in report.checks if check.result is Result.FAILS}


@pytest.mark.parametrize("name", captures())
def test_everything_holds_in_the_captures(name: str) -> None:
    for report in examine_all(name):
        found = results(report)
        assert set(found) == (RESUMED if report.view.resumed else FULL)
        if name == "gmssl-ecdhe-cbc":  # has no key log
            assert {rule for rule, what in found.items() if what == "unknown"} == RESUMED
        else:
            assert set(found.values()) == {"holds"}


@pytest.mark.parametrize("name", captures())
def test_only_gmssl_signs_the_raw_transcript(name: str) -> None:
    report = examine_all(name)[0]
    raw = any(check.raw_transcript for check in report.checks)
    assert raw == name.startswith("gmssl")
    assert raw == ("raw-certificate-verify" in [f.rule for f in report.findings])


@pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda suite: suite.name)
def test_our_own_connections_hold(suite: CipherSuite) -> None:
    lines: list[str] = []
    ends = client(suites=(suite,), keylog=lines.append), server(suites=(suite,))
    heard = converse(*ends)
    heard.secrets.add_key_log("\n".join(lines))
    report = heard.report(host=HOST)
    assert set(results(report)) == FULL
    assert set(results(report).values()) == {"holds"}
    data = report.dissection.data("client"), report.dissection.data("server")
    assert data == (b"question", b"answer")


def changed_at(part: str, heard: Overheard) -> ConnectionReport:
    """The report after the last byte of one message in clear was changed."""
    before = heard.report()
    message = next(m for m in before.dissection.messages if m.name == part)
    for place, piece in enumerate(heard.pieces):
        at = piece.data.find(message.data)
        if at >= 0:
            data = bytearray(piece.data)
            data[at + len(message.data) - 1] ^= 1
            heard.pieces[place] = piece._replace(data=bytes(data))
            return heard.report()
    raise AssertionError(part)


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("ServerKeyExchange", {"server-signature", "client-signature"}),
        ("CertificateVerify", {"client-signature"}),
        ("CertificateRequest", {"client-signature"}),
    ],
)
def test_a_change_on_the_way_breaks_the_signatures_and_finished(
    part: str, broken: set[str]
) -> None:
    lines: list[str] = []
    heard = converse(client(keylog=lines.append), server())
    heard.secrets.add_key_log("\n".join(lines))
    report = changed_at(part, heard)
    assert failing(report) == broken | {"client-finished", "server-finished"}
    texts = [f.rule for f in report.findings if f.severity == "error"]
    assert set(texts) == failing(report)


def test_strangers_and_wrong_hosts_fail_the_chain_alone() -> None:
    heard = converse(client(), server())
    stranger = TrustStore([world().stranger.certificate])
    assert failing(heard.report(trust=stranger)) == {"server-chain", "client-chain"}
    assert failing(heard.report(host="elsewhere.example")) == {"server-chain"}


def test_without_a_ca_the_chain_is_unknown() -> None:
    heard = converse(client(), server())
    report = examine(heard.pieces)
    assert results(report)["server-chain"] == "unknown"
    assert results(report)["server-pair"] == "holds"


def test_certificates_must_be_valid_when_they_were_sent() -> None:
    pieces = [p._replace(time_s=0.0) for p in next(connections("tongsuo-ecc-gcm"))]
    trust = TrustStore.from_pem_file(CAPTURES / "pki" / "ca.crt")
    report = examine(pieces, secrets_of("tongsuo-ecc-gcm"), trust=trust)
    assert failing(report) == {"server-chain", "client-chain"}
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC)
    assert moment.year == 1970


def test_a_missing_message_makes_the_transcript_unknown_and_not_wrong() -> None:
    pieces = next(connections("tongsuo-ecc-gcm"))
    place = next(i for i, p in enumerate(pieces) if p.sender == 1 and p.data[5] == 13)
    lost = len(pieces[place].data)
    pieces[place : place + 2] = [pieces[place + 1]._replace(lost=lost)]
    report = examine(pieces, secrets_of("tongsuo-ecc-gcm"))
    found = results(report)
    assert found["server-signature"] == "holds"
    for rule in ("client-signature", "client-finished", "server-finished"):
        assert found[rule] == "unknown"
    assert "gap" in [f.rule for f in report.findings]


def test_a_changed_finished_ends_in_a_failed_record() -> None:
    def tamper(sender: str, data: bytes) -> bytes:
        if sender == "client" and b"\x14\x01\x01\x00\x01\x01" in data:
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    lines: list[str] = []
    heard = overhear(client(keylog=lines.append), server(), tamper)
    heard.secrets.add_key_log("\n".join(lines))
    report = heard.report()
    assert failing(report) == {"client-records"}
    assert "alert" in [f.rule for f in report.findings if f.severity == "error"]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@functools.cache
def rsa_pki() -> tuple[RsaCA, RsaParty, RsaParty]:
    ca = RsaCA.create()
    return ca, ca.issue_party(HOST), ca.issue_party("client")


@pytest.mark.parametrize("by_key", [False, True], ids=["key-log", "server-key"])
@pytest.mark.parametrize("suite", RSA_SUITES, ids=lambda suite: suite.name)
def test_rsa_suites(suite: CipherSuite, by_key: bool) -> None:
    ca, serving, asking = rsa_pki()
    lines: list[str] = []
    common: dict[str, Any] = {"suites": (suite,), "trust": ca.trust, "now": _now}
    ends = (
        client(name="localhost", identity=asking.identity, keylog=lines.append, **common),
        server(identity=serving.identity, **common),
    )
    heard = converse(*ends)
    if by_key:
        key = serving.identity.enc_key
        assert isinstance(key, RSAPrivateKey)
        heard.secrets.add_key(key)
    else:
        heard.secrets.add_key_log("\n".join(lines))
    heard.pieces = [p._replace(time_s=time.time()) for p in heard.pieces]
    report = heard.report(trust=ca.trust, host="localhost")
    assert set(results(report).values()) == {"holds"}
    assert set(results(report)) == FULL
    assert report.dissection.data("server") == b"answer"
