"""Run ``tlcp`` as a process, and servers beside it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tlcp

LIMIT_S = 60.0  # nothing here takes so long; what hangs is killed and fails its test
_SOURCE = str(Path(tlcp.__file__).parents[1])

Words = str | Path


def environment(**more: str) -> dict[str, str]:
    """The process environment without what would change the output."""
    dropped = ("SSLKEYLOGFILE", "FORCE_COLOR", "NO_COLOR", "PYTHONPATH", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": _SOURCE, **more}


def command(*words: Words) -> list[str]:
    return [sys.executable, "-m", "tlcp", *map(str, words)]


def run(*words: Words, data: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end; ``more`` are environment variables."""
    done = subprocess.run(
        command(*words),
        input=data,
        capture_output=True,
        timeout=LIMIT_S,
        env=environment(**more),
        check=False,
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode()
    return done


@dataclass(slots=True)
class Server:
    """A ``tlcp serve`` that listens.

    Attributes:
        address: as HOST:PORT.
        host, port: the same, apart.
        process: the process.
        log: what it printed on stderr so far, complete after ``wait``.
    """

    address: str
    host: str
    port: int
    process: subprocess.Popen[bytes]
    log: str = ""

    def line(self) -> str:
        """The next line of its log; waits for it."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline().decode()
        assert line, f"the server ended: {self.log}"
        self.log += line
        return line.rstrip("\n")

    def wait(self) -> int:
        """Wait for its end, and read the rest of its log."""
        assert self.process.stderr is not None
        self.log += self.process.stderr.read().decode()
        assert "Traceback" not in self.log, self.log
        return self.process.wait(LIMIT_S)


@contextlib.contextmanager
def serving(*words: Words, listen: str = "127.0.0.1:0") -> Iterator[Server]:
    """A server process until the end of the block."""
    process = subprocess.Popen(
        command("serve", listen, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    timer = threading.Timer(LIMIT_S, process.kill)
    timer.start()
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("listening on "), process.stderr.read().decode()
        address = line.removeprefix("listening on ").strip()
        host, _, port = address.rpartition(":")
        yield Server(address, host.strip("[]"), int(port), process)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        timer.cancel()
        process.stdout.close()
        process.stderr.close()


@contextlib.contextmanager
def answering(answer: bytes, *, read_first: bool = True) -> Iterator[str]:
    """A server of another kind: sends every client the bytes and closes; gives HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    _answer(listener.accept()[0], answer, read_first=read_first)

        thread = threading.Thread(target=work)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        thread.join(LIMIT_S)


def _answer(sock: socket.socket, answer: bytes, *, read_first: bool) -> None:
    with sock, contextlib.suppress(ConnectionError):
        if read_first:
            sock.recv(1 << 16)
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass
