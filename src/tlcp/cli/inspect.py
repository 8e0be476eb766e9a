"""``tlcp inspect``: what happened in the TLCP connections of a capture."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.inspect.captures import Capture, CaptureError, open_capture
from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.model import SENDERS, Ending
from tlcp.inspect.packets import Decoder, TCPPacket
from tlcp.inspect.report import ConnectionReport, Examiner, schema
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.streams import Assembler
from tlcp.inspect.text import lines
from tlcp.inspect.verify import Result
from tlcp.x509.trust import TrustStore

__all__ = ["inspect"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_STDIN = "-"
_ENDINGS: dict[str, Ending] = {"closed": "fin", "reset": "reset"}
_QUIET_S = 0.5  # a file that is read sooner shows no progress
_REDRAW_S = 0.1
_MIB = 1 << 20
_MOST_TOLD = 20  # problems of one kind


def _language() -> Lang:
    """The language of the locale, as far as we have it."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, names), "").lower().startswith("zh") else "en"


def _document_schema() -> dict[str, Any]:
    """The schema of all that ``--json`` prints: an array of the engine's connections."""
    connection = schema()
    dialect, definitions = connection.pop("$schema"), connection.pop("$defs")
    return {
        "$schema": dialect,
        "title": "What tlcp inspect --json prints: the TLCP connections of a capture",
        "type": "array",
        "items": {"$ref": "#/$defs/connection"},
        "$defs": {**definitions, "connection": connection},
    }


def _print_schema(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(json.dumps(_document_schema(), indent=1))
        context.exit()


@click.command(
    short_help="Decrypt, verify and explain the connections of a capture.",
    epilog=examples(
        "tlcp inspect capture.pcap --keylog keys.log --ca ca.crt",
        "tlcp inspect capture.pcapng.gz --key server.enc.key --lang zh",
        "tcpdump -i lo -w - port 4433 | tlcp inspect - --json",
    ),
)
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
)
@click.option(
    "--keylog",
    type=_FILE,
    metavar="FILE",
    help="Key log with CLIENT_RANDOM lines. One inside a pcapng file is used without asking.",
)
@click.option(
    "--key",
    type=_FILE,
    metavar="FILE",
    help="The server's encryption private key. It decrypts the ECC and RSA suites; the ECDHE "
    "suites need a key log.",
)
@click.option(
    "--key-password-file",
    type=_FILE,
    metavar="FILE",
    help="The first line of FILE is the password of the key, if it is encrypted.",
)
@click.option(
    "--ca",
    type=_FILE,
    metavar="FILE",
    help="PEM file with the CAs; without it no chain is checked.",
)
@click.option("--host", metavar="NAME", help="The name that the server must have; needs --ca.")
@click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    help="English or Chinese; if not given, as the locale says.",
)
@click.option("--details", is_flag=True, help="Every field of every message; JSON has them always.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of connections.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON schema of what --json prints, and exit.",
)
@click.option(
    "--dangerous-secrets",
    is_flag=True,
    help="Print the keys of each connection, too: whoever has them can read it.",
)
def inspect(
    file: Path,
    keylog: Path | None,
    key: Path | None,
    key_password_file: Path | None,
    ca: Path | None,
    host: str | None,
    lang: Lang | None,
    details: bool,
    as_json: bool,
    dangerous_secrets: bool,
) -> int:
    """Show the TLCP connections of a capture: decrypted, verified and explained.

    FILE is pcap or pcapng, or either in gzip; - is standard input.  TLCP is recognised on any
    port.  A connection's number is its place among all TCP connections of the capture.
    Decrypted application data is shown, too, HTTP as HTTP.  What is passed over, and what of the
    capture could not be read, is told on stderr.

    Exit codes: 0 nothing wrong was found, 1 a verification failed or a finding is an error, 2 wrong
    usage, or the file is no capture or damaged (what could be read of it is shown); others as
    `tlcp --help` says.
    """
    if host is not None and ca is None:
        raise click.UsageError("--host needs --ca: a name is worth nothing without a trusted chain")
    language = lang or _language()
    talk = Printer()
    secrets = _secrets(keylog, key, key_password_file, talk)
    trust = None if ca is None else TrustStore.from_pem_file(ca)
    if dangerous_secrets:
        talk.say("WARNING: the output holds keys", style="bold yellow")
    progress = _Progress(sys.stderr) if talk.is_terminal else None
    output = _Output(language, as_json, details, dangerous_secrets, progress)
    reading = _Reading(file, _open(file, progress), secrets)
    with reading.capture:
        work = _Inspection(secrets, trust, host, output.show)
        work.run(reading)
    output.finish()
    _tell(work, reading, talk, language)
    if work.failed:
        return ExitCode.FINDING
    return ExitCode.USAGE if reading.broken_off else ExitCode.OK


