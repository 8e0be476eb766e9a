"""``tlcp inspect`` beside tshark, on one capture of 1 GiB with 100,000 connections.

Like is compared with like: one line each, every field in text, and JSON. Both decrypt everything
by the same key log. tshark's line is one for a packet and ours for a connection; ours also verifies
both signatures, both chains and both Finished of every connection, which tshark never does. tshark
puts TCP streams together in one process, ``tlcp inspect`` uses every processor; memory is that of
all its processes, shared pages counted once (PSS).

JSON is measured on a tenth of the connections: tshark needs minutes for it.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.capture_file import LargeCapture, write_capture
from benchmarks.libraries import TSHARK
from benchmarks.measure import OURS, Case, Measured, Room

__all__ = ["cases"]

GROUP = "inspect"
CONNECTIONS, QUICK_CONNECTIONS = 100_000, 1_000
HANDSHAKES = 2_000  # of them are different
DATA_BYTES = 7_500  # of each: with its handshake and headers, a file of 1 GiB
_SAMPLE_S = 0.1
_LIMIT_S = 3_600


class Form(NamedTuple):
    """What is compared: its name, our options, tshark's, and whether on a tenth."""

    name: str
    ours: tuple[str, ...]
    tshark: tuple[str, ...]
    tenth: bool


FORMS = (
    Form("one line each", ("--brief",), (), tenth=False),
    Form("text", (), ("-V",), tenth=False),
    Form("JSON", ("--json",), ("-T", "json"), tenth=True),
)


class Run(NamedTuple):
    """One run of a program: wall time, and the most memory of all its processes together."""

    seconds: float
    kib: float


def cases() -> Iterator[Case]:
    """Time for each connection, then memory, for each form."""
    for form in FORMS:
        yield Case(GROUP, f"inspect: {form.name}", "us", _time(form), (TSHARK,))
        yield Case(GROUP, f"inspect: {form.name}, PSS", "KiB", _memory(form), (TSHARK,))


def _time(form: Form) -> Callable[[Room], Measured]:
    def run(room: Room) -> Measured:
        count = _capture(room, form).connections
        return {who: [1e6 * one.seconds / count] for who, one in _runs(room, form).items()}

    return run


def _memory(form: Form) -> Callable[[Room], Measured]:
    return lambda room: {who: [one.kib] for who, one in _runs(room, form).items()}


def _capture(room: Room, form: Form) -> LargeCapture:
    count = room.pace.pick(CONNECTIONS, QUICK_CONNECTIONS) // (10 if form.tenth else 1)

    def make() -> LargeCapture:
        folder = room.folder / f"inspect-{count}"
        folder.mkdir()
        return write_capture(folder, count, DATA_BYTES, min(HANDSHAKES, count))

    return room.once(("capture", count), make)


def _runs(room: Room, form: Form) -> dict[str, Run]:
    capture = _capture(room, form)

    def make() -> dict[str, Run]:
        ours = [sys.executable, "-m", "tlcp", "inspect", str(capture.pcap), *form.ours]
        ours += ["--keylog", str(capture.key_log), "--ca", str(capture.ca)]
        found = {OURS: _run(ours)}
        if program := shutil.which("tshark"):
            theirs = [program, "-n", "-r", str(capture.pcap), *form.tshark]
            found[TSHARK] = _run([*theirs, "-o", f"tls.keylog_file:{capture.key_log}"])
        return found

    return room.once(("inspect", form.name), make)


def _run(command: Sequence[str]) -> Run:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_S):
            most[0] = max(most[0], sum(map(_pss_kib, _family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        status = process.wait(_LIMIT_S)
    finally:
        ended.set()
        watcher.join()
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{Path(command[0]).name} ended with status {status}")
    return Run(seconds, most[0])


def _family(pid: int) -> Iterator[int]:
    """A process and all below it, as far as they are still there."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _pss_kib(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0
