"""A statistical timing test: refusals that must not be told apart by how long they take.

Inputs of two classes are taken in random turns, in several repeats.  A difference that every repeat
shows must be smaller than the bound, and beside each kind of bound a difference of three times its
size is planted, which must be found in the same run: else the test would have seen nothing.  That
the kernels do not depend on secrets is shown otherwise, by valgrind (``docs/constant-time.md``);
this looks at the whole, Python included, as somebody near by could.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence
from random import Random
from typing import Final

from assurance.figures import Result, Tell
from assurance.timing_attempts import Attempt, attempts, mac_ns
from assurance.timing_statistics import Compared, Times, compare

__all__ = ["TITLE", "judge", "measure", "run"]

TITLE: Final = "A statistical timing test of refusals (dudect's t, and what every repeat shows)"

_REPEATS: Final = 5
_SHORT_S, _LONG_S = 0.3, 4.0  # for each repeat of each attempt
_WARM_UP: Final = 50
_LEAST: Final = 50  # inputs of each class, however long they take


def run(*, long: bool, tell: Tell) -> Result:
    """All attempts in turns, so that what disturbs the machine for a while disturbs one repeat."""
    result, known = Result(), attempts()
    times: list[list[Times]] = [[] for _ in known]
    for repeat in range(_REPEATS):
        tell(f"repeat {repeat + 1} of {_REPEATS}")
        for attempt, found in zip(known, times, strict=True):
            found.append(measure(attempt, _LONG_S if long else _SHORT_S, seed=repeat))
    for attempt, found in zip(known, times, strict=True):
        judge(result, attempt, compare(found))
    result.add("for comparison: a MAC over a record of 512 bytes, in C", round(mac_ns()), "ns")
    result.notes += [
        f"every difference is measured {_REPEATS} times, and what is bounded is what every repeat "
        "shows, in one direction, at the 10th, 25th, 50th or 75th percentile: what disturbs a "
        "machine for a while does not fail the test, and what is always there cannot pass",
        "what is planted is three times the bound, in the same path, and must be found in the same "
        "run: the claim is that a difference of that size does not go unnoticed, and no more",
        f"the load meanwhile was {os.getloadavg()[1]:.1f} on {os.cpu_count()} processors: what is "
        "above their number is other work",
        "|t| is the largest over all times and over those below six percentiles. dudect calls more "
        "than 4.5 a hint and more than 10 a leak; with many samples a nanosecond is enough, so it "
        "is told and not bounded",
        "Python adds noise of microseconds (allocation, exceptions, dictionaries) to both classes "
        "alike; it hides small differences from this test as from an attacker, and proves nothing",
        "CBC with SHA-256 opens its records in Python: copies of texts of secret length take "
        "longer the longer they are; RSA_SM4_GCM_SHA256 has no such thing "
        "(docs/constant-time.md)",
        "a point off the curve is refused before the private key is used: faster, and known to "
        "whoever chose it; no secret. A ciphertext that decrypts spares an exception: only "
        "whoever encrypted it can make one, for C3 covers the plaintext",
        "signatures are verified in a time that depends on them; they are public",
    ]
    return result


def judge(result: Result, attempt: Attempt, found: Compared) -> None:
    """Add the figures of an attempt, with the bound that it must keep."""
    name, bound = attempt.name, attempt.bound_ns
    result.add(f"{name}: samples", found.samples)
    result.add(f"{name}: largest |t|", round(found.t, 1))
    result.add(f"{name}: difference of the medians", round(abs(found.difference_ns)), "ns")
    least, most = (bound, None) if attempt.planted else (None, bound)
    result.add(f"{name}: shown by every repeat", round(found.shown_ns), "ns",
               least=least, most=most)  # fmt: skip


def measure(attempt: Attempt, seconds: float, *, seed: int = 0) -> Times:
    """Time inputs of both classes, in random turns, for so long."""
    draw = Random(seed)  # noqa: S311  (no secret)
    times: tuple[list[int], list[int]] = [], []
    makers = attempt.first, attempt.second
    for count in range(_WARM_UP):
        makers[count % 2]()()
    collects, clock = gc.isenabled(), time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end or min(map(len, times)) < _LEAST:
            for which in _turns(draw):
                ready = makers[which]()
                begin = clock()
                ready()
                times[which].append(clock() - begin)
            if len(times[0]) % 1000 == 0:
                gc.collect()
    finally:
        if collects:
            gc.enable()
    return times


def _turns(draw: Random) -> Sequence[int]:
    """Both classes next to each other, in random order."""
    return (0, 1) if draw.randrange(2) else (1, 0)
