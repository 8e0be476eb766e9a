"""``tlcp capture``: records live, and shows handshakes as they happen."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.language import lang_option, language, usage
from tlcp.cli.options import SECONDS, examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.places import CAPTURE, Command, Reads, Writes, overwrite_option
from tlcp.inspect.captures import CaptureError, open_capture
from tlcp.inspect.live import FollowedKeyLog, Live
from tlcp.inspect.packets import Decoder
from tlcp.inspect.recorders import RECORDERS, Recorder, RecorderError, start
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.text import lines
from tlcp.inspect.verify import Result
from tlcp.inspect.wireshark import command
from tlcp.inspect.writing import create_private
from tlcp.suites import suite_label
from tlcp.x509.trust import TrustStore

__all__ = ["capture"]

_STDOUT = "-"
_QUIET_S = 1.0  # without a packet, until time alone ends what can be ended
_RIGHTS = Text(
    "recording needs root or the right CAP_NET_RAW: use sudo; or join the group wireshark (sudo "
    "usermod -aG wireshark $USER, and log in again; on Debian `sudo dpkg-reconfigure "
    "wireshark-common` lets its members record); or give the right to the program: sudo setcap "
    "cap_net_raw,cap_net_admin=eip {program}. `tlcp connect --capture FILE` records its own "
    "connection without any of that",
    "抓包需要 root 权限或 CAP_NET_RAW：使用 sudo；或加入 wireshark 组（sudo usermod -aG wireshark "
    "$USER，然后重新登录；Debian 上先用 `sudo dpkg-reconfigure wireshark-common` 允许该组抓包）；"
    "或给程序授权：sudo setcap cap_net_raw,cap_net_admin=eip {program}。"
    "`tlcp connect --capture FILE` 记录自己的连接，不需要这些权限",
)
_INSTALL = Text(
    "apt-get install tcpdump, or wireshark-common, which has dumpcap",
    "apt-get install tcpdump，或安装含有 dumpcap 的 wireshark-common",
)


@click.command(
    cls=Command,
    short_help="Record live, and show handshakes as they happen.",
    epilog=examples(
        "tlcp capture -i lo --filter 'port 4433' -w capture.pcapng",
        "tlcp capture -i eth0 -w capture.pcapng --keylog keys.log --ca ca.crt",
        "tlcp capture -i lo -w - --seconds 10 | tlcp inspect -",
    ),
)
@click.option("--interface", "-i", required=True, metavar="IFACE", help="Where to record.")
@click.option(
    "--filter", "bpf", default="", metavar="BPF", help="Record only this, such as 'port 4433'."
)
@click.option(
    "--write",
    "-w",
    type=Writes(CAPTURE, dash=True),
    metavar="FILE|-",
    help="The capture; it replaces one that is there. - is stdout, and the text goes to stderr. "
    "Without it nothing is kept.",
)
@click.option(
    "--with",
    "recorder_name",
    type=click.Choice(list(RECORDERS)),
    help="What records; if not given, the first of these that works.",
)
@click.option(
    "--keylog",
    type=Reads(),
    metavar="FILE",
    help="Key log with CLIENT_RANDOM lines, read again as it grows.",
)
@click.option(
    "--key",
    type=Reads(),
    metavar="FILE",
    help="The server's encryption private key, for the ECC and RSA suites.",
)
@click.option(
    "--key-password-file",
    type=Reads(),
    metavar="FILE",
    help="The first line of FILE is the password of the key, if it is encrypted.",
)
@click.option("--ca", type=Reads(), metavar="FILE", help="PEM file with the CAs, to check chains.")
@click.option("--seconds", type=SECONDS, metavar="S", help="End after so long.")
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    metavar="N",
    help="End when so many TLCP connections are over.",
)
@click.option("--brief", is_flag=True, help="One line for each handshake instead of all messages.")
@lang_option
@overwrite_option
def capture(
    interface: str,
    bpf: str,
    write: Path | None,
    recorder_name: str | None,
    keylog: Path | None,
    key: Path | None,
    key_password_file: Path | None,
    ca: Path | None,
    seconds: float | None,
    connections: int | None,
    brief: bool,
    lang: Lang | None,
) -> int:
    """Record the packets of an interface, and show TLCP handshakes as they happen.

    Needs root or the right CAP_NET_RAW, and dumpcap, tcpdump or nothing at all: then a raw socket
    records, which takes no filter. Ctrl-C ends it; the file is whole whenever it ends.

    Exit codes: 0 nothing wrong was found, 1 a verification failed or a finding is an error, 2
    nothing can be recorded, or not to the end; others as `tlcp --help` says.
    """
    secrets = Secrets()
    followed = None if keylog is None else FollowedKeyLog(keylog, secrets)
    if key is not None:
        secrets.add_key_file(key, read_password(key_password_file))
    trust = None if ca is None else TrustStore.from_pem_file(ca)
    to_stdout = str(write) == _STDOUT
    if to_stdout and sys.stdout.isatty():
        raise usage(
            "-w -: stdout is a terminal; give a file, or pipe it on",
            "-w -：标准输出是终端；请给出文件，或用管道接走",
        )
    talk = _Talk(lang or language(), Printer(stderr=to_stdout), brief=brief)
    with contextlib.ExitStack() as stack:
        recorder = _started(interface, bpf, recorder_name)
        stack.callback(recorder.close)
        file: BinaryIO | None = sys.stdout.buffer if to_stdout else None
        if write is not None and not to_stdout:
            file = stack.enter_context(create_private(write))
        work = _Work(recorder, file, followed, talk, connections)
        stack.enter_context(_until_told(recorder, seconds))
        talk.begins(interface, recorder.name, None if to_stdout else write)
        work.run(secrets, trust)
        talk.summary(work, interface, None if to_stdout else write, keylog, ca)
        if work.problem:
            return ExitCode.USAGE
    return ExitCode.FINDING if talk.failed else ExitCode.OK


def _started(interface: str, bpf: str, name: str | None) -> Recorder:
    try:
        return start(interface, bpf, name)
    except RecorderError as error:
        hint = Text("", "")
        if error.forbidden:
            program = shutil.which("dumpcap") or shutil.which("tcpdump") or "$(command -v tcpdump)"
            hint = Text(*(text.format(program=program) for text in _RIGHTS))
        elif error.absent:
            hint = _INSTALL
        what = Text(f"cannot record: {error.text.en}", f"无法抓包：{error.text.zh}")
        raise Failure(ExitCode.USAGE, what, hint=hint) from error


@contextlib.contextmanager
def _until_told(recorder: Recorder, seconds: float | None) -> Iterator[None]:
    """Within the block, Ctrl-C, SIGTERM and the time end the recording and nothing else.

    What was recorded is read to its end then. A second Ctrl-C does not wait for that.
    """
    told = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal told
        if told and number == signal.SIGINT:
            raise KeyboardInterrupt
        told = True
        recorder.stop()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    timer = threading.Timer(seconds, recorder.stop) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before:
            signal.signal(number, handler)


class _Tee(io.RawIOBase):
    """What the recorder gives, which goes into the file on its way."""

    def __init__(
        self, recorder: Recorder, file: BinaryIO | None, on_quiet: Callable[[], None]
    ) -> None:
        self._recorder, self._file, self.problem = recorder, file, ""
        self._on_quiet = on_quiet
        self.written = 0

    def read1(self, size: int = -1, /) -> bytes:
        while not self._recorder.ready(_QUIET_S):
            self._on_quiet()
        data = self._recorder.read1(size)
        view = memoryview(data)
        try:
            while view and self._file is not None and not self.problem:
                count = self._file.write(view)
                self.written += count
                view = view[count:]
            if self._file is not None:
                self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._recorder.stop()
        return data


class _Work:
    """From the recorder's bytes to the file and to what is shown.

    Attributes:
        recorder: what records.
        packets: how many were recorded.
        live: the connections.
        problem: why the file is not whole, or "".
    """

    def __init__(
        self,
        recorder: Recorder,
        file: BinaryIO | None,
        followed: FollowedKeyLog | None,
        talk: _Talk,
        connections: int | None,
    ) -> None:
        self.recorder, self._file, self._followed, self._talk = recorder, file, followed, talk
        self._connections = connections
        self.packets, self.problem = 0, ""
        self.live: Live | None = None

    def run(self, secrets: Secrets, trust: TrustStore | None) -> None:
        """Work until the recorder ends."""
        live = self.live = Live(
            secrets,
            trust,
            on_begin=self._talk.begin,
            on_handshake=self._talk.handshake,
            on_end=self._ended,
        )

        def quiet() -> None:
            # packets that were captured since may still be on their way
            live.tick(time.time() - _QUIET_S)

        tee, decoder = _Tee(self.recorder, self._file, quiet), Decoder()
        try:
            with open_capture(tee) as found:  # type: ignore[arg-type]  # it has what is needed
                for packet in found:
                    self.packets += 1
                    if (segment := decoder.decode(packet)) is None:
                        continue
                    if self._followed is not None and segment.data:
                        self._followed.update()
                    live.feed(segment)
        except CaptureError as error:  # the recorder was killed in the middle of a packet
            self._cut(tee.written, error)
        live.finish()
        if why := self.recorder.problem():
            self.problem = f"{self.recorder.name} ended early: {why}"
        self.problem = tee.problem or self.problem

    def _cut(self, written: int, error: CaptureError) -> None:
        """Leave whole packets alone in the file."""
        self.problem = error.what
        if self._file is not None and 0 < error.offset < written:
            with contextlib.suppress(OSError, io.UnsupportedOperation):
                if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                    self._file.truncate(error.offset)

    def _ended(self, report: ConnectionReport, shown: ConnectionReport | None) -> None:
        self._talk.end(report, shown)
        if self.live is not None and self.live.ended == self._connections:
            self.recorder.stop()


class _Talk:
    """What is shown.

    Attributes:
        failed: whether a verification failed or a finding is an error.
    """

    def __init__(self, lang: Lang, printer: Printer, *, brief: bool) -> None:
        self._lang, self._out, self._brief, self._err = lang, printer, brief, Printer()
        self.failed = False

    def _pick(self, text: Text) -> str:
        return text.zh if self._lang == "zh" else text.en

    def told(self, text: Text, style: str = "") -> None:
        """Say something about the work."""
        self._err.say(self._pick(text), style=style)

    def begins(self, interface: str, recorder: str, write: Path | None) -> None:
        """The recording has begun."""
        into = Text("", "") if write is None else Text(f", into {write}", f"，写入 {write}")
        self.told(
            Text(
                f"recording on {interface} with {recorder}{into.en}; Ctrl-C ends it",
                f"正在用 {recorder} 抓取 {interface} 的数据包{into.zh}；按 Ctrl-C 结束",
            )
        )

    def begin(self, name: str, client: str, server: str) -> None:
        """A connection has begun."""
        ends = f"{client} -> {server}"
        self._say(name, Text(f"{ends} begins", f"{ends} 开始"))

    def handshake(self, report: ConnectionReport) -> None:
        """A handshake is complete."""
        self._judge(report)
        if self._brief:
            self._say(report.name, _in_short(report))
        else:
            self._out.say(*lines(report, self._lang), "")

    def end(self, report: ConnectionReport, shown: ConnectionReport | None) -> None:
        """A connection is over."""
        self._judge(report)
        if shown is None:
            self._say(report.name, Text("no handshake was completed", "握手没有完成"))
            self._out.say(*lines(report, self._lang), "")
            return
        known = {(finding.rule, finding.message) for finding in shown.findings}
        found = report.dissection
        up, down = found.data_bytes["client"], found.data_bytes["server"]
        self._say(
            report.name,
            Text(
                f"over: {up} bytes of data to the server, {down} to the client",
                f"结束：应用数据 客户端到服务端 {up} 字节，服务端到客户端 {down} 字节",
            )
            if report.decrypted
            else Text("over", "结束"),
        )
        for finding in report.findings:
            if (finding.rule, finding.message) not in known and finding.severity != "note":
                self._say(report.name, finding.text)

    def _say(self, name: str, text: Text) -> None:
        now = time.strftime("%H:%M:%S")
        label = Text(f"connection {name}", f"连接 {name}")
        self._out.say(f"{now} {self._pick(label)}: {self._pick(text)}")

    def _judge(self, report: ConnectionReport) -> None:
        self.failed |= any(check.result is Result.FAILS for check in report.checks)
        self.failed |= any(finding.severity == "error" for finding in report.findings)

    def summary(
        self, work: _Work, interface: str, write: Path | None, keylog: Path | None, ca: Path | None
    ) -> None:
        """The end: what was recorded, and what can be done with it."""
        if work.problem:
            what = work.problem
            self.told(
                Text(f"WARNING: the capture is not whole: {what}", f"警告：抓包不完整：{what}"),
                "bold yellow",
            )
        lost, live, count = work.recorder.dropped(), work.live, work.packets
        dropped = Text("unknown", "未知") if lost is None else Text(str(lost), str(lost))
        begun = live.begun if live is not None else 0
        self.told(
            Text(
                f"{count} packets recorded, dropped: {dropped.en}; TLCP connections: {begun}",
                f"抓到 {count} 个数据包，丢失：{dropped.zh}；TLCP 连接 {begun} 个",
            )
        )
        if not begun:
            self.told(
                Text(
                    f"no TLCP was seen on {interface}: is it the right interface? Traffic of a "
                    "computer with itself is on lo",
                    f"在 {interface} 上没有看到 TLCP：网络接口选对了吗？本机与自己通信走的是 lo",
                )
            )
        if write is None:
            return
        options = "".join(
            f" {name} {value}"
            for name, value in (("--keylog", keylog), ("--ca", ca))
            if value is not None
        )
        show = command(str(write), live.ports if live is not None else ())
        self.told(
            Text(
                f"the capture is {write}; to look at it again: tlcp inspect {write}{options}; "
                f"or {show}",
                f"抓包文件：{write}；再次查看：tlcp inspect {write}{options}；或 {show}",
            )
        )


def _in_short(report: ConnectionReport) -> Text:
    """A handshake in one line."""
    view = report.view
    suite = suite_label(view.answer.cipher_suite) if view.answer is not None else "?"
    bad = sum(check.result is Result.FAILS for check in report.checks)
    resumed = Text(", resumed", "，会话恢复") if view.resumed else Text("", "")
    opened = Text("decrypted", "已解密") if report.decrypted else Text("not decrypted", "未解密")
    wrong = Text(f", {bad} checks failed", f"，{bad} 项校验失败") if bad else Text("", "")
    return Text(
        f"handshake complete: {suite}{resumed.en}, {opened.en}{wrong.en}",
        f"握手完成：{suite}{resumed.zh}，{opened.zh}{wrong.zh}",
    )
