"""A statistical timing test: refusals that must not be told apart by how long they take.

Inputs of two classes are taken in random turns, and Welch's t says whether the times differ.  That
the kernels do not depend on secrets is shown otherwise, by valgrind (``docs/constant-time.md``);
this looks at the whole, Python included, as somebody near by could.
"""

from __future__ import annotations

import gc
import time
from random import Random
from typing import Final

from assurance.figures import Result, Tell
from assurance.timing_attempts import Attempt, attempts
from assurance.timing_statistics import Compared, compare

__all__ = ["TITLE", "measure", "run"]

TITLE: Final = "A statistical timing test of refusals (dudect's t)"

_SHORT_S, _LONG_S = 2.0, 32.0  # for each attempt
_WARM_UP: Final = 200
#: Of the medians.  Far above the noise of a busy machine and far below an SM2 operation left out.
_GROSS_NS: Final = 25_000


def run(*, long: bool, tell: Tell) -> Result:
    """All attempts, two seconds or half a minute each."""
    result = Result()
    for attempt in attempts():
        found = measure(attempt, _LONG_S if long else _SHORT_S)
        tell(f"{attempt.name}: |t| {found.t:.1f}, {found.difference_ns:+.0f} ns")
        _note(result, attempt, found, long=long)
    result.notes += [
        "|t| is the largest over all times and over those below six percentiles. dudect calls more "
        "than 4.5 a hint and more than 10 a leak; with many samples a nanosecond is enough, so the "
        "difference of the medians stands beside it, and that alone is bounded: a machine that "
        "does other things meanwhile must not fail the test",
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


def _note(result: Result, attempt: Attempt, found: Compared, *, long: bool) -> None:
    most = _GROSS_NS if attempt.secret and not attempt.control else None
    result.add(f"{attempt.name}: samples", found.samples)
    least = 4.5 if attempt.control and long else None
    result.add(f"{attempt.name}: largest |t|", round(found.t, 1), least=least)
    apart = round(abs(found.difference_ns))
    result.add(f"{attempt.name}: difference of the medians", apart, "ns", most=most)


def measure(attempt: Attempt, seconds: float) -> Compared:
    """Time inputs of both classes, in random turns, for so long."""
    draw = Random(1)  # noqa: S311  (no secret)
    times: tuple[list[int], list[int]] = [], []
    makers = attempt.first, attempt.second
    for count in range(_WARM_UP):
        makers[count % 2]()()
    collects, clock = gc.isenabled(), time.perf_counter_ns
    gc.disable()
    try:
        end = time.monotonic() + seconds
        count = 0
        while time.monotonic() < end:
            which = draw.randrange(2)
            ready = makers[which]()
            begin = clock()
            ready()
            times[which].append(clock() - begin)
            count += 1
            if count % 2000 == 0:
                gc.collect()
    finally:
        if collects:
            gc.enable()
    return compare(*times)
