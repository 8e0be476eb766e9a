"""``tlcp demo``: a server and a client, two processes, and every message between them explained."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import tlcp
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.explain.told import Field, Told
from tlcp.pki.ca import CertificateAuthority
from tlcp.suites import parse_suites

__all__ = ["demo"]

_HOSTS = ("localhost", "127.0.0.1")
_MESSAGE = b"Hello over TLCP!\n"
_LIMIT_S = 60.0  # a process that hangs is killed then

Facts = dict[str, Any]


@click.command(
    short_help="Two processes authenticate each other; every message explained.",
    epilog=examples("tlcp demo", "tlcp demo --ciphers ECDHE_SM4_CBC_SM3"),
)
@click.option(
    "--ciphers",
    metavar="SUITE",
    default="ECC_SM4_GCM_SM3",
    show_default=True,
    help="Cipher suite; also ECC_SM4_CBC_SM3, ECDHE_SM4_GCM_SM3, ECDHE_SM4_CBC_SM3.",
)
@click.option("--json", "as_json", is_flag=True, help="Print messages and facts as JSON.")
def demo(ciphers: str, as_json: bool) -> int:
    """Run a server and a client, authenticate both, and explain every message.

    Makes a CA and two pairs of certificates in a temporary folder, starts a server process and
    a client process on the loopback interface, and lets them exchange a line of text. Exit code
    0 means that each side authenticated the other and that the text came back intact.
    """
    suites = ":".join(suite.name for suite in parse_suites(ciphers))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tlcp-demo-") as folder:
        run = _run(Path(folder), suites)
    run.total_ms = (time.perf_counter() - begin) * 1000
    if as_json:
        Printer(stderr=False).json(run.as_dict())
    else:
        _show(run)
    return ExitCode.OK if run.ok else ExitCode.FINDING


@dataclass(slots=True)
class _Run:
    """What the two processes reported.

    Attributes:
        client, server: their facts of the connection, {} if there are none.
        messages: as the client saw them.
        server_messages: as the server saw them.
        echo: what came back.
        talk: what each process printed on stderr.
        exit_codes: of client and server.
        pids: of client and server.
        total_ms: how long all of it took.
    """

    client: Facts
    server: Facts
    messages: list[Facts]
    server_messages: list[Facts]
    echo: bytes
    talk: tuple[str, str]
    exit_codes: tuple[int, int]
    pids: tuple[int, int]
    total_ms: float = 0.0

    def checks(self) -> Iterator[tuple[str, bool]]:
        """What must hold, in plain words."""
        yield "the client verified the server", _verified(self.client)
        yield "the server verified the client", _verified(self.server)
        yield "both sides saw the same messages", self.messages == self.server_messages
        yield "the text came back intact", self.echo == _MESSAGE
        yield "both processes ended well", self.exit_codes == (0, 0)

    @property
    def ok(self) -> bool:
        """Whether all of it holds."""
        return all(held for _, held in self.checks())

    def as_dict(self) -> dict[str, object]:
        """All of it for JSON."""
        return {
            "ok": self.ok,
            "checks": dict(self.checks()),
            "suite": self.client.get("suite"),
            "client_sees": self.client,
            "server_sees": self.server,
            "messages": self.messages,
            "echo": self.echo.decode("utf-8", "backslashreplace"),
            "exit_codes": {"client": self.exit_codes[0], "server": self.exit_codes[1]},
            "total_ms": round(self.total_ms, 1),
        }


def _verified(facts: Facts) -> bool:
    peer = facts.get("peer")
    return bool(peer and peer["verified"] and peer["enc"] and facts["client_auth"] == "done")


def _run(folder: Path, suites: str) -> _Run:
    authority = CertificateAuthority.create("TLCP demo root CA", lifetime_days=1)
    authority.save(folder)
    authority.issue_pair("demo server", _HOSTS, lifetime_days=1).save(folder, "server")
    authority.issue_pair("demo client", lifetime_days=1).save(folder, "client")
    shared = ["--pki", str(folder), "--ciphers", suites, "--timeout", "10"]
    logs = {end: folder / f"{end}.jsonl" for end in ("client", "server")}
    server = _start(
        folder, "server", ["serve", "127.0.0.1:0", "--once", "--trace-to", logs["server"], *shared]
    )
    with server, _killed_at_last(server):
        address = _listening(server, folder)
        arguments = ["connect", address, "--server-name", "localhost", "--linger", "0"]
        client = _start(folder, "client", [*arguments, "--trace-to", logs["client"], *shared])
        with client, _killed_at_last(client):
            echo = _exchange(client)
            client_code = client.wait()
        if client_code not in (ExitCode.OK, ExitCode.FINDING):
            server.terminate()  # it still waits for somebody
        codes = (client_code, server.wait())
    client_messages, client_facts = _read_log(logs["client"])
    server_messages, server_facts = _read_log(logs["server"])
    return _Run(
        client_facts,
        server_facts,
        client_messages,
        server_messages,
        echo,
        (_talk(folder, "client"), _talk(folder, "server")),
        codes,
        (client.pid, server.pid),
    )


def _start(folder: Path, name: str, arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start ``tlcp`` with this very package; its talk goes to a file, so no pipe can fill up."""
    above = str(Path(tlcp.__file__).parents[1])
    paths = [path for path in (os.environ.get("PYTHONPATH"), above) if path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"}
    environment.pop("SSLKEYLOGFILE", None)  # not asked for here
    command = [sys.executable, "-P", "-m", "tlcp", *map(str, arguments), "--name", name]
    with open(folder / f"{name}.talk", "wb") as talk:
        return subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=talk,
            env=environment,
        )


