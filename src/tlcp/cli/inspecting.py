"""What ``tlcp inspect`` does: read a capture, inspect each connection, print what was found."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.output import Printer
from tlcp.inspect.captures import Capture, CaptureError
from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.exporting import DataExport
from tlcp.inspect.model import SENDERS, Ending
from tlcp.inspect.packets import Decoder, TCPPacket
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.streams import Assembler
from tlcp.inspect.text import lines
from tlcp.inspect.verify import Result
from tlcp.x509.trust import TrustStore

__all__ = ["STDIN", "Inspection", "Output", "Progress", "Reading", "named", "tell", "unreadable"]

STDIN = "-"
_ENDINGS: dict[str, Ending] = {"closed": "fin", "reset": "reset"}
_QUIET_S = 0.5  # a file that is read sooner shows no progress
_REDRAW_S = 0.1
_MIB = 1 << 20
_MOST_TOLD = 20  # problems of one kind


def named(file: Path) -> str:
    """What the capture is called."""
    return "standard input" if str(file) == STDIN else str(file)


def unreadable(file: Path, error: OSError) -> Failure:
    """The failure of a file that the system does not give."""
    return Failure(ExitCode.USAGE, f"cannot read {named(file)}: {error.strerror or error}")


class Reading:
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
                fault = unreadable(self._file, error) if isinstance(error, OSError) else error
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


class Inspection:
    """From packets to reports, each as soon as its connection is over.

    Attributes:
        shown: how many connections were TLCP.
        others: how many were something else, by what it is.
        conflicts: what was sent twice and differently, in words; the first ones.
        more_conflicts: how many others there were.
        failed: whether a verification failed or a finding is an error.
    """

    def __init__(
        self,
        secrets: Secrets,
        trust: TrustStore | None,
        host: str | None,
        show: Callable[[ConnectionReport], None],
        export: DataExport | None = None,
    ) -> None:
        self._secrets, self._trust, self._host, self._show = secrets, trust, host, show
        self._export = export
        self._examiners: dict[int, Examiner] = {}
        self.shown, self.others, self.failed = 0, Counter[str](), False
        self.conflicts: list[Text] = []
        self.more_conflicts = 0

    def run(self, packets: Reading) -> None:
        """Take all packets."""
        assembler = Assembler(self._begin, self._feed, self._end)
        for packet in packets:
            assembler.feed(packet)
        assembler.finish()

    def _begin(self, conversation: Conversation) -> None:
        client, server = conversation.endpoints
        name = str(conversation.number + 1)
        self._examiners[conversation.number] = Examiner(
            self._secrets,
            name=name,
            client=str(client),
            server=str(server),
            on_data=self._export.writer(name) if self._export is not None else None,
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
        if self._export is not None:
            self._export.finish(report)
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
            if len(self.conflicts) >= _MOST_TOLD:
                self.more_conflicts += 1
                continue
            who = SENDERS[sender]
            self.conflicts.append(
                Text(
                    f"connection {name}: {length} bytes of the {who} at {position} were sent again "
                    "and differed; the first copy is shown",
                    f"连接 {name}：{who} 第 {position} 字节起的 {length} 字节重传内容不同，"
                    "显示的是第一份",
                )
            )


class Output:
    """The reports on stdout, one by one, so that a large capture takes no memory here."""

    def __init__(
        self,
        lang: Lang,
        as_json: bool,
        details: bool,
        dangerous_secrets: bool,
        progress: Progress | None,
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


class Progress:
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


def tell(work: Inspection, reading: Reading, talk: Printer, lang: Lang) -> None:
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
    for conflict in work.conflicts:
        say(conflict, "bold yellow")
    if more := work.more_conflicts:
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
