"""``--dialect``: one that is asked for, and one that is found; what is told of the peer's stack."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.tools import LIMIT_S, answering, run, serving
from peers.pki import PKI
from tlcp.config import Config
from tlcp.context import PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.dialects import DIALECTS
from tlcp.quirks import Quirk

NOW = ("--linger", "0")
UNEXPECTED_MESSAGE = b"\x15\x01\x01\x00\x02\x02\x0a"


@contextlib.contextmanager
def refusing_once(pki: PKI) -> Iterator[str]:
    """A server that answers the first hello with alert 10, as GmSSL 3.1 does; gives HOST:PORT."""
    context = TLCPContext(
        PROTOCOL_TLCP_SERVER,
        Config(identity=pki.server.identity, trust=pki.trust),
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                with sock:
                    sock.recv(1 << 16)
                    sock.sendall(UNEXPECTED_MESSAGE)
                sock, _ = listener.accept()
                sock.settimeout(LIMIT_S)
                with context.wrap_socket(sock, server_side=True) as stream:
                    while data := stream.recv(1 << 16):
                        stream.sendall(data)

        thread = threading.Thread(target=work)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT_S)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_can_be_asked_for_at_both_ends(name: str, folder: Path) -> None:
    words = ("--pki", folder, "--name", "server", "--dialect", name, "--connections", "1")
    with serving(*words) as server:
        words_of_client = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        done = run(*words_of_client, "--dialect", name, data=b"x")
        assert (done.returncode, done.stdout) == (0, b"x"), done.stderr.decode()
        assert f"dialect       {name} (" in done.stderr.decode()
        assert server.wait() == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_lists_every_dialect(language: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / language / "dialects.md"
    rows = re.findall(r"^\| `([\w.-]+)` \|", page.read_text("utf-8"), re.MULTILINE)
    assert rows == list(DIALECTS)


@pytest.mark.parametrize("verb", ["connect", "serve"])
def test_an_unknown_dialect_lists_the_known_ones(verb: str, folder: Path) -> None:
    done = run(verb, "localhost:4433", "--pki", folder, "--dialect", "no-such-stack")
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "no-such-stack" in said
    assert all(f"'{name}'" in said for name in DIALECTS)


def test_auto_finds_a_dialect_and_says_why(pki: PKI, folder: Path) -> None:
    with refusing_once(pki) as address:
        words = ("connect", address, "--server-name", "localhost", "--pki", folder)
        done = run(*words, "--name", "client", *NOW, data=b"x")
    assert (done.returncode, done.stdout) == (0, b"x"), done.stderr.decode()
    first, *_ = done.stderr.decode().splitlines()
    assert first.startswith("dialect auto: ")
    assert "unexpected_message(10)" in first
    assert first.endswith(f"; trying gmssl-3.1 ({DIALECTS['gmssl-3.1'].peers})")
    assert f"gmssl-3.1 ({DIALECTS['gmssl-3.1'].peers}; found by trying)" in done.stderr.decode()


def test_json_has_the_dialects_that_failed(pki: PKI, folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with refusing_once(pki) as address:
        words = ("connect", address, "--server-name", "localhost", "--pki", folder, "--json")
        done = run(*words, "--name", "client", "--trace-to", trace, *NOW, data=b"x")
    assert done.stderr == b""
    facts = json.loads(done.stdout)
    assert facts["dialect"] == "gmssl-3.1"
    (failed,) = facts["dialects_failed"]
    assert failed["dialect"] == "auto"
    assert "unexpected_message(10)" in failed["what"]
    messages = [json.loads(line) for line in trace.read_text().splitlines()]
    hellos = [one for one in messages if one.get("name") == "ClientHello"]
    assert [(one["connection"], one["number"]) for one in hellos] == [(1, 1), (2, 1)]


def test_a_dialect_that_was_asked_for_is_the_only_one(pki: PKI, folder: Path) -> None:
    with refusing_once(pki) as address:
        words = ("connect", address, "--server-name", "localhost", "--pki", folder)
        done = run(*words, "--name", "client", "--dialect", "tassl", data=b"x")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.startswith("tlcp: the peer sent the alert unexpected_message(10)")
    assert "gmssl-3.1" in said  # what to try next


def test_the_first_failure_counts_if_no_dialect_helps(folder: Path) -> None:
    with answering(b"\x15\x01\x01\x00\x02\x02\x28") as address:
        words = ("connect", address, "--server-name", "localhost", "--pki", folder, "--json")
        done = run(*words, "--name", "client")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert "handshake_failure(40)" in error["what"]
    _, _, tried = error["hint"].partition("; tried in vain: ")
    assert tried == "gmssl-3.3 and gmssl-3.1 (the same)"
    assert "try the dialect" not in error["hint"]
    assert "RSA suites" in error["hint"]


def test_a_cause_is_told_once(folder: Path) -> None:
    with answering(b"\x15\x01\x01\x00\x02\x02\x28") as address:
        words = ("connect", address, "--server-name", "localhost", "--pki", folder)
        said = run(*words, "--name", "client").stderr.decode().splitlines()
    starts = [line.partition(";")[0] for line in said[:3]]
    cause = said[2].removeprefix("tlcp: ")
    assert starts == [f"dialect auto: {cause}", "dialect gmssl-3.3: the same", said[2]]
    assert "try the dialect" not in "".join(said[2:])
    assert "\n".join(said[2:]).count(cause) == 1


def test_a_server_that_vanishes_after_the_first_try(folder: Path) -> None:
    """What it said at first is worth more than the refused connection after that."""
    with serving("--pki", folder, "--name", "server", "--ciphers", "E053", "--once") as server:
        words = ("connect", server.address, "--server-name", "localhost", "--pki", folder)
        done = run(*words, "--name", "client", "--ciphers", "E013", "--timeout", "5")
    assert done.returncode == 1
    assert "handshake_failure(40)" in done.stderr.decode()


def test_quirks_of_the_server_are_told(folder: Path) -> None:
    words = ("--pki", folder, "--name", "server", "--dialect", "openhitls")
    with serving(*words) as server:
        words_of_client = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        said = run(*words_of_client, data=b"x").stderr.decode()
        facts = json.loads(run(*words_of_client, "--json", data=b"x").stdout)
    assert "looks like    openHiTLS\n" in said
    assert Quirk.TYPES_REPEATED.en in said
    assert Quirk.NO_CA_NAMES.en in said
    assert facts["looks_like"] == ["openHiTLS"]
    seen = {one["name"]: one for one in facts["quirks"]}
    assert set(seen) == {"TYPES_REPEATED", "NO_CA_NAMES"}
    assert seen["NO_CA_NAMES"]["zh"] == Quirk.NO_CA_NAMES.zh


def test_quirks_of_a_client_are_told_to_who_asks(folder: Path) -> None:
    words = ("--pki", folder, "--name", "server", "--verbose")
    with serving(*words) as server:
        words_of_client = ("connect", server.address, "--pki", folder, "--name", "client", *NOW)
        run(*words_of_client, "--dialect", "gmssl-3.3", data=b"x")
        assert "CN=a client" in server.line()
        line = server.line()
    assert "looks like GmSSL 3.2 or later; quirks: " in line
    assert Quirk.RAW_SIGNATURE.en in line
    assert Quirk.SINGLE_CERTIFICATE.en in line


def test_a_ticket_that_cannot_be_asked_for_is_said(folder: Path) -> None:
    with serving("--pki", folder, "--name", "server", "--tickets") as server:
        words = ("connect", server.address, "--pki", folder, "--name", "client", "--tickets")
        said = run(*words, "--dialect", "gmssl-3.1", *NOW, data=b"x").stderr.decode()
        assert "WARNING: no ticket is asked for: the dialect gmssl-3.1" in said
        said = run(*words, "--no-extensions", *NOW, data=b"x").stderr.decode()
        assert "WARNING: no ticket is asked for: --no-extensions" in said
