"""Turns and medians: how a time is taken.

The libraries of a case take turns of a few milliseconds, forwards and backwards, so that whatever
else the machine does hurts all of them. What counts is the median of the turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

__all__ = [
    "OURS",
    "Call",
    "Case",
    "Figures",
    "Measured",
    "Pace",
    "Room",
    "Unit",
    "alternate",
    "figures",
    "seconds_per_call",
    "timed",
    "whole",
]

OURS = "tlcp"
T = TypeVar("T")

#: "us" (microseconds) and "KiB": less is better; "MB/s": more is.
Unit = Literal["us", "MB/s", "KiB"]
#: What one run of a case gives: figures in its unit for each library, one for each turn; also for
#: the ``whole`` of each where the case is a part of something.
Measured = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is measured.

    Attributes:
        turns: of each library.
        turn_seconds: how long one turn is to last, about.
        quick: small numbers everywhere.
    """

    turns: int = 31
    turn_seconds: float = 0.018
    quick: bool = False

    def pick(self, full: int, quick: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Call:
    """What is timed, and what is done before each call while the clock stands still."""

    run: Callable[[], object]
    before: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Median and quartiles of the turns."""

    median: float
    low: float
    high: float
    turns: int

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, in percent of the median."""
        return 50 * (self.high - self.low) / self.median if self.median else 0.0


@dataclass
class Room:
    """What the cases of one run share.

    Attributes:
        pace: how much is measured.
        folder: a directory for files, gone after the run.
        stack: closes what must be closed, after the run.
    """

    pace: Pace
    folder: Path
    stack: ExitStack
    _made: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What ``make`` returned when it was called for this key first."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table.

    Attributes:
        group: what it belongs to.
        name: unique, and says what one call does.
        unit: of its figures.
        run: measures it.
        peers: whom it is compared with, the most important one first; some may be missing.
        has_ratio: whether dividing one figure by another says something.
    """

    group: str
    name: str
    unit: Unit
    run: Callable[[Room], Measured]
    peers: tuple[str, ...] = ()
    has_ratio: bool = True


def whole(library: str) -> str:
    """The name under which a case gives a library's figures of what the case is a part of."""
    return f"{library}, whole"


def seconds_per_call(call: Call, calls: int) -> float:
    """Mean time of one call over one turn."""
    clock, run = time.perf_counter_ns, call.run
    if call.before is None:
        start = clock()
        for _ in range(calls):
            run()
        return (clock() - start) / calls / 1e9
    total = 0
    for _ in range(calls):
        call.before()
        start = clock()
        run()
        total += clock() - start
    return total / calls / 1e9


def alternate(calls: Mapping[str, Call], pace: Pace) -> dict[str, list[float]]:
    """Seconds per call of each library, one figure for each of its turns."""
    counts = {}
    for name, call in calls.items():
        once = min(seconds_per_call(call, 1) for _ in range(3))  # the first one warms up
        counts[name] = max(1, round(pace.turn_seconds / max(once, 1e-9)))
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(pace.turns):
        for name in order:
            gc.collect()  # nobody pays for another one's garbage; within the turn it stays on
            taken[name].append(seconds_per_call(calls[name], counts[name]))
        order.reverse()
    return taken


def timed(make: Callable[[Room], Mapping[str, Call]], size: int = 0) -> Callable[[Room], Measured]:
    """A case's ``run`` that takes turns.

    Args:
        make: prepares the calls, ours first.
        size: bytes that one call works on: the figures are then MB/s, else microseconds.
    """

    def run(room: Room) -> Measured:
        taken = alternate(make(room), room.pace)
        return {
            name: [size / one / 1e6 if size else one * 1e6 for one in times]
            for name, times in taken.items()
        }

    return run


def figures(values: Sequence[float]) -> Figures:
    """Median and quartiles; a single value is all three."""
    if len(values) == 1:
        return Figures(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figures(median, low, high, len(values))
