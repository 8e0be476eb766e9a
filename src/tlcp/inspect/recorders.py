"""Live captures: through dumpcap, tcpdump, or a raw socket of our own, as a stream of bytes.

Each recorder has ``read1``, so ``open_capture`` reads it while it goes on: dumpcap and the raw
socket give pcapng, tcpdump gives pcap.

Spec: the manual pages dumpcap(1), tcpdump(8), packet(7)
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from typing import Protocol

from tlcp.alerts import Text
from tlcp.inspect.writing import LINK_RAW, PcapngWriter
from tlcp.reasons import reason_of

__all__ = [
    "RECORDERS",
    "Dumpcap",
    "RawSocket",
    "Recorder",
    "RecorderError",
    "Tcpdump",
    "interfaces",
    "start",
]

_ANY = "any"
_PATIENCE_S = 5.0  # for a program that was told to end
_FORBIDDEN = re.compile(r"permission|not permitted|denied|CAP_NET_RAW", re.IGNORECASE)
_CHATTER = re.compile(r"Capturing on |File: |listening on |Packets (captured|received)|\d+ packets")
_HEAD_BYTES = 1 << 16
_ETHERNET = 1


class RecorderError(Exception):
    """Nothing can be recorded.

    Attributes:
        text: why, in both languages.
        forbidden: whether rights are missing.
        absent: whether the program is not installed.
    """

    def __init__(self, text: Text, *, forbidden: bool = False, absent: bool = False) -> None:
        super().__init__(text.en)
        self.text, self.forbidden, self.absent = text, forbidden, absent


class Recorder(Protocol):
    """Something that records.

    Attributes:
        name: what it is called.
    """

    name: str

    def begin(self) -> None:
        """Wait until it records.

        Raises:
            RecorderError: it does not; all is freed.
        """

    def ready(self, timeout_s: float) -> bool:
        """Whether ``read1`` need not wait; waits so long for that."""

    def read1(self, size: int = -1, /) -> bytes:
        """The next bytes of the capture; waits for some; none at its end."""

    def stop(self) -> None:
        """End; what was recorded can still be read. May be called from a signal handler."""

    def close(self) -> None:
        """End at once, if it has not ended, and free what it has."""

    def dropped(self) -> int | None:
        """How many packets were lost, once it has ended; None if nobody knows."""

    def problem(self) -> str:
        """Why it ended of its own accord, or ""; once it has ended."""


def interfaces() -> list[str]:
    """The names of the network interfaces that there are."""
    return [name for _, name in socket.if_nameindex()]


class _Program:
    """A recorder that is a program, and writes to its stdout."""

    name = ""
    drops = re.compile("")
    grace_s = 0.0  # between the wish to end and the signal

    def __init__(self, interface: str, capture_filter: str) -> None:
        path = shutil.which(self.name) or shutil.which(self.name, path="/usr/sbin:/sbin")
        if path is None:
            what = Text(
                f"{self.name} is not installed, or is for others",
                f"{self.name} 没有安装，或不允许当前用户使用",
            )
            raise RecorderError(what, absent=True)
        self._talk = tempfile.TemporaryFile()  # noqa: SIM115 (close() closes it)
        self._process = subprocess.Popen(  # noqa: S603 (its arguments are one option's value each)
            [path, *self._arguments(interface, capture_filter)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._talk,
            start_new_session=True,  # Ctrl-C is for us; we tell it
            env={**os.environ, "LC_ALL": "C"},
        )
        if self._process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        self._stream = self._process.stdout
        self._head, self._stopping = b"", False

    def begin(self) -> None:
        # the header of the capture is written when the interface is open and the filter is set
        self._head = self.read1(_HEAD_BYTES)
        if not self._head:
            self._process.wait()
            why = self._why()
            self.close()
            told = Text(f"{self.name}: {why}", f"{self.name}：{why}")
            raise RecorderError(told, forbidden=bool(_FORBIDDEN.search(why)))

    def _arguments(self, interface: str, capture_filter: str) -> list[str]:
        raise NotImplementedError

    def ready(self, timeout_s: float) -> bool:
        # read1 leaves nothing in the buffer of the stream
        return bool(self._head) or bool(select.select([self._stream], [], [], timeout_s)[0])

    def read1(self, size: int = -1, /) -> bytes:
        head, self._head = self._head, b""
        return head or self._stream.read1(size)  # type: ignore[attr-defined]

    def stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            timer = threading.Timer(self.grace_s, self._interrupt)
            timer.daemon = True
            timer.start()

    def _interrupt(self) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        self._stream.close()
        if self._process.poll() is None:
            self._interrupt()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._talk.close()

    def _said(self) -> str:
        self._talk.seek(0)
        return self._talk.read().decode("utf-8", "replace")

    def _why(self) -> str:
        """What it complained of."""
        lines = [line.strip().removeprefix(f"{self.name}: ") for line in self._said().splitlines()]
        said = [line for line in lines if line and not _CHATTER.match(line)]
        return " ".join(said) or "it ended without a word"

    def dropped(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
        found = self.drops.findall(self._said())
        return sum(map(int, found)) if found else None

    def problem(self) -> str:
        if self._stopping:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
        return self._why()


class Dumpcap(_Program):
    """Wireshark's recorder."""

    name = "dumpcap"
    drops = re.compile(r"received/dropped on interface .*?: \d+/(\d+)")
    grace_s = 0.5  # it takes packets from the kernel some 250 ms late, and none after the signal

    def _arguments(self, interface: str, capture_filter: str) -> list[str]:
        wanted = ["-f", capture_filter] if capture_filter else []
        return ["-q", "-i", interface, *wanted, "-s", "0", "-w", "-"]


