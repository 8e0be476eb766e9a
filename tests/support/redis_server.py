"""A real redis-server on a unix socket, that can be killed, stopped and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["RedisServer", "find_redis_server"]

TIMEOUT_S = 30.0


def find_redis_server() -> str:
    """The path of the program; skip the test where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    return program


class RedisServer:
    """A Redis that keeps nothing on disk, answering when the constructor returns.

    Attributes:
        url: for clients, with long timeouts; the same after ``start`` again.
    """

    def __init__(self) -> None:
        program = find_redis_server()
        # not pytest's directory: the path of a unix socket has 107 bytes at most
        self._directory = tempfile.TemporaryDirectory(prefix="tlcp-redis-")
        path = Path(self._directory.name)
        # a machine under load may take longer than a server would wait
        self.url = f"unix://{path}/socket?socket_timeout=30&socket_connect_timeout=30"
        self._command = [program, "--port", "0", "--unixsocket", f"{path}/socket"]
        self._command += ["--dir", str(path), "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty; returns when it accepts connections."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "ready to accept connections" in line.lower():
                return  # it says little more: the pipe will not fill
        self.kill()
        raise RuntimeError(f"redis-server did not start:\n{''.join(said)}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is None:
            return
        self._process.kill()  # reaches a stopped process, too
        self._process.wait(TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def freeze(self) -> None:
        """Let it accept connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._directory.cleanup()
