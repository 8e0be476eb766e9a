"""A peer that does wrong in one thing at a time, as the tables in ``misdeeds/`` say.

Each misdeed names who does it, the section it breaks, and how the victim must end: with which
error and which alert, or not at all. Beside that, whatever happens: no bug of ours, no byte of
data that was not authentic, no handshake that completes and should not, one alert and nothing
after it, and a connection that stays dead.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from assurance.adversary_meet import commit, complaints
from assurance.figures import Result, Tell
from assurance.misdeed import Misdeed
from assurance.misdeeds import MISDEEDS
from tlcp.suites import CipherSuite

__all__ = ["GAPS", "TITLE", "Gap", "gap_of", "known_gaps", "run", "suite_of", "wrong_with"]

TITLE: Final = "Adversary: misdeeds of clients and servers, one at a time"
GAPS: Final = Path(__file__).with_name("gaps.toml")
_LEAST: Final = 300  # of misdeeds that are refused
_TOLD_EVERY: Final = 5000


class Gap(NamedTuple):
    """A known gap: a pattern of ids, and why."""

    id: str
    reason: str


def known_gaps(path: Path = GAPS) -> tuple[Gap, ...]:
    """The gaps that are let be; each must have a reason."""
    found = tomllib.loads(path.read_text(encoding="utf-8")).get("gap", [])
    gaps = tuple(Gap(one["id"], one["reason"].strip()) for one in found)
    for gap in gaps:
        if not gap.reason:
            raise ValueError(f"the gap {gap.id} is without a reason")
    return gaps


def gap_of(misdeed: Misdeed, gaps: tuple[Gap, ...]) -> Gap | None:
    """The gap that a misdeed falls into, if one does."""
    return next((gap for gap in gaps if fnmatchcase(misdeed.id, gap.id)), None)


def wrong_with(misdeed: Misdeed, suite: CipherSuite) -> list[str]:
    """Let it happen; what did not end as it should."""
    try:
        return list(complaints(misdeed, commit(misdeed, suite)))
    except Exception as bug:  # of the victim, outside what it may raise
        return [f"{type(bug).__name__}: {bug}"]


def run(*, long: bool, tell: Tell) -> Result:
    """Short: each misdeed in one suite, in turn; long: all, in every suite."""
    result, gaps = Result(), known_gaps()
    ended, open_gaps, runs = Counter[str](), set[str](), 0
    table = [m for m in MISDEEDS if long or not m.long]
    for misdeed, suite in _runs(table, long=long):
        runs += 1
        wrong, gap = wrong_with(misdeed, suite), gap_of(misdeed, gaps)
        if wrong and gap is not None:
            open_gaps.add(gap.id)
        elif wrong:
            result.failures.append(f"{misdeed.id} in {suite.name}: {'; '.join(wrong)}")
        ended[_ending(misdeed)] += 1
        if runs % _TOLD_EVERY == 0:
            tell(f"{runs} connections")
    for gap in gaps:
        if gap.id not in open_gaps:
            result.failures.append(f"the gap {gap.id} has closed: take it out of {GAPS.name}")
        result.notes.append(f"known gap {gap.id}: {gap.reason}")
    _count(result, table)
    result.add("connections with the adversary", runs)
    result.add("of them ended with the alert that is due", ended["alert"])
    result.add("of them ended without one, as is due", ended["silent"])
    result.add("of them let go on, as is due", ended["fine"])
    result.add("known gaps", len(gaps))
    result.notes.append("hellos and certificates: in the suites of SM2 keys alone")
    return result


def _runs(table: list[Misdeed], *, long: bool) -> Iterator[tuple[Misdeed, CipherSuite]]:
    for number, misdeed in enumerate(table):
        for suite in misdeed.suites if long else (suite_of(misdeed, number),):
            yield misdeed, suite


def suite_of(misdeed: Misdeed, number: int) -> CipherSuite:
    """The suites in turn, so that a short run has all of them."""
    return misdeed.suites[number % len(misdeed.suites)]


def _ending(misdeed: Misdeed) -> str:
    if misdeed.end.error is None:
        return "fine"
    return "silent" if misdeed.end.alert is None else "alert"


def _count(result: Result, table: list[Misdeed]) -> None:
    bad = [m for m in table if m.end.error is not None]
    result.add("misdeeds", len(bad), least=_LEAST)
    for role in ("client", "server"):
        result.add(f"of {role}s", sum(m.by == role for m in bad))
    result.add("in resumed handshakes", sum(m.resumed for m in bad))
    result.add("when data flows", sum(m.late for m in bad))
    result.add("oddities that must be let pass", len(table) - len(bad))
    result.add("sections and texts named", len({m.section for m in table}))
    result.add("alerts that are due", len({m.end.alert for m in bad} - {None}))