@contextlib.contextmanager
def _killed_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a process that outlives the limit, or the block."""
    timer = threading.Timer(_LIMIT_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()


def _listening(server: subprocess.Popen[bytes], folder: Path) -> str:
    line = server.stdout.readline().decode() if server.stdout is not None else ""
    if not line.startswith("listening on "):
        server.kill()
        raise Failure(ExitCode.FINDING, f"the server did not start: {_talk(folder, 'server')}")
    return line.removeprefix("listening on ").strip()


def _exchange(client: subprocess.Popen[bytes]) -> bytes:
    """Send the text, wait for its echo, and only then end the client's input.

    In this order the two sides see the messages in one order, and can be compared.
    """
    if client.stdin is None or client.stdout is None:
        return b""
    try:
        client.stdin.write(_MESSAGE)
        client.stdin.flush()
        echo = client.stdout.read(len(_MESSAGE))
        client.stdin.close()
    except BrokenPipeError:
        return b""
    return echo + client.stdout.read()


def _talk(folder: Path, name: str) -> str:
    return (folder / f"{name}.talk").read_text(encoding="utf-8", errors="replace").strip()


def _read_log(path: Path) -> tuple[list[Facts], Facts]:
    """The messages of a trace file, and its outcome."""
    messages, outcome = list[Facts](), Facts()
    if not path.exists():
        return messages, outcome
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        event = entry.pop("event")
        if event == "message":
            messages.append(entry)
        elif event == "completed":
            outcome = entry
    return messages, outcome


# ---- what a person sees ----------------------------------------------------------------------


def _show(run: _Run) -> None:
    out = Printer(stderr=False)
    client_pid, server_pid = run.pids
    out.say("TLCP demo: two processes, one connection, both sides authenticated", style="bold")
    out.say("")
    out.pairs(
        [
            ("CA", "made for this run; issued a signing and an encryption certificate to each"),
            ("server", f"process {server_pid}, at {run.client.get('address', '?')}"),
            ("client", f"process {client_pid}, expects the server to be localhost"),
            ("C->S, S->C", "client to server, server to client"),
            ("(6.4.5)", "a section of GB/T 38636-2020"),
        ]
    )
    out.say("", "Messages", style="bold")
    for entry in run.messages:
        out.say("")
        out.tell(_told(entry))
    out.say("", "Summary", style="bold")
    out.say("")
    out.pairs(_summary(run))
    out.say("")
    for check, held in run.checks():
        out.say(f"  {'ok  ' if held else 'FAIL'}  {check}", style="green" if held else "bold red")
    if not run.ok:
        for end, talk in zip(("client", "server"), run.talk, strict=True):
            Printer().say(f"the {end} said:", *talk.splitlines())


def _summary(run: _Run) -> Iterator[tuple[str, str]]:
    suite = run.client.get("suite")
    if suite:
        yield "suite", f"{suite['name']} ({suite['id']}; {suite['openssl']} in OpenSSL style)"
    for end, facts, verifier in (
        ("server", run.client, "client"),
        ("client", run.server, "server"),
    ):
        if not (peer := facts.get("peer")):
            continue
        yield end, peer["subject"]
        yield "  signing", _pair_line(peer["sign"])
        yield "  encryption", _pair_line(peer["enc"]) if peer["enc"] else "none"
        yield "  verified", f"by the {verifier}, up to {peer['verified_by']}"
    yield "messages", str(len(run.messages))
    yield "data", f"{len(_MESSAGE)} bytes to the server, {len(run.echo)} back"
    if run.client:
        yield (
            "time",
            f"connecting and handshake {run.client['handshake_ms']:.0f} ms; "
            f"with making keys, certificates and processes {run.total_ms:.0f} ms",
        )


def _pair_line(certificate: Facts) -> str:
    until = certificate["not_after"][:16].replace("T", " ")
    return f"serial {certificate['serial_hex']}, until {until} UTC"


def _told(entry: Facts) -> Told:
    return Told(
        number=entry["number"],
        direction=entry["direction"],
        name=entry["name"],
        length_bytes=entry["length_bytes"],
        protected=entry["protected"],
        fields=tuple(Field(**field) for field in entry["fields"]),
    )
