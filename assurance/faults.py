"""A wire that fails at every byte, processes that are killed, clocks that jump."""

from __future__ import annotations

import collections
import itertools
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final

from assurance.children import Child
from assurance.figures import Result, Tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assurance import faults_clock, faults_killed
from assurance.faults_judge import is_harmless, judged
from assurance.faults_wire import FAULTS, MOST_S, Fault, Run, cross
from support.sockets import client_context, server_context

__all__ = ["TITLE", "run"]

TITLE: Final = "Faults: wires that fail, processes that are killed, clocks that jump"

_PROCESSES: Final = 2
_THREADS: Final = 24
_SHORT_STRIDE: Final = 61  # of bytes, in the short form
_LOOP_STRIDES: Final = (293, 7)  # of asyncio's ends, short and long
_SHOWN: Final = 10  # failures


def run(*, long: bool, tell: Tell) -> Result:
    """The long form takes every byte, the short one a sample."""
    result = Result()
    contexts = client_context(), server_context()
    good = cross(Fault("none", "client", 0), contexts, loops=False)
    result.failures += judged(good, loops=False)
    for loops in (False, True):
        stride = _LOOP_STRIDES[long] if loops else (1 if long else _SHORT_STRIDE)
        faults = list(_faults(good, stride))
        ends = "asyncio" if loops else "sockets"
        tell(f"{len(faults)} faults of the wire between two ends on {ends}")
        _wire(result, faults, contexts, ends)
    result.notes.append(
        "asyncio closes without sending the alert that its TLS object has made, whoever implements "
        "TLS (python/cpython#98078): its peers see a reset"
    )
    result.add("bytes of the connection", sum(good.sent.values()))
    result.add("kinds of faults of the wire", len(FAULTS))
    faults_killed.run(result, tell, long=long)
    faults_clock.run(result, tell)
    return result


def _faults(good: Run, stride: int) -> Iterator[Fault]:
    for kind, sender in itertools.product(FAULTS, ("client", "server")):
        # each kind begins elsewhere, so that a sample meets all parts
        first = (FAULTS.index(kind) * 7) % stride
        for offset in range(first, good.sent[sender], stride):
            yield Fault(kind, sender, offset)


def _wire(result: Result, faults: list[Fault], contexts: Any, ends: str) -> None:
    loops = ends == "asyncio"
    shares = [faults[n::_PROCESSES] for n in range(_PROCESSES)]
    children = [Child(_work, share, contexts, loops) for share in shares]
    told = collections.Counter[str]()
    failures: list[str] = []
    slowest = 0.0
    for child in children:
        with child:
            counted, wrong, longest = child.hear(3600.0)
        told.update(counted)
        failures += wrong
        slowest = max(slowest, longest)
    result.failures += [f"{ends}: {failure}" for failure in failures[:_SHOWN]]
    survived = len(faults) - told["failed"]
    result.add(f"{ends}: faults of the wire survived", survived, least=len(faults))
    result.add(f"{ends}: of them ended both ends well", told["harmless"])
    result.add(f"{ends}: slowest end", slowest, "s", most=MOST_S)
    for name, count in sorted(told.items()):
        if name.startswith("error "):
            result.add(f"{ends}: ended with {name[6:]}", count)


def _work(pipe: Pipe, faults: list[Fault], contexts: Any, loops: bool) -> None:
    """Run a share, and say (counts, failures, the slowest end's seconds)."""
    counted, failures, slowest = collections.Counter[str](), list[str](), 0.0
    with ThreadPoolExecutor(_THREADS) as pool:
        for seen in pool.map(lambda fault: cross(fault, contexts, loops=loops), faults):
            wrong = judged(seen, loops=loops)
            counted["failed"] += bool(wrong)
            counted["harmless"] += is_harmless(seen)
            failures += wrong
            slowest = max(slowest, seen.client.seconds, seen.server.seconds)
            for end in (seen.client, seen.server):
                if end.error is not None:
                    counted[f"error {type(end.error).__name__}"] += 1
    pipe.send((dict(counted), failures, slowest))
