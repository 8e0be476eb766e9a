"""What ``tlcp inspect`` does: read a capture, inspect each connection, print what was found."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.output import Printer
from tlcp.inspect.brief import brief_line
from tlcp.inspect.captures import Capture, CaptureError
from tlcp.inspect.conversation import Conversation, Segment
from tlcp.inspect.exporting import DataExport
from tlcp.inspect.farm import Conflicts, Farm, Work
from tlcp.inspect.model import SENDERS, Ending, Room
from tlcp.inspect.packets import Decoder, TCPPacket
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.roles import opens
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.streams import Assembler
from tlcp.inspect.text import lines
from tlcp.inspect.verify import Result
from tlcp.reasons import reason_of
from tlcp.x509.trust import TrustStore

__all__ = [
    "STDIN",
    "Here",
    "Inspection",
    "Output",
    "Progress",
    "Reading",
    "Totals",
    "named",
    "run",
    "tell",
    "unreadable",
]

STDIN = "-"
_ENDINGS: dict[str, Ending] = {"closed": "fin", "reset": "reset"}
_QUIET_S = 0.5  # a file that is read sooner shows no progress
_REDRAW_S = 0.1
_MIB = 1 << 20
_MOST_TOLD = 20  # problems of one kind
_TOGETHER = 1 << 16  # characters of reports that are printed together


def named(file: Path) -> Text:
    """What the capture is called."""
    if str(file) == STDIN:
        return Text("standard input", "标准输入")
    return Text(str(file), str(file))


def unreadable(file: Path, error: OSError) -> Failure:
    """The failure of a file that the system does not give."""
    name, why = named(file), reason_of(error)
    return Failure(
        ExitCode.USAGE,
        Text(f"cannot read {name.en}: {why.en}", f"无法读取 {name.zh}：{why.zh}"),
    )


class Reading:
    """A capture whose end, good or bad, ends the iteration.

    Attributes:
        capture: the file.
        decoder: counts the packets that it passes over.
        broken_off: why the rest could not be read, or "".
        on_key_log: gets the key logs that come up inside the file.
    """

    def __init__(self, file: Path, capture: Capture) -> None:
        self.capture, self.decoder, self.broken_off = capture, Decoder(), ""
        self.on_key_log: Callable[[str], None] | None = None
        self._file, self._logs = file, 0

    def __iter__(self) -> Iterator[TCPPacket]:
        decode, logs = self.decoder.decode, self.capture.secrets
        try:
            for packet in self.capture:
                if len(logs) > self._logs:
                    self._learn()
                if (segment := decode(packet)) is not None:
                    yield segment
        except (CaptureError, OSError) as error:
            fault = unreadable(self._file, error) if isinstance(error, OSError) else error
            self.broken_off = str(fault)
        self._learn()
        self.decoder.finish()

    def _learn(self) -> None:
        """Hand on the key logs that have come up inside the file."""
        for log in self.capture.secrets[self._logs :]:
            if self.on_key_log is not None:
                self.on_key_log(log.decode("latin-1"))
            self._logs += 1


class Outcome(NamedTuple):
    """What came of one connection: plain values, so that it may come from another process.

    Attributes:
        text: what is printed, "" if it is not TLCP.
        protocol: "TLCP", or what it is instead.
        failed: whether a verification failed or a finding is an error.
        conflicts: what was sent twice and differently: (English, Chinese).
    """

    text: str
    protocol: str
    failed: bool
    conflicts: list[tuple[str, str]]


class Inspection:
    """Inspects connections: ``Work`` for this process, or for others.

    Args:
        secrets: what may decrypt them.
        trust: the CAs; None = chains are not checked.
        host: the name that servers must have.
        render: what is to be printed of a report.
        export: gets all decrypted data; in this process only.
    """

    def __init__(
        self,
        secrets: Secrets,
        trust: TrustStore | None,
        host: str | None,
        render: Callable[[ConnectionReport], str],
        export: DataExport | None = None,
    ) -> None:
        self._secrets, self._trust, self._host, self._render = secrets, trust, host, render
        self._export = export
        self._examiners: dict[int, Examiner] = {}
        self._room = Room()

    def begin(self, number: int, client: str, server: str) -> None:
        """A connection begins."""
        name = str(number + 1)
        self._examiners[number] = Examiner(
            self._secrets,
            name=name,
            client=client,
            server=server,
            on_data=self._export.writer(name) if self._export is not None else None,
            room=self._room,
        )

    def feed(self, number: int, sender: int, time_s: float, data: bytes, lost: int) -> None:
        """Its next segment."""
        self._examiners[number].take(sender, time_s, data, lost)

    def learn(self, key_log: str) -> None:
        """Take a key log for what follows."""
        self._secrets.add_key_log(key_log)

    def end(self, number: int, ending: str, conflicts: Conflicts) -> tuple[Any, ...]:
        """It is over; returns the fields of an ``Outcome``."""
        how = _ENDINGS.get(ending, "unknown")
        report = self._examiners.pop(number).finish(
            trust=self._trust, host=self._host, client_end=how, server_end=how
        )
        if self._export is not None:
            self._export.finish(report)
        if not report.dissection.is_tlcp:
            return ("", report.dissection.protocol, False, [])
        # a check that fails is a finding, too; asked for both, so that no rule there matters here
        fails = Result.FAILS
        failed = any([check.result is fails for check in report.checks])
        failed |= any([finding.severity == "error" for finding in report.found])
        told = [_conflict(report.name, *conflict) for conflict in conflicts]
        return (self._render(report), report.dissection.protocol, failed, told)


def _conflict(name: str, sender: int, _: float, position: int, length: int) -> tuple[str, str]:
    who = SENDERS[sender]
    return (
        f"connection {name}: {length} bytes of the {who} at {position} were sent again "
        "and differed; the first copy is shown",
        f"连接 {name}：{who} 第 {position} 字节起的 {length} 字节重传内容不同，显示的是第一份",
    )


class Totals:
    """What all connections together give.

    Args:
        write: prints the text of one.

    Attributes:
        shown: how many connections were TLCP.
        others: how many were something else, by what it is.
        conflicts: what was sent twice and differently, in words; the first ones.
        more_conflicts: how many others there were.
        failed: whether a verification failed or a finding is an error.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.shown, self.others, self.failed = 0, Counter[str](), False
        self.conflicts: list[Text] = []
        self.more_conflicts = 0

    def take(self, fields: tuple[Any, ...]) -> None:
        """Take the next connection's outcome."""
        outcome = Outcome(*fields)
        if not outcome.text:
            self.others[outcome.protocol] += 1
            return
        self.shown += 1
        self.failed |= outcome.failed
        for told in outcome.conflicts:
            if len(self.conflicts) < _MOST_TOLD:
                self.conflicts.append(Text(*told))
            else:
                self.more_conflicts += 1
        self._write(outcome.text)