class Tcpdump(_Program):
    """The classic."""

    name = "tcpdump"
    drops = re.compile(r"(\d+) packets? dropped by kernel")
    grace_s = 0.5  # after the signal it leaves what still waits in the kernel's ring

    def _arguments(self, interface: str, capture_filter: str) -> list[str]:
        options = ["-U", "--immediate-mode", "--time-stamp-precision=nano", "-s", "0", "-n"]
        wanted = ["--", capture_filter] if capture_filter else []
        return [*options, "-i", interface, "-w", "-", *wanted]


_ETH_P_ALL = 3
_SOL_PACKET, _AUXDATA, _STATISTICS = 263, 8, 6
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33
_OUTGOING = 4
_LOOPBACK, _NO_HEADER = 772, 65534  # kinds of hardware
_VLAN_VALID, _VLAN_TPID_VALID = 1 << 4, 1 << 6
_AUX = struct.Struct("=IIIHHHH")  # tpacket_auxdata: status, length, captured, mac, net, vlan
_BUFFER_BYTES = 1 << 24
_PACKET_BYTES = 1 << 18
_MANY = 256  # packets that are handed over together


class RawSocket:
    """A packet socket, for a computer that has neither of the programs."""

    name = "raw"

    def __init__(self, interface: str, capture_filter: str) -> None:
        if capture_filter:
            raise RecorderError(
                Text(
                    "a raw socket takes no --filter: install tcpdump or Wireshark's dumpcap for "
                    "that",
                    "原始套接字不支持 --filter：请安装 tcpdump 或 Wireshark 的 dumpcap",
                )
            )
        if interface == _ANY:
            raise RecorderError(
                Text(
                    "a raw socket records one interface: name it, or install tcpdump or dumpcap",
                    "原始套接字只能抓取一个接口：请给出接口名，或安装 tcpdump 或 dumpcap",
                )
            )
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0))
        except PermissionError as error:
            told = Text("a raw socket: not permitted", "原始套接字：没有权限")
            raise RecorderError(told, forbidden=True) from error
        except (OSError, AttributeError) as error:
            told = Text(f"there are no raw sockets here: {error}", f"这里没有原始套接字：{error}")
            raise RecorderError(told) from error
        self._wake, self._bell = os.pipe()
        self._dropped = 0
        self._stopped, self._problem = False, ""
        self._out = io.BytesIO()
        try:
            self._prepare(interface)
        except BaseException:
            self.close()
            raise

    def _prepare(self, interface: str) -> None:
        sock = self._socket
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        try:
            sock.bind((interface, _ETH_P_ALL))
        except OSError as error:
            why = reason_of(error)
            raise RecorderError(Text(f"{interface}: {why.en}", f"{interface}：{why.zh}")) from error
        self._hardware = sock.getsockname()[3]
        if self._hardware not in (_ETHERNET, _LOOPBACK, _NO_HEADER):
            raise RecorderError(
                Text(
                    f"{interface} is neither Ethernet nor loopback: install tcpdump or dumpcap for "
                    "it",
                    f"{interface} 既不是以太网接口也不是回环接口：请安装 tcpdump 或 dumpcap",
                )
            )
        link = LINK_RAW if self._hardware == _NO_HEADER else _ETHERNET
        self._writer = PcapngWriter(self._out, link, interface)
        sock.setblocking(False)

    def begin(self) -> None:
        """It does from its making on."""

    def ready(self, timeout_s: float) -> bool:
        """Whether packets have come, or it was told to stop."""
        if self._out.tell() or self._stopped:
            return True
        return bool(select.select([self._socket.fileno(), self._wake], [], [], timeout_s)[0])

    def read1(self, size: int = -1, /) -> bytes:
        """Packets that have come, as pcapng."""
        while not self._out.tell() and not self._stopped:
            ready, _, _ = select.select([self._socket.fileno(), self._wake], [], [])
            if self._wake in ready:
                self._stopped = True
            self._take()
        data = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return data

    def _take(self) -> None:
        """Write the packets that have come."""
        for _ in range(_MANY):
            try:
                data, more, _, sender = self._socket.recvmsg(_PACKET_BYTES, 256)
            except BlockingIOError:
                return
            except OSError as error:  # the interface has gone
                self._stopped, self._problem = True, error.strerror or str(error)
                return
            if self._hardware == _LOOPBACK and sender[2] == _OUTGOING:
                continue  # it comes in again
            self._writer.packet(*_described(data, more))

    def stop(self) -> None:
        """Wake the reader for the last time."""
        with contextlib.suppress(OSError):
            os.write(self._bell, b"x")

    def close(self) -> None:
        """Free what it has."""
        if self._socket.fileno() >= 0:
            self._count()
            self._socket.close()
            os.close(self._wake)
            os.close(self._bell)

    def _count(self) -> None:
        """The kernel's count, which it forgets when asked."""
        with contextlib.suppress(OSError):
            counts = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8)
            self._dropped += struct.unpack("=II", counts)[1]

    def dropped(self) -> int | None:
        """As the kernel counts them."""
        if self._socket.fileno() >= 0:
            self._count()
        return self._dropped

    def problem(self) -> str:
        """Why it ended, if nobody told it to."""
        return self._problem


