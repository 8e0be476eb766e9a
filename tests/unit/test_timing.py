"""The statistics of the timing test, and that its attempts end in the refusals that they time."""

from __future__ import annotations

from random import Random

import pytest
from assurance.figures import Result
from assurance.timing import judge, measure
from assurance.timing_attempts import Attempt, Ready, attempts
from assurance.timing_statistics import Times, compare, shown, welch


def _times(seed: str, mean: float, count: int = 2000) -> list[float]:
    draw = Random(seed)  # noqa: S311
    return [draw.gauss(mean, 100) for _ in range(count)]


def test_welch_of_known_values() -> None:
    assert welch([1, 2, 3, 4], [2, 4, 6, 8]) == pytest.approx(-(3**0.5))
    assert welch([1.0, 1.0], [1.0, 1.0]) == welch([1.0], [2.0]) == 0.0


def _repeats(by: float, *, count: int = 5) -> list[Times]:
    return [(_times(f"a{n}", 5000), _times(f"b{n}", 5000 + by)) for n in range(count)]


def test_what_is_alike_is_alike_and_what_differs_is_seen() -> None:
    alike = compare(_repeats(0))
    assert alike.t < 4.5
    assert alike.samples == 20_000
    assert alike.shown_ns < 10
    apart = compare(_repeats(40))
    assert apart.t > 10
    assert apart.difference_ns == pytest.approx(40, abs=15)
    assert apart.shown_ns == pytest.approx(40, abs=15)


def test_only_what_every_repeat_shows_is_there() -> None:
    """A machine that is disturbed for a while, and a leak that shows in few of the times."""
    once = [*_repeats(0, count=4), (_times("a", 5000), _times("b", 9000))]
    assert shown(once) < 10
    forth_and_back = [*_repeats(500, count=4), (_times("a", 5000), _times("b", 4500))]
    assert shown(forth_and_back) == 0
    seldom = [(first, [*second[:1400], *(time + 800 for time in second[1400:])])
              for first, second in _repeats(0)]  # fmt: skip
    assert shown(seldom) > 500


def test_a_leak_among_outliers_is_seen_when_they_are_cropped() -> None:
    repeats = _repeats(40)
    draw = Random("outliers")  # noqa: S311
    for times in (times for repeat in repeats for times in repeat):
        assert isinstance(times, list)
        for at in range(0, len(times), 7):
            times[at] += draw.random() * 1e6
    first, second = ([time for repeat in repeats for time in repeat[which]] for which in (0, 1))
    assert abs(welch(first, second)) < 4.5
    found = compare(repeats)
    assert found.t > 4.5
    assert found.shown_ns > 20


@pytest.mark.parametrize("by", [1600, 700, -1600])
def test_an_oracle_fails_the_list(by: float) -> None:
    """Wrong padding without a MAC over the record: that much apart."""
    result = Result()
    judge(result, _attempt("records"), compare(_repeats(by)))
    assert len(result.failures) == 1
    assert "records: shown by every repeat" in result.failures[0]


def test_what_is_planted_must_be_found_and_what_is_known_may_be() -> None:
    result = Result()
    judge(result, _attempt("records"), compare(_repeats(100)))
    judge(result, _attempt("points", None), compare(_repeats(40_000)))
    judge(result, _attempt("control", planted=True), compare(_repeats(600)))
    assert not result.failures
    judge(result, _attempt("control", planted=True), compare(_repeats(0)))
    assert "control: shown by every repeat" in result.failures[0]


def test_something_is_planted_beside_every_bound() -> None:
    known = attempts()
    bounded = {attempt.bound_ns for attempt in known if not attempt.planted}
    assert bounded - {None} == {attempt.bound_ns for attempt in known if attempt.planted}


def _attempt(name: str, bound_ns: float | None = 200.0, *, planted: bool = False) -> Attempt:
    def none() -> Ready:
        raise AssertionError("nothing is timed here")

    return Attempt(name, none, none, bound_ns, planted)


def test_both_classes_of_every_attempt_are_refused() -> None:
    for attempt in attempts():
        for make in (attempt.first, attempt.second):
            for _ in range(3):
                make()()  # raises if it is not the refusal that is timed


def test_only_a_refusal_is_timed() -> None:
    def taken() -> Ready:
        return lambda: _raise(RuntimeError("it was taken"))

    with pytest.raises(RuntimeError, match="taken"):
        measure(Attempt("none", taken, taken, None), 0.01)


def _raise(error: Exception) -> None:
    raise error
