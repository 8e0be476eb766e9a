"""Pages as ``tlcp inspect --html`` writes them, each with the JSON of the same connections."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from click.testing import CliRunner

from support.captured import CAPTURES, SERVER_ENC_KEY
from support.ends import HOST, NOW, client, run, server, world
from support.overheard import Overheard, overhear
from tlcp.cli.app import program
from tlcp.crypto.keyfile import dump_private_key
from tlcp.inspect.page import Page

EVIL = "</script><img src=x onerror=hit()>"
_EVIL_NAME = b"</script><img>"  # as long as HOST, so that it fits into its place
_HTTP = f"GET /{EVIL.replace(' ', '/')} HTTP/1.1\r\nHost: {EVIL}\r\n\r\n"
_ANSWER = f"HTTP/1.1 200 {EVIL}\r\nContent-Length: {len(EVIL) + 8}\r\n\r\n<!-- -->{EVIL}"

_made = Path(mkdtemp(prefix="tlcp-page-"))


class Built(NamedTuple):
    """A page and what it was made from."""

    path: Path
    reports: list[dict[str, Any]]
    stderr: str


@cache
def built(name: str, *options: str, key: str = "log") -> Built:
    """The page of a capture.

    Args:
        name: of the capture.
        options: more of the command line.
        key: "log", "server" (its encryption key) or "" for none.
    """
    path = _made / f"{'-'.join([name, *options, key])}.html"
    words = [str(CAPTURES / f"{name}.pcap"), "--ca", str(CAPTURES / "pki" / "ca.crt")]
    if key == "log":
        words += ["--keylog", str(CAPTURES / f"{name}.keys")]
    elif key == "server":
        file = _made / "server.key"
        file.write_bytes(dump_private_key(SERVER_ENC_KEY))
        words += ["--key", str(file)]
    words += ["--json", "--dangerous-secrets", "--html", str(path), *options]
    result = CliRunner().invoke(program, ["inspect", *words], env={"LC_ALL": "C.UTF-8"})
    assert result.exit_code == 0, result.output
    return Built(path, json.loads(result.stdout), result.stderr)


@cache
def hostile() -> Built:
    """Connections in which everything that a peer may choose is an attack on the page."""
    page, reports = Page(f"{EVIL}.pcap"), []
    for number, heard in enumerate((_attack(), _attack_by_name()), 1):
        report = heard.report(name=str(number))
        report.addresses["client"] = EVIL
        page.add(report)
        reports.append(report.as_dict())
    path = _made / "hostile.html"
    path.write_text(page.render())
    return Built(path, reports, "")


@cache
def long_and_cut() -> Built:
    """A connection with many records of data, in which a piece is missing."""
    log: list[str] = []
    one, other = client(keylog=log.append), server()
    heard = overhear(one, other)
    for number in range(40):
        one.send_data(f"line {number}\n".encode())
        run(one, other, heard.wire)
    heard.secrets.add_key_log("\n".join(log))
    lost = heard.pieces.pop(-20)
    following = heard.pieces[-19]
    heard.pieces[-19] = following._replace(lost=len(lost.data))
    page, report = Page("long.pcap"), heard.report()
    page.add(report)
    path = _made / "long.html"
    path.write_text(page.render())
    return Built(path, [report.as_dict()], "")


def _attack() -> Overheard:
    identity = world().ca.issue_pair(EVIL, [HOST], now=NOW).identity
    log: list[str] = []
    one, other = client(keylog=log.append), server(identity=identity)
    heard = overhear(one, other)
    one.send_data(_HTTP.encode())
    run(one, other, heard.wire)
    other.send_data(_ANSWER.encode())
    run(other, one, heard.wire)
    heard.secrets.add_key_log("\n".join(log))
    return heard


def _attack_by_name() -> Overheard:
    def tamper(sender: str, data: bytes) -> bytes:
        return data.replace(HOST.encode(), _EVIL_NAME) if sender == "client" else data

    return overhear(client(), server(), tamper)


def data_of(page: str) -> dict[str, Any]:
    """The JSON inside a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data