def _secrets(
    keylog: Path | None, key: Path | None, password_file: Path | None, talk: Printer
) -> Secrets:
    secrets = Secrets()
    if keylog is not None and not secrets.add_key_log_file(keylog):
        what = "has no line CLIENT_RANDOM <32 bytes> <48 bytes>, both in hex"
        talk.say(f"WARNING: the key log {keylog} {what}", style="bold yellow")
    if key is not None:
        secrets.add_key_file(key, read_password(password_file))
    return secrets


def _open(file: Path, progress: _Progress | None) -> Capture:
    try:
        return open_capture(_stdin() if str(file) == _STDIN else file, progress)
    except CaptureError as error:
        hint = "give pcap or pcapng, as tcpdump, dumpcap and Wireshark write them"
        raise Failure(ExitCode.USAGE, f"{_name(file)}: {error}", hint=hint) from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _stdin() -> BinaryIO:
    if sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal: give a file, or pipe a capture in")
    return sys.stdin.buffer


def _name(file: Path) -> str:
    return "standard input" if str(file) == _STDIN else str(file)


def _unreadable(file: Path, error: OSError) -> Failure:
    return Failure(ExitCode.USAGE, f"cannot read {_name(file)}: {error.strerror or error}")


class _Reading:
    """A capture whose end, good or bad, ends the iteration.

    Attributes:
        capture: the file.
        decoder: counts the packets that it passes over.
        broken_off: why the rest could not be read, or "".
    """

    def __init__(self, file: Path, capture: Capture, secrets: Secrets) -> None:
        self.capture, self.decoder, self.broken_off = capture, Decoder(), ""
        self._file, self._secrets, self._logs = file, secrets, 0

    def __iter__(self) -> Iterator[TCPPacket]:
        packets = iter(self.capture)
        while True:
            try:
                packet = next(packets, None)
            except (CaptureError, OSError) as error:
                fault = _unreadable(self._file, error) if isinstance(error, OSError) else error
                self.broken_off = str(fault)
                packet = None
            self._learn()
            if packet is None:
                break
            if (segment := self.decoder.decode(packet)) is not None:
                yield segment
        self.decoder.finish()

    def _learn(self) -> None:
        """Take the key logs that have come up inside the file."""
        for log in self.capture.secrets[self._logs :]:
            self._secrets.add_key_log(log.decode("latin-1"))
            self._logs += 1


class _Inspection:
    """From packets to reports, each as soon as its connection is over.

    Attributes:
        shown: how many connections were TLCP.
        others: how many were something else, by what it is.
        conflicts: what was sent twice and differently, in words.
        failed: whether a verification failed or a finding is an error.
    """

    def __init__(
        self,
        secrets: Secrets,
        trust: TrustStore | None,
        host: str | None,
        show: Callable[[ConnectionReport], None],
    ) -> None:
        self._secrets, self._trust, self._host, self._show = secrets, trust, host, show
        self._examiners: dict[int, Examiner] = {}
        self.shown, self.others, self.failed = 0, Counter[str](), False
        self.conflicts: list[Text] = []

    def run(self, packets: _Reading) -> None:
        """Take all packets."""
        assembler = Assembler(self._begin, self._feed, self._end)
        for packet in packets:
            assembler.feed(packet)
        assembler.finish()

    def _begin(self, conversation: Conversation) -> None:
        client, server = conversation.endpoints
        self._examiners[conversation.number] = Examiner(
            self._secrets,
            name=str(conversation.number + 1),
            client=str(client),
            server=str(server),
        )

    def _feed(self, conversation: Conversation, segment: Segment) -> None:
        self._examiners[conversation.number].feed(segment)

    def _end(self, conversation: Conversation) -> None:
        examiner = self._examiners.pop(conversation.number, None)
        if examiner is None:  # closed before it was known where it begins
            return
        ending = _ENDINGS.get(conversation.ending, "unknown")
        report = examiner.finish(
            trust=self._trust, host=self._host, client_end=ending, server_end=ending
        )
        if not report.dissection.is_tlcp:
            self.others[report.dissection.protocol] += 1
            return
        self.shown += 1
        # a check that fails is a finding, too; asked for both, so that no rule there matters here
        self.failed |= any(check.result is Result.FAILS for check in report.checks)
        self.failed |= any(finding.severity == "error" for finding in report.findings)
        self._note_conflicts(conversation, report.name)
        self._show(report)

    def _note_conflicts(self, conversation: Conversation, name: str) -> None:
        for sender, _, position, length in conversation.conflicts:
            who = SENDERS[sender]
            self.conflicts.append(
                Text(
                    f"connection {name}: {length} bytes of the {who} at {position} were sent again "
                    "and differed; the first copy is shown",
                    f"连接 {name}：{who} 第 {position} 字节起的 {length} 字节重传内容不同，"
                    "显示的是第一份",
                )
            )


