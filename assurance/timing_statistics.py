"""Whether two sets of times differ: as dudect asks it, and by how much that can be relied on.

dudect's question is Welch's t, also of the times cropped, for a leak may hide among slow outliers:
the largest |t| counts.  With many times it finds a nanosecond, and it finds noise, too, where
times are not independent.  So there is a second answer, in nanoseconds: the measurement is
repeated, and what *every* repeat shows, in the same direction and at the same quantile, is there.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Compared", "Times", "compare", "shown", "welch"]

_CROPS: Final = (1.0, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1)
_LEAST: Final = 50  # times of a class, or the test says nothing
_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75)

#: Of both classes, in nanoseconds, measured in turns.
Times = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Compared:
    """Two classes of times.

    Attributes:
        samples: of both together.
        t: the largest |t|.
        difference_ns: of the medians, the second class less the first.
        shown_ns: the difference that every repeat shows, without its sign.
    """

    samples: int
    t: float
    difference_ns: float
    shown_ns: float


def welch(first: Sequence[float], second: Sequence[float]) -> float:
    """Welch's t of two samples; 0.0 where it is not defined."""
    if min(len(first), len(second)) < 2:
        return 0.0
    means = statistics.fmean(first), statistics.fmean(second)
    spread = _variance(first, means[0]) / len(first) + _variance(second, means[1]) / len(second)
    return (means[0] - means[1]) / math.sqrt(spread) if spread else 0.0


def _variance(values: Sequence[float], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _largest_t(first: Sequence[float], second: Sequence[float]) -> float:
    pooled = sorted([*first, *second])
    largest = 0.0
    for share in _CROPS:
        most = pooled[max(0, math.ceil(share * len(pooled)) - 1)]
        kept = [[value for value in values if value <= most] for values in (first, second)]
        if min(map(len, kept)) >= _LEAST:
            largest = max(largest, abs(welch(*kept)))
    return largest


def shown(repeats: Sequence[Times]) -> float:
    """The difference that every repeat shows, at the quantile that shows most."""
    ordered = [(sorted(first), sorted(second)) for first, second in repeats]
    return max(_common([_apart(*pair, share) for pair in ordered]) for share in _QUANTILES)


def _apart(first: Sequence[float], second: Sequence[float], share: float) -> float:
    return second[int(share * len(second))] - first[int(share * len(first))]


def _common(differences: Sequence[float]) -> float:
    """The smallest, if all have one sign; else nothing is common to them."""
    same = all(one > 0 for one in differences) or all(one < 0 for one in differences)
    return min(map(abs, differences)) if same else 0.0


def compare(repeats: Sequence[Times]) -> Compared:
    """Compare the times of two classes, measured in several repeats."""
    first = [time for pair in repeats for time in pair[0]]
    second = [time for pair in repeats for time in pair[1]]
    difference = statistics.median(second) - statistics.median(first)
    samples = len(first) + len(second)
    return Compared(samples, _largest_t(first, second), difference, shown(repeats))
