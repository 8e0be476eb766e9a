"""A wire that fails at every byte, processes that are killed, clocks that jump."""

from __future__ import annotations

import collections
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

from assurance.children import Child
from assurance.figures import Result, Tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assurance import faults_clock, faults_killed
from assurance.faults_judge import is_harmless, judged
from assurance.faults_scenes import Scene, scenes
from assurance.faults_wire import FAULTS, MOST_S, Fault, Run, cross

__all__ = ["TITLE", "run"]

TITLE: Final = "Faults: wires that fail, processes that are killed, clocks that jump"

_PROCESSES: Final = 2
_THREADS: Final = 32
_SHOWN: Final = 10  # failures
_STRIDES: Final = {"sockets": 61, "asyncio": 293}  # of bytes, in the short form
#: Which of the scenes, and what happens there.
Case = tuple[int, Fault]


def run(*, long: bool, tell: Tell) -> Result:
    """The long form takes every byte, the short one a sample."""
    result, known = Result(), scenes()
    bytes_of = dict[str, int]()
    cases: dict[str, list[Case]] = {"sockets": [], "asyncio": []}
    for number, scene in enumerate(known):
        good = cross(Fault("none", "client", 0), scene.contexts, loops=False)
        result.failures += judged(good, loops=False, resumes=scene.resumes)
        bytes_of[scene.name] = sum(map(len, good.sent.values()))
        for ends, found in cases.items():
            stride = 1 if long else _STRIDES[ends] * (1 if number == 0 else 2)
            # kinds of faults at each place
            most = len(FAULTS) if (ends, number) == ("sockets", 0) else 2
            most = 1 if ends == "asyncio" and number else most
            found += [(number, fault) for fault in _faults(good, stride, most)]
    for ends, found in cases.items():
        tell(f"{len(found)} faults of the wire between two ends on {ends}")
        _wire(result, found, known, ends)
    result.notes += [
        "in the long form a fault at every byte of each: on sockets, all kinds in "
        f"{known[0].name}, in the others a changed byte and one more in turns; on asyncio, a "
        "changed byte and one more in the first, one in turns in the others",
        "what must end a connection is told by kind and place of the fault: a record whose check "
        "fails, a header, or what a damaged message can mean; whoever refuses must have told "
        "the other, by the alert of its error",
        "asyncio closes without sending the alert that its TLS object has made, whoever implements "
        "TLS (python/cpython#98078): its peers see a reset",
    ]
    for name, size in bytes_of.items():
        result.add(f"bytes of a connection: {name}", size)
    result.add("kinds of faults of the wire", len(FAULTS))
    faults_killed.run(result, tell, long=long)
    faults_clock.run(result, tell)
    return result


def _faults(good: Run, stride: int, most: int) -> Iterator[Fault]:
    """So many kinds at every place, or at some; if not all, then in turns, and a changed byte."""
    others = [kind for kind in FAULTS if kind != "corrupt"]
    for sender in ("client", "server"):
        for count, offset in enumerate(range(0, len(good.sent[sender]), stride)):
            kinds: Sequence[str] = FAULTS
            if most == 2:
                kinds = ("corrupt", others[count % len(others)])
            elif most == 1:
                kinds = (FAULTS[count % len(FAULTS)],)
            for number, kind in enumerate(kinds):
                # in a sample each kind is elsewhere, so that all parts are met
                at = offset + number * 7 % stride
                if at < len(good.sent[sender]):
                    yield Fault(kind, sender, at)


def _wire(result: Result, cases: list[Case], known: Sequence[Scene], ends: str) -> None:
    loops = ends == "asyncio"
    shares = [cases[n::_PROCESSES] for n in range(_PROCESSES)]
    children = [Child(_work, share, known, loops) for share in shares]
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
    survived = len(cases) - told["failed"]
    result.add(f"{ends}: faults of the wire survived", survived, least=len(cases))
    result.add(f"{ends}: of them ended both ends well", told["harmless"])
    result.add(f"{ends}: slowest end", slowest, "s", most=MOST_S)
    for name, count in sorted(told.items()):
        if name.startswith("error "):
            result.add(f"{ends}: ended with {name[6:]}", count)


def _work(pipe: Pipe, cases: list[Case], known: Sequence[Scene], loops: bool) -> None:
    """Run a share, and say (counts, failures, the slowest end's seconds)."""
    counted, failures, slowest = collections.Counter[str](), list[str](), 0.0

    def one(case: Case) -> tuple[Run, list[str]]:
        scene = known[case[0]]
        seen = cross(case[1], scene.contexts, loops=loops)
        wrong = judged(seen, loops=loops, resumes=scene.resumes)
        return seen, [f"{scene.name}: {what}" for what in wrong]

    with ThreadPoolExecutor(_THREADS) as pool:
        for seen, wrong in pool.map(one, cases):
            counted["failed"] += bool(wrong)
            counted["harmless"] += is_harmless(seen)
            failures += wrong
            slowest = max(slowest, seen.client.seconds, seen.server.seconds)
            for end in (seen.client, seen.server):
                if end.error is not None:
                    counted[f"error {type(end.error).__name__}"] += 1
    pipe.send((dict(counted), failures, slowest))
