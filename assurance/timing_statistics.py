"""Whether two sets of times differ, as dudect asks it: Welch's t, also of the times cropped.

A leak may hide among slow outliers, so the test is repeated with only the times below several
percentiles of all of them, and the largest |t| counts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Compared", "compare", "welch"]

_CROPS: Final = (1.0, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1)
_LEAST: Final = 50  # times of a class, or the test says nothing


@dataclass(frozen=True)
class Compared:
    """Two classes of times.

    Attributes:
        samples: of both together.
        t: the largest |t|.
        difference_ns: of the medians, the second class less the first.
    """

    samples: int
    t: float
    difference_ns: float


def welch(first: Sequence[float], second: Sequence[float]) -> float:
    """Welch's t of two samples; 0.0 where it is not defined."""
    if min(len(first), len(second)) < 2:
        return 0.0
    means = statistics.fmean(first), statistics.fmean(second)
    spread = _variance(first, means[0]) / len(first) + _variance(second, means[1]) / len(second)
    return (means[0] - means[1]) / math.sqrt(spread) if spread else 0.0


def _variance(values: Sequence[float], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def compare(first: Sequence[float], second: Sequence[float]) -> Compared:
    """Compare the times of two classes, in nanoseconds."""
    pooled = sorted([*first, *second])
    largest = 0.0
    for share in _CROPS:
        most = pooled[max(0, math.ceil(share * len(pooled)) - 1)]
        kept = [[value for value in values if value <= most] for values in (first, second)]
        if min(map(len, kept)) >= _LEAST:
            largest = max(largest, abs(welch(*kept)))
    difference = statistics.median(second) - statistics.median(first)
    return Compared(len(pooled), largest, difference)
