"""The statistics of the timing test, and that its attempts end in the refusals that they time."""

from __future__ import annotations

from random import Random

import pytest
from assurance.timing import measure
from assurance.timing_attempts import Attempt, Ready, attempts
from assurance.timing_statistics import compare, welch


def _times(seed: str, mean: float, count: int = 2000) -> list[float]:
    draw = Random(seed)  # noqa: S311
    return [draw.gauss(mean, 100) for _ in range(count)]


def test_welch_of_known_values() -> None:
    assert welch([1, 2, 3, 4], [2, 4, 6, 8]) == pytest.approx(-(3**0.5))
    assert welch([1.0, 1.0], [1.0, 1.0]) == welch([1.0], [2.0]) == 0.0


def test_what_is_alike_is_alike_and_what_differs_is_seen() -> None:
    alike = compare(_times("a", 5000), _times("b", 5000))
    assert alike.t < 4.5
    assert alike.samples == 4000
    apart = compare(_times("a", 5000), _times("b", 5040))
    assert apart.t > 10
    assert apart.difference_ns == pytest.approx(40, abs=15)


def test_a_leak_among_outliers_is_seen_when_they_are_cropped() -> None:
    first, second = _times("a", 5000), _times("b", 5040)
    draw = Random("outliers")  # noqa: S311
    for times in (first, second):
        for at in range(0, len(times), 7):
            times[at] += draw.random() * 1e6
    assert abs(welch(first, second)) < 4.5
    assert compare(first, second).t > 4.5


def test_both_classes_of_every_attempt_are_refused() -> None:
    for attempt in attempts():
        for make in (attempt.first, attempt.second):
            for _ in range(3):
                make()()  # raises if it is not the refusal that is timed


def test_only_a_refusal_is_timed() -> None:
    def taken() -> Ready:
        return lambda: _raise(RuntimeError("it was taken"))

    with pytest.raises(RuntimeError, match="taken"):
        measure(Attempt("none", taken, taken), 0.01)


def _raise(error: Exception) -> None:
    raise error
