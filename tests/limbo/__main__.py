"""``python -m tests.limbo FILE``: run a suite, and print by feature where we agree with it.

Ends with status 1 if a verdict differs from what is expected (0 with ``--report``), 2 if the
file is no suite, has no case, or nothing was chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from .judge import Verdict, judge
from .suite import NotASuite, TestCase, read_suite

__all__ = ["main"]

_PLAIN: Final = "(no feature)"
_WIDTH: Final = 160
_OUTCOMES: Final = ("agree", "differ", "not judged")
_RANKS: Final = ("critical", "high", "medium", "low", "undetermined")


class _Judged(NamedTuple):
    """A case, and what came of it."""

    case: TestCase
    verdict: Verdict

    @property
    def outcome(self) -> str:
        """One of ``_OUTCOMES``."""
        if self.verdict.valid is None:
            return "differ" if self.verdict.broke else "not judged"
        return "agree" if self.verdict.valid is self.case.valid else "differ"


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = _options(arguments)
    out = out or sys.stdout
    try:
        suite = read_suite(options.file)
    except (NotASuite, OSError) as error:
        print(f"tests.limbo: {error}", file=sys.stderr)
        return 2
    cases = [case for case in suite if options.only in case.id]
    if not cases:
        empty = f"{options.file} has no test cases"
        missed = f"no case has {options.only!r} in its id"
        print(f"tests.limbo: {missed if suite else empty}", file=sys.stderr)
        return 2
    judged = [_Judged(case, judge(case, strict=options.strict)) for case in cases]
    print(f"mode: {'strict' if options.strict else 'default'}\n", file=out)
    _table("feature", judged, lambda one: one.case.features or (_PLAIN,), sorted, out)
    _table("importance", judged, lambda one: (one.case.importance,), _by_rank, out)
    _row("all cases", Counter(one.outcome for one in judged), out)
    by_id = {one.case.id: one for one in judged}
    differ = [one for one in judged if one.outcome == "differ"]
    for one in differ:
        _tell(one, by_id, out)
    for line in (*_pairs(by_id), *_notes(judged, skipped=options.skipped)):
        print(line, file=out)
    return 1 if differ and not options.report else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.limbo", description="Run a suite in the format of x509-limbo."
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="limbo.json, or another file in its format")
    add("--only", default="", metavar="TEXT", help="cases whose id contains it")
    add("--strict", action="store_true", help="ask for the form, as by VERIFY_X509_STRICT")
    add("--report", action="store_true", help="end with status 0 whatever the verdicts")
    add("--skipped", action="store_true", help="list what was not judged, and why")
    return parser.parse_args(arguments)


def _by_rank(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (name not in _RANKS, [*_RANKS, name].index(name)))


def _table(
    title: str,
    judged: Sequence[_Judged],
    rows_of: Callable[[_Judged], Sequence[str]],
    order: Callable[[Sequence[str]], Sequence[str]],
    out: TextIO,
) -> None:
    rows: dict[str, Counter[str]] = {}
    for one in judged:
        for row in rows_of(one):
            rows.setdefault(row, Counter())[one.outcome] += 1
    print(f"{title:40}" + "".join(f"{name:>12}" for name in _OUTCOMES), file=out)
    for row in order(list(rows)):
        _row(row, rows[row], out)
    print(file=out)


def _row(name: str, counts: Counter[str], out: TextIO) -> None:
    print(f"{name:40}" + "".join(f"{counts[outcome]:>12}" for outcome in _OUTCOMES), file=out)


def _tell(one: _Judged, by_id: dict[str, _Judged], out: TextIO) -> None:
    case, verdict = one
    wanted = "accepted" if case.valid else "refused"
    got = "accepted" if verdict.valid else f"refused: {verdict.why}"
    got = verdict.why if verdict.broke else got
    marks = [*case.features, *([case.importance] if case.importance != "undetermined" else [])]
    print(f"\n{case.id}" + (f" [{', '.join(marks)}]" if marks else ""), file=out)
    print(f"  expected {wanted}, {got}"[:_WIDTH], file=out)
    for other in case.conflicts_with:
        outcome = by_id[other].outcome if other in by_id else "not in this run"
        print(f"  conflicts with {other}: {outcome}", file=out)
    if case.description:
        print(f"  {' '.join(case.description.split())}"[:_WIDTH], file=out)


def _pairs(by_id: dict[str, _Judged]) -> Iterator[str]:
    """Of two cases in conflict one must differ; more than that is worth a look."""
    for name, one in by_id.items():
        for other in one.case.conflicts_with:
            if other not in by_id or other < name:
                continue
            pair = sorted((one, by_id[other]), key=lambda half: half.outcome)
            told = ", ".join(f"{half.outcome} with {half.case.id}" for half in pair)
            yield f"\nin conflict: {told}"


def _notes(judged: Sequence[_Judged], *, skipped: bool) -> Iterator[str]:
    for case, verdict in judged:
        for note in verdict.notes:
            yield f"note: {case.id}: {note}"
        if verdict.valid is None and not verdict.broke and skipped:
            yield f"not judged: {case.id}: {verdict.why}"


if __name__ == "__main__":
    sys.exit(main())