class Here:
    """The work done in this process, with the face of a ``Farm``."""

    def __init__(self, work: Work, emit: Callable[[Any], None]) -> None:
        self._work, self._emit = work, emit
        self.begin, self.feed, self.learn = work.begin, work.feed, work.learn

    def end(self, number: int, ending: str, conflicts: Conflicts) -> None:
        """A connection is over."""
        self._emit(self._work.end(number, ending, conflicts))

    def finish(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        """There is nothing to end."""


def run(packets: Reading, place: Here | Farm) -> None:
    """Take all packets, put connections together and have them inspected.

    Raises:
        FarmError: a worker failed or died.
    """
    known = set[int]()

    def begin(conversation: Conversation) -> None:
        client, server = conversation.endpoints
        known.add(conversation.number)
        place.begin(conversation.number, str(client), str(server))

    def feed(conversation: Conversation, segment: Segment) -> None:
        place.feed(conversation.number, *segment)

    def end(conversation: Conversation) -> None:
        if conversation.number in known:  # else closed before it was known where it begins
            known.discard(conversation.number)
            conflicts = [(c.sender, c.time_s, c.position, c.length) for c in conversation.conflicts]
            place.end(conversation.number, conversation.ending, conflicts)

    packets.on_key_log = place.learn
    assembler = Assembler(begin, feed, end, opens=opens)
    assembler.feed_all(packets)
    assembler.finish()
    place.finish()


class Output:
    """The reports on stdout, in their order, so that a large capture takes no memory here.

    Args:
        lang: of the text.
        as_json: JSON instead of text.
        details: with all fields.
        brief: one line for each.
        dangerous_secrets: with the keys.
        progress: gets out of the way.
        at_once: print each report when it comes; else several together, up to ``flush``.
    """

    def __init__(
        self,
        lang: Lang,
        as_json: bool,
        details: bool,
        brief: bool,
        dangerous_secrets: bool,
        progress: Progress | None,
        *,
        at_once: bool,
    ) -> None:
        self._lang, self._json, self._details, self._brief = lang, as_json, details, brief
        self._secrets, self._progress = dangerous_secrets, progress
        self._most_waiting = 0 if at_once else _TOGETHER
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._count = 0

    def render(self, report: ConnectionReport) -> str:
        """What is printed of one connection."""
        if self._json:
            one = json.dumps(report.as_dict(dangerous_secrets=self._secrets), ensure_ascii=True)
            # printable ASCII alone, which no terminal misunderstands
            return one.replace("\x7f", "\\u007f")
        if self._brief:
            return brief_line(report, self._lang)
        return "\n".join(self._text(report))

    def write(self, text: str) -> None:
        """Print one connection."""
        if self._json:
            self._waiting += (",\n" if self._count else "[\n", text)
        else:
            self._waiting += ("\n" if self._count and not self._brief else "", text, "\n")
        self._count += 1
        self._waiting_characters += len(text)
        if self._waiting_characters >= self._most_waiting:
            self.flush()

    def flush(self) -> None:
        """Print what waits."""
        text = "".join(self._waiting)
        self._waiting.clear()
        self._waiting_characters = 0
        if self._progress is not None:
            self._progress.clear()
        if text:
            click.echo(text, nl=False)

    def finish(self) -> None:
        """End the document."""
        if self._json:
            self._waiting.append("\n]\n" if self._count else "[]\n")
        self.flush()

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


def tell(work: Totals, reading: Reading, talk: Printer, lang: Lang) -> None:
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
