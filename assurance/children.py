"""Processes of the lists: forked, so that they have the certificates that their parent made."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Child", "files_of", "memory_of", "need_files", "percentile"]

_PATIENCE_S = 120.0
_KIB = 1 << 10


class Child:
    """A process that runs ``work`` with one end of a pipe; it must not outlive its parent's use.

    Fork before there are threads.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.pipe, far = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(
            target=_run, args=(work, self.pipe, far, *arguments), daemon=True
        )
        self._process.start()
        far.close()

    def hear(self, timeout_s: float = _PATIENCE_S) -> Any:
        """The next thing that it says.

        Raises:
            TimeoutError: it says nothing.
            EOFError: it has ended.
        """
        if not self.pipe.poll(timeout_s):
            raise TimeoutError(f"process {self._process.pid} has said nothing for {timeout_s:g} s")
        return self.pipe.recv()

    def ask(self, what: Any, timeout_s: float = _PATIENCE_S) -> Any:
        """Say something and hear the answer."""
        self.pipe.send(what)
        return self.hear(timeout_s)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    @property
    def memory_kib(self) -> int:
        """What it holds of the machine's memory."""
        return memory_of(self.pid)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self.pipe.close()


def _run(work: Callable[..., None], near: Pipe, far: Pipe, *arguments: Any) -> None:
    near.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    with contextlib.suppress(EOFError, BrokenPipeError):
        work(far, *arguments)


def memory_of(process: int) -> int:
    """KiB that a process holds, by the system's count."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def files_of(process: int) -> int:
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))


def need_files(count: int) -> None:
    """Let this process, and those that it starts, open so many files.

    Raises:
        OSError: the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise OSError(
            f"a process may open {hard} files here, and {count} are needed: raise the hard limit "
            f"(ulimit -Hn {count}, LimitNOFILE= of systemd, --ulimit nofile={count} of docker)"
        )
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
