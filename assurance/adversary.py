"""A peer that does wrong in one thing at a time, as the tables in ``misdeeds/`` say.

Each misdeed names who does it, the section it breaks, and how the victim must end: with which
error and which alert, or not at all. Beside that, whatever happens: no bug of ours, no byte of
data that was not authentic, no handshake that completes and should not, no session that is
continued and should not, every alert that is due and none besides, nothing behind the last one, and
a connection that stays dead. A misdeed that puts nothing on the wire but what an honest peer would
have sent is a failure, too.
"""

from __future__ import annotations

import contextlib
import functools
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final, NamedTuple

from assurance.adversary_judge import complaints
from assurance.adversary_meet import commit, honest_messages
from assurance.adversary_peer import Ways
from assurance.children import Child
from assurance.figures import Result, Tell
from assurance.misdeed import FINE, Misdeed
from assurance.misdeeds import MISDEEDS, SWEEPS, also_rsa
from assurance.misdeeds.order import FLIGHTS, setting
from tlcp.suites import CipherSuite

__all__ = ["GAPS", "TITLE", "Gap", "gap_of", "known_gaps", "run", "suite_of", "wrong_with"]

TITLE: Final = "Adversary: misdeeds of clients and servers, one at a time"
GAPS: Final = Path(__file__).with_name("gaps.toml")
_LEAST: Final = 300  # of misdeeds that are refused
_TOLD_EVERY: Final = 5000
_PROCESSES: Final = 2
_PATIENCE_S: Final = 600.0


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


def suite_of(misdeed: Misdeed, number: int) -> CipherSuite:
    """The suites in turn, so that a short run has all of them."""
    return misdeed.suites[number % len(misdeed.suites)]


def _runs(*, long: bool) -> Iterator[tuple[Misdeed, CipherSuite]]:
    """Short: each misdeed in one suite, in turn; long: all, in every suite."""
    if not long:
        for number, misdeed in enumerate(m for m in MISDEEDS if not m.long):
            yield misdeed, suite_of(misdeed, number)
        return
    for misdeed in MISDEEDS:
        for suite in misdeed.suites:
            yield misdeed, suite
    for sweep in SWEEPS:
        some = also_rsa(Misdeed("", "", sweep.by, Ways, FINE, **setting(sweep.by, sweep.kind)))
        for suite in some.suites:
            honest = _honest(sweep.by, sweep.kind, suite)[sweep.message]
            for misdeed in sweep.rows(honest):
                yield replace(misdeed, swept=True), suite


_honest = functools.cache(honest_messages)


# ---- running them in several processes -----------------------------------------------------


@dataclass
class _Share:
    """What came of the runs of one process."""

    failures: list[tuple[int, str]] = field(default_factory=list)
    open_gaps: set[str] = field(default_factory=set)


def _work(far: Pipe, runs: list[tuple[Misdeed, CipherSuite]], first: int, step: int) -> None:
    share, gaps = _Share(), known_gaps()
    for done, number in enumerate(range(first, len(runs), step), 1):
        misdeed, suite = runs[number]
        wrong, gap = wrong_with(misdeed, suite), gap_of(misdeed, gaps)
        if wrong and gap is not None:
            share.open_gaps.add(gap.id)
        elif wrong:
            share.failures.append((number, f"{misdeed.id} in {suite.name}: {'; '.join(wrong)}"))
        if done % _TOLD_EVERY == 0:
            far.send(done)
    far.send(share)


def _shared(runs: list[tuple[Misdeed, CipherSuite]], tell: Tell) -> _Share:
    """Every process has its share of the runs; the same come out, however many they are."""
    count, whole = min(_PROCESSES, os.cpu_count() or 1), _Share()
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(_work, runs, first, count)) for first in range(count)]
        for number, child in enumerate(children):
            while not isinstance(said := child.hear(_PATIENCE_S), _Share):
                tell(f"{said} connections of process {number + 1} of {count}")
            whole.failures += said.failures
            whole.open_gaps |= said.open_gaps
    whole.failures.sort()
    return whole


def run(*, long: bool, tell: Tell) -> Result:
    """Short: each misdeed in one suite, in turn; long: all, in every suite."""
    result, gaps = Result(), known_gaps()
    runs = list(_runs(long=long))
    share = _shared(runs, tell)
    result.failures += [text for _, text in share.failures]
    for gap in gaps:
        if gap.id not in share.open_gaps:
            result.failures.append(f"the gap {gap.id} has closed: take it out of {GAPS.name}")
        result.notes.append(f"known gap {gap.id}: {gap.reason}")
    _count(result, list({misdeed.id: misdeed for misdeed, _ in runs}.values()))
    ended = Counter(_ending(misdeed) for misdeed, _ in runs)
    result.add("connections with the adversary", len(runs))
    result.add("of them ended with the alert that is due", ended["alert"])
    result.add("of them ended without one, as is due", ended["silent"])
    result.add("of them let go on, as is due", ended["fine"])
    result.add("of them at one byte of a message, in turn", sum(m.swept for m, _ in runs))
    result.add("known gaps", len(gaps))
    return result


def _ending(misdeed: Misdeed) -> str:
    if misdeed.end.error is None:
        return "fine"
    return "silent" if misdeed.end.alert is None else "alert"


def _count(result: Result, table: list[Misdeed]) -> None:
    bad = [m for m in table if m.end.error is not None]
    result.add("misdeeds", len(bad), least=_LEAST)
    for role in ("client", "server"):
        result.add(f"of {role}s", sum(m.by == role for m in bad))
    result.add("behind the victim's close_notify", sum(m.closed for m in bad))
    result.add("in resumed handshakes", sum(m.resumed for m in bad))
    result.add("when data flows", sum(m.late for m in bad))
    result.add("oddities that must be let pass", len(table) - len(bad))
    result.add("kinds of handshakes, by who offends", len(FLIGHTS))
    result.add("sections and texts named", len({m.section for m in table}))
    result.add("alerts that are due", len({m.end.alert for m in bad} - {None}))
