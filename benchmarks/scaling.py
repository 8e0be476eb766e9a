"""Many handshakes in one process: whether each costs as much as the first, and what stays.

Each library has a process of its own, whose resident memory is then its own too; the two take
turns of at most 250 handshakes. Mutual, ECC_SM4_GCM_SM3, new connections each time; of ours nothing
is forgotten between them.

Other processes of this module: ``serve KIND FOLDER``.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.handshake import parties
from benchmarks.libraries import TONGSUO, missing
from benchmarks.measure import OURS, Case, Measured, Room
from benchmarks.memory import resident_bytes
from benchmarks.parties import HOST, Configs, Parties, handshake
from benchmarks.tongsuo import TongsuoPair
from peers.files import PartyFiles
from tlcp.config import ClientAuth
from tlcp.suites import ECC_SM4_GCM_SM3

__all__ = ["cases"]

GROUP = "scaling"
STEPS = (1, 100, 1_000, 10_000)
_TURN = 250
_ROOT = Path(__file__).resolve().parents[1]


def cases() -> Iterator[Case]:
    """The mean of the first N handshakes, then what the process has grown by."""
    for count in STEPS:
        name = f"{count:,} handshake{'s' if count > 1 else ''} in one process"
        yield Case(GROUP, name, "us", _mean_of(count), (TONGSUO,))
    yield Case(GROUP, "growth per 1,000 handshakes", "KiB", _growth, (TONGSUO,), False)


class Runner:
    """A process that does handshakes of one library and tells what they took."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scaling", "serve", kind, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        self.seconds: list[float] = []  # of each handshake
        self.resident = {0: self.run(0)}  # bytes after so many

    def run(self, count: int) -> int:
        """Do so many more; returns the resident bytes after them."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError("the process that does handshakes has died")
        answer = json.loads(said)
        self.seconds += answer["seconds"]
        resident: int = answer["resident"]
        return resident

    def end(self) -> None:
        """Let it end."""
        self._process.communicate("")


def _runners(room: Room) -> dict[str, Runner]:
    def make() -> dict[str, Runner]:
        folder = parties(room, 0).client.ca.parent
        found = {}
        for name in (OURS, TONGSUO):
            if not missing(name):
                found[name] = Runner(name, folder)
                room.stack.callback(found[name].end)
        return found

    return room.once("scaling", make)


def _go(room: Room, count: int) -> dict[str, Runner]:
    """Let each do handshakes until it has done ``count``."""
    runners = _runners(room)
    for step in (*(step for step in STEPS if step < count), count):
        while pending := [one for one in runners.values() if len(one.seconds) < step]:
            for one in pending:
                resident = one.run(min(_TURN, step - len(one.seconds)))
                one.resident[len(one.seconds)] = resident
    return runners


def _limit(room: Room, count: int) -> int:
    return min(count, room.pace.pick(STEPS[-1], 1_000))


def _mean_of(count: int) -> Callable[[Room], Measured]:
    """Means over turns of a hundredth of them; the median is close to that of single ones."""

    def run(room: Room) -> Measured:
        most = _limit(room, count)
        if most < count:
            return {}  # left out when quick
        piece = max(1, count // 100)
        found = {}
        for name, runner in _go(room, count).items():
            seconds = runner.seconds[:count]
            found[name] = [
                sum(seconds[at : at + piece]) / piece * 1e6 for at in range(0, count, piece)
            ]
        return found

    return run


def _growth(room: Room) -> Measured:
    """After the first hundred, which fill what a library keeps once."""
    most = _limit(room, STEPS[-1])
    return {
        name: [(one.resident[most] - one.resident[100]) / 1024 / (most - 100) * 1000]
        for name, one in _go(room, most).items()
    }


def _serve(kind: str, folder: Path) -> None:
    """Numbers come in on standard input, what they took goes out on standard output."""
    files = Parties(PartyFiles.named(folder, "client"), PartyFiles.named(folder, "server"))
    if kind == OURS:
        configs = Configs.load(files, ECC_SM4_GCM_SM3, ClientAuth.REQUIRED)

        def once() -> object:
            return handshake(configs)
    else:
        suite = ECC_SM4_GCM_SM3.openssl_name
        once = TongsuoPair(files.client, files.server, suite, HOST).handshake
    clock = time.perf_counter
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = clock()
            once()
            seconds.append(clock() - start)
        gc.collect()
        print(json.dumps({"seconds": seconds, "resident": resident_bytes()}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] != ["serve"]:
        raise SystemExit("python -m benchmarks --only scaling")
    _serve(sys.argv[2], Path(sys.argv[3]))
