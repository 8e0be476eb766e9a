"""``tlcp capture`` on the loopback interface, with each recorder that there is."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.tools import LIMIT_S, Server, Words, command, environment, run, serving
from tlcp.inspect.captures import open_capture
from tlcp.inspect.live import FollowedKeyLog
from tlcp.inspect.packets import Decoder
from tlcp.inspect.recorders import RECORDERS
from tlcp.inspect.secrets import Secrets

EVERY = pytest.mark.parametrize("recorder", list(RECORDERS))


@pytest.fixture(autouse=True)
def _may_record() -> None:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        pytest.skip("recording needs root or CAP_NET_RAW")


def need(recorder: str) -> None:
    if recorder != "raw" and shutil.which(recorder) is None:
        pytest.skip(f"needs {recorder}: apt-get install tcpdump tshark")


class Capturing:
    """A ``tlcp capture`` that records.

    ``said`` is its stderr so far; complete, as ``shown``, after ``end``.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.said, self.shown = process, "", b""

    def line(self) -> str:
        """The next line that it shows; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.shown += line
        return line.decode()

    def await_line(self, part: str) -> str:
        while part not in (line := self.line()):
            assert line, f"{part!r} did not come: {self.shown.decode()}"
        return line

    def await_over(self, port: int, count: int) -> None:
        """Wait until so many connections of a port have begun and are over."""
        mine, over = set[str](), set[str]()
        while len(mine & over) < count:
            line = self.await_line("connection ")
            number = line.partition("connection ")[2].partition(":")[0]
            if f":{port} begins" in line:
                mine.add(number)
            if f"{number}: over" in line:
                over.add(number)

    def await_recorded(self, file: Path, data: bytes) -> None:
        """Wait until the file has some bytes; the process is killed when it takes too long."""
        while data not in file.read_bytes():
            assert self.process.poll() is None, f"{data!r} was not recorded"
            os.sched_yield()

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        shown, said = self.process.communicate(timeout=LIMIT_S)
        self.shown += shown
        self.said += said.decode()
        assert "Traceback" not in self.said, self.said
        return self.process.returncode


@contextlib.contextmanager
def capturing(*words: Words) -> Iterator[Capturing]:
    process = subprocess.Popen(
        command("capture", "-i", "lo", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(LC_ALL="C.UTF-8"),
    )
    timer = threading.Timer(LIMIT_S, process.kill)
    timer.start()
    try:
        made = Capturing(process)
        assert process.stderr is not None
        made.said = process.stderr.readline().decode()
        assert made.said.startswith("recording on lo with "), (
            made.said + process.stderr.read().decode()
        )
        yield made
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def filtered(recorder: str, port: int) -> list[Words]:
    return [] if recorder == "raw" else ["--filter", f"port {port}"]


def packets(path: Path, port: int) -> list[bytes]:
    """The data of the TCP packets of a port; the file must be whole."""
    decoder, found = Decoder(), list[bytes]()
    with open_capture(path) as capture:
        for packet in capture:
            segment = decoder.decode(packet)
            if segment is not None and port.to_bytes(2, "big") in (
                segment.flow[-2:],
                segment.flow[-4:-2],
            ):
                found.append(segment.data)
        assert not capture.problems
    return found


def talk(server: Server, folder: Path, *words: Words, data: bytes = b"hello") -> None:
    done = run(
        *("connect", server.address, "--server-name", "localhost", "--linger", "0"),
        *("--pki", folder, "--name", "client", *words),
        data=data,
    )
    assert done.returncode == 0, done.stderr


@EVERY
def test_handshakes_are_shown_and_the_file_is_whole(
    recorder: str, folder: Path, tmp_path: Path
) -> None:
    need(recorder)
    file, log = tmp_path / "c.pcapng", tmp_path / "keys.log"
    with serving("--pki", folder, "--name", "server", "--connections", "2") as server:
        words: list[Words] = ["--with", recorder, "-w", file, "--keylog", log]
        words += ["--ca", folder / "ca.crt", *filtered(recorder, server.port)]
        with capturing(*words) as work:
            talk(server, folder, "--keylog", log, "--resume", "1")
            work.await_over(server.port, 2)
            code = work.end(signal.SIGINT)
    text = work.shown.decode()
    assert "decrypted by the key log" in text
    assert "certificates lead to" in text
    assert "resumes the session of" in text
    if recorder != "raw":  # which sees what others do on this interface
        assert code == 0, work.said
        assert "hello" not in text  # that came after the handshake
    assert "dropped: 0" in work.said
    assert f"tlcp inspect {file} --keylog {log}" in work.said
    found = packets(file, server.port)
    assert sum(one[:3] == b"\x16\x01\x01" and one[5:6] == b"\x01" for one in found) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    shown = run("inspect", file, "--keylog", log, "--ca", folder / "ca.crt")
    assert b"hello" in shown.stdout


@EVERY
def test_a_handshake_is_shown_while_the_connection_goes_on(recorder: str, folder: Path) -> None:
    """Its keys come into a log that was not there when the recording began."""
    need(recorder)
    log = folder / f"{recorder}.log"
    with serving("--pki", folder, "--name", "server", "--connections", "1") as server:
        words: list[Words] = ["--with", recorder, "--keylog", log, "--brief"]
        words += filtered(recorder, server.port)
        with capturing(*words) as work:
            client = subprocess.Popen(
                command(
                    *("connect", server.address, "--server-name", "localhost"),
                    *("--pki", folder, "--name", "client", "--keylog", log),
                ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
            with client:
                number = work.await_line(f":{server.port} begins").split()[2][:-1]
                line = work.await_line(f"connection {number}: handshake complete")
                assert "ECC_SM4_GCM_SM3 (E053), decrypted" in line
                assert client.poll() is None  # it waits for its stdin
                client.kill()
            work.await_line(f"connection {number}: over")
            assert work.end(signal.SIGINT) in (0, 1)


@EVERY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(recorder: str, number: int, tmp_path: Path) -> None:
    need(recorder)
    file = tmp_path / "c.pcapng"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = ["--with", recorder, "-w", file, *filtered(recorder, port)]
        with capturing(*words) as work:
            for _ in range(2):
                socket.create_connection(("127.0.0.1", port)).close()
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"the last")
                work.await_recorded(file, b"the last")
            assert work.end(number) == 0 or recorder == "raw", work.said
    flags = packets(file, port)
    assert len(flags) >= 9  # three SYNs with their answers; each packet once
    assert "packets recorded" in work.said
    assert "no TLCP was seen on lo" in work.said or recorder == "raw"


def test_on_loopback_each_packet_is_recorded_once(tmp_path: Path) -> None:
    counts = dict[str, int]()
    for recorder in RECORDERS:
        need(recorder)
        file = tmp_path / recorder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with capturing("--with", recorder, "-w", file) as work:
                with socket.create_connection(listener.getsockname()) as client:
                    server, _ = listener.accept()
                    with server:
                        client.sendall(b"question")
                        work.await_recorded(file, b"question")
                        server.sendall(b"answer")
                        work.await_recorded(file, b"answer")
                work.end(signal.SIGINT)
            counts[recorder] = packets(file, listener_port(file)).count(b"question")
    assert counts == dict.fromkeys(RECORDERS, 1)


def listener_port(file: Path) -> int:
    with open_capture(file) as capture:
        for packet in capture:
            segment = Decoder().decode(packet)
            if segment is not None and segment.data == b"question":
                return int.from_bytes(segment.flow[-2:], "big")
    raise AssertionError("the question was not recorded")


def test_the_time_ends_it(tmp_path: Path) -> None:
    words = ("--seconds", "0.01", "--filter", "port 1", "-w", tmp_path / "c")
    done = run("capture", "-i", "lo", *words, LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stderr
    with open_capture(tmp_path / "c") as capture:
        list(capture)


def test_in_chinese() -> None:
    done = run("capture", "-i", "lo", "--seconds", "0.01", "--lang", "zh")
    assert "按 Ctrl-C 结束" in done.stderr.decode()


def test_to_stdout_the_capture_alone(folder: Path) -> None:
    with (
        serving("--pki", folder, "--name", "server", "--connections", "1") as server,
        capturing("-w", "-", "--connections", "1", *filtered("", server.port)) as work,
    ):
        talk(server, folder)
        assert work.end() == 0
    shown = run("inspect", "-", data=work.shown)
    assert b"suite: ECC_SM4_GCM_SM3" in shown.stdout
    assert "suite: ECC_SM4_GCM_SM3" in work.said


def test_wrong_interfaces_are_told_with_the_right_ones() -> None:
    done = run("capture", "-i", "nope0")
    assert done.returncode == 2
    assert b"no interface 'nope0'; there are: lo" in done.stderr
    chinese = run("capture", "-i", "nope0", "--lang", "zh")
    assert chinese.returncode == 2
    assert "无法抓包：没有名为 'nope0' 的网络接口；现有：lo" in chinese.stderr.decode()
    by_locale = run("capture", "-i", "lo", "--key", "nowhere", LC_ALL="zh_CN.UTF-8")
    assert "无法读取私钥文件 nowhere：没有这个文件或目录" in by_locale.stderr.decode()


@pytest.mark.parametrize("recorder", ["dumpcap", "tcpdump"])
def test_a_wrong_filter_is_told(recorder: str, tmp_path: Path) -> None:
    need(recorder)
    old = tmp_path / "old"
    old.write_bytes(b"\x0a\x0d\x0d\x0aprecious")
    done = run("capture", "-i", "lo", "--with", recorder, "--filter", "prt 1", "-w", old)
    assert done.returncode == 2
    assert f"{recorder}: ".encode() in done.stderr
    assert b"syntax" in done.stderr
    assert old.read_bytes() == b"\x0a\x0d\x0d\x0aprecious"


def test_a_raw_socket_takes_no_filter() -> None:
    done = run("capture", "-i", "lo", "--with", "raw", "--filter", "port 1")
    assert done.returncode == 2
    assert b"install tcpdump or Wireshark's dumpcap" in done.stderr


def test_without_any_program_a_raw_socket_records(tmp_path: Path) -> None:
    """Where PATH has none; /usr/sbin is looked at, too, so this asks for each by name."""
    done = run("capture", "-i", "lo", "--seconds", "0.01", "--with", "raw")
    assert b"with raw" in done.stderr
    done = run("capture", "-i", "lo", "--with", "dumpcap", PATH=str(tmp_path))
    assert done.returncode == 2
    assert b"dumpcap is not installed" in done.stderr
    assert b"apt-get install" in done.stderr


@EVERY
def test_missing_rights_are_told_with_the_way_to_get_them(recorder: str) -> None:
    need(recorder)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv (util-linux)")
    done = subprocess.run(
        [
            *(setpriv, "--bounding-set", "-net_raw,-net_admin"),
            *command("capture", "-i", "lo", "--with", recorder),
        ],
        capture_output=True,
        timeout=LIMIT_S,
        env=environment(),
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert "Traceback" not in said
    for part in ("cannot record", "CAP_NET_RAW", "setcap", "wireshark", "connect --capture"):
        assert part in said


def test_a_recorder_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    need("tcpdump")
    file = tmp_path / "c.pcap"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with capturing("--with", "tcpdump", "-w", file) as work:
            socket.create_connection(listener.getsockname()).close()
            children = Path(f"/proc/{work.process.pid}/task/{work.process.pid}/children")
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
            assert work.end() == 2
        assert "tcpdump ended early" in work.said
        packets(file, 0)


def test_a_key_log_is_read_as_it_grows(tmp_path: Path) -> None:
    path, secrets = tmp_path / "keys", Secrets()
    log = FollowedKeyLog(path, secrets)
    assert secrets
    log.update()
    lines = [f"CLIENT_RANDOM {n:064x} {n:096x}\n" for n in range(4)]

    def known() -> list[bool]:
        return [secrets.logged_master(n.to_bytes(32, "big")) is not None for n in range(4)]

    with path.open("w") as file:
        file.write(lines[0] + lines[1][:50])
        file.flush()
        log.update()
        assert known() == [True, False, False, False]
        file.write(lines[1][50:])
        file.flush()
        log.update()
        assert known() == [True, True, False, False]
    path.write_text(lines[2])  # begun anew
    log.update()
    assert known() == [True, True, True, False]


def test_a_full_disk_ends_it() -> None:
    done = run("capture", "-i", "lo", "--with", "raw", "-w", "/dev/full", "--seconds", "30")
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
