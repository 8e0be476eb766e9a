"""``python -m benchmarks``: measure, show, write JSON and a plot.

Ends with status 1 if a case failed, or if a target among the cases that ran is missed or could not
be compared (``benchmarks/targets.py``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks import (
    chains,
    handshake,
    hostile,
    inspection,
    machine,
    memory,
    records,
    report,
    resumption,
    scaling,
    sm2,
    symmetric,
)
from benchmarks.measure import Case, Pace, Room
from benchmarks.results import Result

__all__ = ["all_cases", "main"]

ROOT = Path(__file__).resolve().parents[1]
_WIDTH = 150  # where the output is no terminal
QUICK = Pace(turns=5, turn_seconds=0.004, quick=True)


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    groups = (
        handshake,
        resumption,
        records,
        sm2,
        symmetric,
        chains,
        hostile,
        memory,
        scaling,
        inspection,
    )
    return [case for group in groups for case in group.cases()]


def chosen(cases: Sequence[Case], texts: Sequence[str]) -> list[Case]:
    """The cases whose name or group contains one of the texts; all if there is none."""
    wanted = [text.casefold() for text in texts]
    return [
        case
        for case in cases
        if not wanted or any(text in f"{case.group} {case.name}".casefold() for text in wanted)
    ]


def run(cases: Sequence[Case], pace: Pace, progress: Console) -> tuple[list[Result], list[str]]:
    """Measure one after the other, telling of each.

    Returns:
        What was measured, and the names of cases that failed: they do not stop the others.
    """
    results, failed = list[Result](), list[str]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        room = Room(pace, Path(folder), stack)
        for number, case in enumerate(cases, 1):
            try:
                measured = case.run(room)
            except Exception as error:
                failed.append(case.name)
                report.failure(progress, number, len(cases), case, error)
                continue
            result = Result.of(case, measured) if measured else None
            results += [result] if result else []
            report.line(progress, number, len(cases), case, result)
    return results, failed


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="TEXT", help="names or groups containing it")
    add("--quick", action="store_true", help="few turns, small numbers: under a minute")
    add("--list", action="store_true", help="print the names and end")
    build = ROOT / "build"
    add("--json", type=Path, default=build / "benchmarks.json", metavar="FILE", help="%(default)s")
    add("--plot", type=Path, default=build / "benchmarks.png", metavar="FILE", help="%(default)s")
    return parser.parse_args(arguments)


def _plot(options: argparse.Namespace, progress: Console) -> None:
    try:
        from benchmarks import plot
    except ImportError as error:
        progress.print(f"no plot: {error}; pip install -e '.[bench]'", markup=False)
        return
    plot.draw(options.json, options.plot)
    progress.print(f"wrote {options.plot}", soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = _options(arguments)
    cases = chosen(all_cases(), options.only)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    if not cases:
        print(f"no case has {' or '.join(options.only)} in its name; see --list", file=sys.stderr)
        return 2
    console, progress = Console(), Console(stderr=True)
    for one in (console, progress):
        if not one.is_terminal:
            one.width = _WIDTH
    described = machine.describe()
    report.header(console, described)
    start = time.perf_counter()
    results, failed = run(cases, QUICK if options.quick else Pace(), progress)
    described["seconds"] = round(time.perf_counter() - start, 1)
    described["quick"] = options.quick
    console.print(report.table(results))
    met = report.show_targets(console, results)
    report.write_json(options.json, described, results)
    progress.print(f"wrote {options.json} after {described['seconds']:.0f} s", soft_wrap=True)
    _plot(options, progress)
    if failed:
        progress.print(f"[bold red]failed:[/] {', '.join(failed)}")
    return 0 if met and not failed else 1


if __name__ == "__main__":
    raise SystemExit(main())
