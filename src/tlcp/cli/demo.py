"""``tlcp demo``: a server and a client, two processes, and every message between them explained.

Two connections: the whole mutual handshake with a session ticket, then one that resumes by it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

import tlcp
from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.cli.places import CAPTURE, RESULTS, Command, Kind, WritesFolder, overwrite_option
from tlcp.errors import ConfigError
from tlcp.explain.told import Field, Told
from tlcp.pki.ca import CertificateAuthority
from tlcp.suites import KeyKind, parse_suites
from tlcp.x509.certificate import load_pem_certificates

__all__ = ["demo"]

_HOSTS = ("localhost", "127.0.0.1")
_MESSAGE = b"Hello over TLCP!\n"
_OF_RSA = "RSA suites need RSA certificates, and `tlcp serve` and `tlcp connect`"
_CA_NAME = "TLCP demo root CA"
_LIMIT_S = 60.0  # a process that hangs is killed then

Facts = dict[str, Any]


def _is_demo_ca(data: bytes) -> bool:
    try:
        found = load_pem_certificates(data)
    except ConfigError:
        return False
    return len(found) == 1 and _CA_NAME in found[0].subject.rfc4514_string()


#: what ``--out`` leaves in its folder
_FILES: dict[str, Kind | None] = {
    "demo.pcapng": CAPTURE,
    **{f"demo.pcapng{end}": kind for end, kind in RESULTS.items()},
    "ca.crt": Kind(Text("CA of a demo", "演示用的 CA"), _is_demo_ca),
}


@click.command(
    cls=Command,
    short_help="Two processes authenticate each other; every message explained.",
    epilog=examples("tlcp demo", "tlcp demo --ciphers ECDHE_SM4_CBC_SM3", "tlcp demo --out demo"),
)
@click.option(
    "--ciphers",
    metavar="SUITE",
    default="ECC_SM4_GCM_SM3",
    show_default=True,
    help="Cipher suite; also ECC_SM4_CBC_SM3, ECDHE_SM4_GCM_SM3, ECDHE_SM4_CBC_SM3.",
)
@click.option("--json", "as_json", is_flag=True, help="Print messages and facts as JSON.")
@click.option(
    "--out",
    type=WritesFolder(_FILES),
    metavar="DIR",
    help="Leave there what the client recorded: demo.pcapng with the keys inside for Wireshark, "
    "the report as text, JSON and a page, and the CA.",
)
@overwrite_option
def demo(ciphers: str, as_json: bool, out: Path | None) -> int:
    """Run a server and a client, authenticate both, and explain every message.

    Makes a CA and two pairs of certificates in a temporary folder, starts a server process and
    a client process on the loopback interface, and lets them exchange a line of text. Then the
    client connects again and resumes the session by its ticket. Exit code 0 means that each side
    authenticated the other, that the text came back intact, and that the session was resumed.
    """
    chosen = parse_suites(ciphers)
    if rsa := [suite.name for suite in chosen if suite.key_kind is not KeyKind.SM2]:
        problem = f"{', '.join(rsa)}: the certificates of the demo are SM2; {_OF_RSA}"
        raise click.UsageError(problem)
    suites = ":".join(suite.name for suite in chosen)
    recording = None if out is None else _prepare(out)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tlcp-demo-") as folder:
        run = _run(Path(folder), suites, recording)
        if out is not None:
            shutil.copy(Path(folder) / "ca.crt", out / "ca.crt")
    run.total_ms = (time.perf_counter() - begin) * 1000
    if as_json:
        Printer(stderr=False).json(run.as_dict())
    else:
        _show(run)
    if recording is not None:
        _tell(recording, Printer(stderr=as_json))
    return ExitCode.OK if run.ok else ExitCode.FINDING


def _prepare(folder: Path) -> Path:
    """Make the folder of ``--out``; where the recording goes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot make the folder {folder}: {error.strerror}"
        raise Failure(ExitCode.USAGE, what) from error
    recording = folder / "demo.pcapng"
    for end in ("", *RESULTS):  # none of an earlier run shall be taken for one of this
        recording.with_name(recording.name + end).unlink(missing_ok=True)
    return recording


def _tell(recording: Path, printer: Printer) -> None:
    """Say what is in the folder of ``--out``; the one for a person's eyes comes last."""
    files = [recording, *(recording.with_name(recording.name + end) for end in RESULTS)]
    printer.say("", "What the client recorded, with its keys:", style="bold")
    for file in files:
        if file.exists():
            printer.say(f"  {file}")