def _described(data: bytes, more: list[tuple[int, int, bytes]]) -> tuple[int, bytes]:
    """When a packet came, and the packet with the VLAN tag that the kernel took off."""
    time_ns = 0
    for level, kind, value in more:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("=qq", value[:16])
            time_ns = seconds * 10**9 + nanoseconds
        elif level == _SOL_PACKET and kind == _AUXDATA and len(value) >= _AUX.size:
            status, *_, tag, protocol = _AUX.unpack_from(value)
            if status & _VLAN_VALID:
                protocol = protocol if status & _VLAN_TPID_VALID else 0x8100
                data = data[:12] + struct.pack("!HH", protocol, tag) + data[12:]
    return time_ns or time.time_ns(), data


RECORDERS: dict[str, type[Dumpcap] | type[Tcpdump] | type[RawSocket]] = {
    "dumpcap": Dumpcap,
    "tcpdump": Tcpdump,
    "raw": RawSocket,
}


def start(interface: str, capture_filter: str = "", name: str | None = None) -> Recorder:
    """Begin to record; what is sent from here on is recorded.

    Args:
        interface: its name; "any" for all, where a program records.
        capture_filter: a BPF filter such as "port 4433"; "" = everything.
        name: of the recorder; None = the first that works.

    Raises:
        RecorderError: none does.
    """
    if interface != _ANY and interface not in interfaces():
        there = ", ".join(interfaces())
        raise RecorderError(
            Text(
                f"there is no interface {interface!r}; there are: {there}",
                f"没有名为 {interface!r} 的网络接口；现有：{there}",
            )
        )
    failed = list[RecorderError]()
    for one in [name] if name is not None else RECORDERS:
        try:
            recorder = RECORDERS[one](interface, capture_filter)
            recorder.begin()
            return recorder
        except RecorderError as error:
            failed.append(error)
            if not (error.forbidden or error.absent):
                break
    raise RecorderError(
        Text(
            "; ".join(dict.fromkeys(error.text.en for error in failed)),
            "；".join(dict.fromkeys(error.text.zh for error in failed)),
        ),
        forbidden=any(error.forbidden for error in failed),
        absent=all(error.absent for error in failed),
    )
