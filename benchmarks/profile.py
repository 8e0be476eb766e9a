"""Where the time of a handshake goes, by floors of the library: ``python -m benchmarks.profile``.

A mutual handshake in ECC_SM4_GCM_SM3, cold (``benchmarks/caches.py``), over and over. A timer's
signal asks about every fifth of a millisecond what is running: whose end, and in which file of
``src/tlcp`` or, below that, in which C kernel. The moments are random, for even ones would keep
step with the handshakes. A signal comes through when a C function has ended: all moments that went
by meanwhile count for it. Shares of these samples are applied to times measured without the timer.

Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Literal

import tlcp
from benchmarks import caches
from benchmarks.parties import HOST, Configs, make_parties
from tlcp import _native
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.suites import ECC_SM4_GCM_SM3

__all__ = ["Sampler", "main", "markdown"]

Role = Literal["client", "server"]
Key = tuple[str, str]  # role, layer

_PACKAGE = os.path.dirname(tlcp.__file__) + os.sep
_INTERVAL = 0.0002
_FLOORS = {  # from the top of docs/design.md to its bottom; what is not named is "other"
    "connection": "connection",
    "handshake": "handshake",
    "config": "config, events",
    "events": "config, events",
    "record": "record",
    "x509": "x509",
    "wire": "wire",
    "crypto": "crypto, Python",
}
_KERNEL = "kernel "


class Kernel:
    """A C function, called from a Python function of its own so that a sample can tell it."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class Kernels:
    """Stands for ``lib``: hands out each function as a ``Kernel``."""

    def __getattr__(self, name: str) -> Kernel:
        found = Kernel(name, getattr(_native.lib, name))
        setattr(self, name, found)
        return found


def watch_kernels() -> None:
    """Replace ``lib``, and functions taken from it, in every module that holds them."""
    kernels = Kernels()
    native = {id(getattr(_native.lib, name)): name for name in dir(_native.lib)}
    for name, module in list(sys.modules.items()):
        if not name.startswith("tlcp.") or name == "tlcp._native":
            continue
        for attribute, value in list(vars(module).items()):
            if value is _native.lib:
                setattr(module, attribute, kernels)
            elif id(value) in native:
                setattr(module, attribute, getattr(kernels, native[id(value)]))


class Sampler:
    """Counts what runs when the timer's signal comes.

    Attributes:
        counts: samples by (role, floor or kernel).
    """

    def __init__(self) -> None:
        self.counts: Counter[Key] = Counter()
        self.role: Role | None = None  # whose turn it is; nothing is counted when it is None
        self._next = 0.0  # the next moment to look at

    def __enter__(self) -> Sampler:
        self._before = signal.signal(signal.SIGALRM, self._sample)
        self._next = time.perf_counter() + _INTERVAL
        signal.setitimer(signal.ITIMER_REAL, _INTERVAL)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # first: a sample would wind it again
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        start, moments = time.perf_counter(), 0
        while self._next <= start:
            self._next += random.expovariate(1 / _INTERVAL)
            moments += 1
        if self.role is not None and moments:
            self.counts[self.role, layer(frame)] += moments
        now = time.perf_counter()
        self._next += now - start  # looking takes no time
        signal.setitimer(signal.ITIMER_REAL, max(self._next - now, 1e-6))


def layer(frame: FrameType | None) -> str:
    """The kernel or the floor that a frame belongs to; other code counts for its caller."""
    while frame is not None:
        code = frame.f_code
        if code is Kernel.__call__.__code__:
            return _KERNEL + str(frame.f_locals["self"].name)
        if code.co_filename.startswith(_PACKAGE):
            first = code.co_filename[len(_PACKAGE) :].split(os.sep)[0].removesuffix(".py")
            return _FLOORS.get(first, "other")
        frame = frame.f_back
    return "other"


def handshake(configs: Configs, turn: Callable[[Role | None], None]) -> None:
    """A handshake that says whose turn it is; making the two connections included."""
    turn("client")
    client = Connection.client(configs.client, server_name=HOST)
    turn("server")
    server = Connection.server(configs.server)
    while not client.handshake_completed:
        turn("client")
        data = client.data_to_send()
        turn("server")
        server.receive_data(data)
        while server.next_event() is not None:
            pass
        data = server.data_to_send()
        turn("client")
        client.receive_data(data)
        while client.next_event() is not None:
            pass
    turn(None)


def true_times(configs: Configs, count: int) -> dict[Role, float]:
    """Microseconds of each end, medians, with nothing watching."""
    clock = time.perf_counter_ns
    taken: dict[Role, list[float]] = {"client": [], "server": []}
    for _ in range(count):
        caches.forget_all()
        spent: dict[Role | None, int] = {"client": 0, "server": 0, None: 0}
        now: tuple[Role | None, int] = None, clock()

        def turn(role: Role | None) -> None:
            nonlocal now
            moment = clock()
            spent[now[0]] += moment - now[1]  # noqa: B023
            now = role, clock()

        handshake(configs, turn)
        for role, times in taken.items():
            times.append(spent[role] / 1000)
    return {role: median(times) for role, times in taken.items()}


def sample(configs: Configs, seconds: float) -> Counter[Key]:
    """Handshakes under the timer for so long."""
    watch_kernels()
    sampler = Sampler()

    def turn(role: Role | None) -> None:
        sampler.role = role

    end = time.monotonic() + seconds
    with sampler:
        while time.monotonic() < end:
            caches.forget_all()
            handshake(configs, turn)
    return sampler.counts


def markdown(counts: Counter[Key], times: dict[Role, float]) -> str:
    """The table: microseconds of each end, and shares of both."""
    totals = {role: sum(n for (whose, _), n in counts.items() if whose == role) for role in times}

    def spent(role: Role, name: str) -> float:
        return times[role] * counts[role, name] / (totals[role] or 1)

    def row(words: str, *names: str) -> str:
        client, server = (sum(spent(role, name) for name in names) for role in times)
        share = 100 * (client + server) / sum(times.values())
        return f"| {words} | {client:.0f} | {server:.0f} | {share:.1f} % |"

    names = {name for _, name in counts}
    kernels = sorted(
        (name for name in names if name.startswith(_KERNEL)),
        key=lambda name: -sum(spent(role, name) for role in times),
    )
    floors = [name for name in dict.fromkeys((*_FLOORS.values(), "other")) if name in names]
    return "\n".join(
        [
            "| where | client, µs | server, µs | of both |",
            "|---|---:|---:|---:|",
            *(row(f"C: `{name.removeprefix(_KERNEL)}`", name) for name in kernels),
            *(row(name, name) for name in floors),
            row("**all kernels**", *kernels),
            row("**all Python**", *floors),
            row("**a handshake**", *kernels, *floors),
        ]
    )


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of sampling (%(default)s)")
    seconds: float = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        parties = make_parties(Path(folder))
        caches.forget_all()
        configs = Configs.load(parties, ECC_SM4_GCM_SM3, ClientAuth.REQUIRED)
        true_times(configs, 50)
        times = true_times(configs, 1000)
        counts = sample(configs, seconds)
    print(f"ECC_SM4_GCM_SM3 mutual, cold; {sum(counts.values())} samples\n", file=sys.stderr)
    print(markdown(counts, times))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