@dataclass(slots=True)
class _Seen:
    """One connection as one side saw it: its messages, and its facts ({} if there are none)."""

    messages: list[Facts] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """What the two processes reported.

    Attributes:
        client, server: what they saw of the first connection.
        again: the same of the second one, client first.
        echo: what came back.
        talk: what each process printed on stderr.
        exit_codes: of client and server.
        pids: of client and server.
        total_ms: how long all of it took.
    """

    client: _Seen
    server: _Seen
    again: tuple[_Seen, _Seen]
    echo: bytes
    talk: tuple[str, str]
    exit_codes: tuple[int, int]
    pids: tuple[int, int]
    total_ms: float = 0.0

    def checks(self) -> Iterator[tuple[str, bool]]:
        """What must hold, in plain words."""
        ours, theirs = self.again
        same = self.client.messages == self.server.messages and ours.messages == theirs.messages
        by = {seen.facts.get("resumed_by") for seen in self.again}
        yield "the client verified the server", _verified(self.client.facts)
        yield "the server verified the client", _verified(self.server.facts)
        yield "the second connection resumed the session by its ticket", by == {"ticket"}
        yield "both sides saw the same messages", same
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
            "suite": self.client.facts.get("suite"),
            "client_sees": self.client.facts,
            "server_sees": self.server.facts,
            "messages": self.client.messages,
            "resumed": {
                "client_sees": self.again[0].facts,
                "server_sees": self.again[1].facts,
                "messages": self.again[0].messages,
            },
            "echo": self.echo.decode("utf-8", "backslashreplace"),
            "exit_codes": {"client": self.exit_codes[0], "server": self.exit_codes[1]},
            "total_ms": round(self.total_ms, 1),
        }


def _verified(facts: Facts) -> bool:
    peer = facts.get("peer")
    return bool(peer and peer["verified"] and peer["enc"] and facts["client_auth"] == "done")


def _run(folder: Path, suites: str, recording: Path | None = None) -> _Run:
    authority = CertificateAuthority.create(_CA_NAME, lifetime_days=1)
    authority.save(folder)
    authority.issue_pair("demo server", _HOSTS, lifetime_days=1).save(folder, "server")
    authority.issue_pair("demo client", lifetime_days=1).save(folder, "client")
    shared = ["--pki", str(folder), "--ciphers", suites, "--timeout", "10"]
    logs = {end: folder / f"{end}.jsonl" for end in ("client", "server")}
    arguments = ["serve", "127.0.0.1:0", "--connections", "2", "--tickets"]
    server = _start(folder, "server", [*arguments, "--trace-to", logs["server"], *shared])
    with server, _killed_at_last(server):
        address = _listening(server, folder)
        arguments = ["connect", address, "--server-name", "localhost", "--linger", "0"]
        arguments += ["--tickets", "--resume", "1"]
        if recording is not None:
            arguments += ["--capture", str(recording)]
        client = _start(folder, "client", [*arguments, "--trace-to", logs["client"], *shared])
        with client, _killed_at_last(client):
            echo = _exchange(client)
            client_code = client.wait()
        if client_code != ExitCode.OK:
            server.terminate()  # it still waits for somebody
        codes = (client_code, server.wait())
    ours, theirs = _read_log(logs["client"]), _read_log(logs["server"])
    return _Run(
        ours[0],
        theirs[0],
        (ours[1], theirs[1]),
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


def _read_log(path: Path) -> tuple[_Seen, _Seen]:
    """The first two connections of a trace file."""
    seen = _Seen(), _Seen()
    if not path.exists():
        return seen
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        event, connection = entry.pop("event"), entry.pop("connection")
        if connection > len(seen):
            continue
        if event == "message":
            seen[connection - 1].messages.append(entry)
        elif event == "completed":
            seen[connection - 1].facts = entry
    return seen


# ---- what a person sees ----------------------------------------------------------------------


def _show(run: _Run) -> None:
    out = Printer(stderr=False)
    client_pid, server_pid = run.pids
    out.say("TLCP demo: two processes, both sides authenticated, one session resumed", style="bold")
    out.say("")
    out.pairs(
        [
            ("CA", "made for this run; issued a signing and an encryption certificate to each"),
            ("server", f"process {server_pid}, at {run.client.facts.get('address', '?')}"),
            ("client", f"process {client_pid}, expects the server to be localhost"),
            ("C->S, S->C", "client to server, server to client"),
            ("(6.4.5)", "a section of GB/T 38636-2020"),
        ]
    )
    for title, seen in (
        ("First connection: the whole handshake, with a session ticket", run.client),
        ("Second connection: the ticket brings the session back", run.again[0]),
    ):
        out.say("", title, style="bold")
        for entry in seen.messages:
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
    client, server, again = run.client.facts, run.server.facts, run.again[0]
    suite = client.get("suite")
    if suite:
        yield "suite", f"{suite['name']} ({suite['id']}; {suite['openssl']} in OpenSSL style)"
    for end, facts, verifier in (
        ("server", client, "client"),
        ("client", server, "server"),
    ):
        if not (peer := facts.get("peer")):
            continue
        yield end, peer["subject"]
        yield "  signing", _pair_line(peer["sign"])
        yield "  encryption", _pair_line(peer["enc"]) if peer["enc"] else "none"
        yield "  verified", f"by the {verifier}, up to {peer['verified_by']}"
    yield (
        "messages",
        f"{len(run.client.messages)}; without certificates and key exchange {len(again.messages)}",
    )
    yield "data", f"{len(_MESSAGE)} bytes to the server, {len(run.echo)} back"
    if client:
        short = again.facts.get("handshake_ms", 0.0)
        yield (
            "time",
            f"connecting and handshake {client['handshake_ms']:.0f} ms, resumed {short:.0f} ms; "
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
