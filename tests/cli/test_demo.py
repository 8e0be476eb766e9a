"""``tlcp demo`` in every suite."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from cli.tools import run

ORDER = [
    ("C->S", "ClientHello"),
    ("S->C", "ServerHello"),
    ("S->C", "Certificate"),
    ("S->C", "ServerKeyExchange"),
    ("S->C", "CertificateRequest"),
    ("S->C", "ServerHelloDone"),
    ("C->S", "Certificate"),
    ("C->S", "ClientKeyExchange"),
    ("C->S", "CertificateVerify"),
    ("C->S", "ChangeCipherSpec"),
    ("C->S", "Finished"),
    ("S->C", "NewSessionTicket"),
    ("S->C", "ChangeCipherSpec"),
    ("S->C", "Finished"),
    ("C->S", "ApplicationData"),  # the fifteenth step
    ("S->C", "ApplicationData"),
    ("C->S", "Alert"),
    ("S->C", "Alert"),
]
RESUMED = [
    ("C->S", "ClientHello"),
    ("S->C", "ServerHello"),
    ("S->C", "ChangeCipherSpec"),
    ("S->C", "Finished"),
    ("C->S", "ChangeCipherSpec"),
    ("C->S", "Finished"),
    ("C->S", "Alert"),
    ("S->C", "Alert"),
]


@pytest.mark.parametrize(
    "suite", ["ECC_SM4_GCM_SM3", "ECC_SM4_CBC_SM3", "ECDHE_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3"]
)
def test_the_demo_as_text(suite: str, tmp_path: Path) -> None:
    done = run("demo", "--ciphers", suite, TMPDIR=str(tmp_path))
    talk = done.stdout.decode()
    assert done.returncode == 0, talk + done.stderr.decode()
    assert done.stderr == b""
    assert "\x1b" not in talk  # no colours in a pipe
    heads = [line.split()[:3] for line in talk.splitlines() if line[:4].strip().isdigit()]
    assert [(direction, name) for _, direction, name in heads] == ORDER + RESUMED
    numbers = [*range(1, len(ORDER) + 1), *range(1, len(RESUMED) + 1)]
    assert [int(number) for number, _, _ in heads] == numbers
    first, _, second = talk.partition("Second connection")
    assert "asks for a session ticket" in first
    assert "the client keeps it unread and brings it back" in first
    assert "the ticket of an earlier connection" in second
    assert "that session goes on, without certificates" in second
    assert suite in talk.partition("Summary")[2]
    assert talk.count("  ok    ") == 6
    assert "FAIL" not in talk
    assert list(tmp_path.iterdir()) == []  # the temporary folder is gone


def test_the_demo_as_json() -> None:
    facts = json.loads(run("demo", "--json").stdout)
    assert facts["ok"] is True
    assert all(facts["checks"].values())
    assert [(one["direction"], one["name"]) for one in facts["messages"]] == ORDER
    assert facts["client_sees"]["peer"]["subject"].startswith("CN=demo server")
    assert facts["server_sees"]["peer"]["subject"].startswith("CN=demo client")
    again = facts["resumed"]
    assert [(one["direction"], one["name"]) for one in again["messages"]] == RESUMED
    assert again["client_sees"]["resumed_by"] == again["server_sees"]["resumed_by"] == "ticket"
    assert again["server_sees"]["peer"] == facts["server_sees"]["peer"]
    assert facts["echo"] == "Hello over TLCP!\n"


def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    assert b"\x1b[" in run("demo", FORCE_COLOR="1").stdout
    assert b"\x1b[3" not in run("demo", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_folder_that_cannot_be_made_is_no_traceback(tmp_path: Path) -> None:
    assert tempfile.gettempdir()
    done = run("demo", TMPDIR=str(tmp_path / "not there"))
    assert done.returncode == 0  # Python falls back to another folder


def test_the_demo_has_no_rsa_certificates() -> None:
    done = run("demo", "--ciphers", "ECC_SM4_GCM_SM3:RSA_SM4_GCM_SM3")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "RSA_SM4_GCM_SM3: the certificates of the demo are SM2" in done.stderr.decode()
