"""``python -m tests.limbo FILE``: run a suite, and print by feature where we agree with it.

Ends with status 1 if a verdict differs from what is expected (0 with ``--report``), 2 if the
file is no suite or nothing was chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from .judge import Verdict, judge
from .suite import NotASuite, TestCase, read_suite

__all__ = ["main"]

_PLAIN = "(no feature)"
_WIDTH = 160


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = _options(arguments)
    out = out or sys.stdout
    try:
        cases = [case for case in read_suite(options.file) if options.only in case.id]
    except (NotASuite, OSError) as error:
        print(f"tests.limbo: {error}", file=sys.stderr)
        return 2
    if not cases:
        print(f"tests.limbo: no case has {options.only!r} in its id", file=sys.stderr)
        return 2
    verdicts = [(case, judge(case)) for case in cases]
    _table(verdicts, out)
    differ = [(case, verdict) for case, verdict in verdicts if _outcome(case, verdict) == "differ"]
    for case, verdict in differ:
        _tell(case, verdict, out)
    if options.skipped:
        for case, verdict in verdicts:
            if _outcome(case, verdict) == "skipped":
                print(f"not judged: {case.id}: {verdict.why}", file=out)
    return 1 if differ and not options.report else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.limbo", description="Run a suite in the format of x509-limbo."
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="limbo.json, or another file in its format")
    add("--only", default="", metavar="TEXT", help="cases whose id contains it")
    add("--report", action="store_true", help="end with status 0 whatever the verdicts")
    add("--skipped", action="store_true", help="list what was not judged, and why")
    return parser.parse_args(arguments)


def _outcome(case: TestCase, verdict: Verdict) -> str:
    if verdict.valid is None:
        return "differ" if verdict.broke else "skipped"
    return "agree" if verdict.valid is case.valid else "differ"


def _table(verdicts: Sequence[tuple[TestCase, Verdict]], out: TextIO) -> None:
    rows: dict[str, Counter[str]] = {}
    total = Counter(_outcome(case, verdict) for case, verdict in verdicts)
    for case, verdict in verdicts:
        for feature in case.features or (_PLAIN,):
            rows.setdefault(feature, Counter())[_outcome(case, verdict)] += 1
    _row("feature", ("agree", "differ", "not judged"), out)
    for feature in sorted(rows):
        _counts(feature, rows[feature], out)
    _counts("all cases", total, out)


def _counts(name: str, counts: Counter[str], out: TextIO) -> None:
    _row(name, [str(counts[outcome]) for outcome in ("agree", "differ", "skipped")], out)


def _row(name: str, cells: Sequence[str], out: TextIO) -> None:
    print(f"{name:40}" + "".join(f"{cell:>12}" for cell in cells), file=out)


def _tell(case: TestCase, verdict: Verdict, out: TextIO) -> None:
    wanted = "accepted" if case.valid else "refused"
    got = "accepted" if verdict.valid else f"refused: {verdict.why}"
    got = verdict.why if verdict.broke else got
    features = f" [{', '.join(case.features)}]" if case.features else ""
    print(f"\n{case.id}{features}", file=out)
    print(f"  expected {wanted}, {got}"[:_WIDTH], file=out)
    if case.description:
        print(f"  {' '.join(case.description.split())}"[:_WIDTH], file=out)


if __name__ == "__main__":
    sys.exit(main())