class _Output:
    """The reports on stdout, one by one, so that a large capture takes no memory here."""

    def __init__(
        self,
        lang: Lang,
        as_json: bool,
        details: bool,
        dangerous_secrets: bool,
        progress: _Progress | None,
    ) -> None:
        self._lang, self._json, self._details = lang, as_json, details
        self._secrets, self._progress = dangerous_secrets, progress
        self._count = 0

    def show(self, report: ConnectionReport) -> None:
        """Print one connection."""
        if self._progress is not None:
            self._progress.clear()
        if self._json:
            one = json.dumps(report.as_dict(dangerous_secrets=self._secrets), ensure_ascii=True)
            # printable ASCII alone, which no terminal misunderstands
            click.echo((",\n" if self._count else "[\n") + one.replace("\x7f", "\\u007f"), nl=False)
        else:
            text = "\n".join(self._text(report))  # in one go: a flush per line is slow
            click.echo(("\n" if self._count else "") + text)
        self._count += 1

    def finish(self) -> None:
        """End the document."""
        if self._progress is not None:
            self._progress.clear()
        if self._json:
            click.echo("\n]" if self._count else "[]")

    def _text(self, report: ConnectionReport) -> Iterator[str]:
        yield from lines(report, self._lang, details=self._details)
        if self._secrets and (known := report.dangerous_secrets()) is not None:
            yield ""
            yield f"  {known['key_log_line']}"


class _Progress:
    """How far reading has come, on one line that is drawn over.

    Args:
        stream: a terminal.
        clock: seconds.
    """

    def __init__(self, stream: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._next_s, self._shown = clock() + _QUIET_S, False

    def __call__(self, read: int, total: int | None) -> None:
        """Take how much was read, and how much there is, None if nobody knows."""
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s, self._shown = now_s + _REDRAW_S, True
        share = f" of {total / _MIB:.1f} MiB, {100 * read // total}%" if total else " MiB"
        self._stream.write(f"\r\x1b[K{read / _MIB:.1f}{share}")
        self._stream.flush()

    def clear(self) -> None:
        """Make room for other output."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


def _tell(work: _Inspection, reading: _Reading, talk: Printer, lang: Lang) -> None:
    """Say what is not in the reports."""

    def say(text: Text, style: str = "") -> None:
        talk.say(text.zh if lang == "zh" else text.en, style=style)

    if not work.shown:
        say(Text("no TLCP connection was found", "没有发现 TLCP 连接"))
    if count := work.others.total():
        of = _counted(work.others)
        say(
            Text(
                f"TCP connections passed over, no TLCP: {count} ({of})",
                f"略过非 TLCP 的 TCP 连接 {count} 个（{of}）",
            )
        )
    if count := reading.decoder.passed_over.total():
        of = _counted(reading.decoder.passed_over)
        say(Text(f"packets passed over: {count} ({of})", f"略过数据包 {count} 个（{of}）"))
    for conflict in work.conflicts[:_MOST_TOLD]:
        say(conflict, "bold yellow")
    if (more := len(work.conflicts) - _MOST_TOLD) > 0:
        say(Text(f"and {more} more that differed", f"另有 {more} 处重传内容不同"), "bold yellow")
    for offset, what in reading.capture.problems:
        say(
            Text(f"the capture, at byte {offset}: {what}", f"抓包文件第 {offset} 字节：{what}"),
            "bold yellow",
        )
    if reading.broken_off:
        why = reading.broken_off
        say(
            Text(
                f"tlcp: the capture could not be read to its end: {why}",
                f"tlcp: 抓包文件未能读完：{why}",
            ),
            "bold yellow",
        )


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in reasons.most_common())
