"""``python -m assurance [LIST ...] [--long] [--keep]``: run lists; status 1 if one fails."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from assurance.figures import AssuranceList, Result
from assurance.report import keep, shown

__all__ = ["LISTS", "main"]

ROOT: Final = Path(__file__).resolve().parents[1]

_ORDER: Final = (
    *("adversary", "properties", "fuzz", "limits", "faults", "timing", "soak", "coverage"),
    "supply",
)
#: Those that there are, in the order in which they run when none is named.
LISTS: Final = tuple(n for n in _ORDER if Path(__file__).with_name(f"{n}.py").exists())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lists that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m assurance", description=__doc__)
    parser.add_argument("lists", nargs="*", choices=[*LISTS, []], metavar="LIST")
    parser.add_argument("--long", action="store_true", help="the whole form, not that of CI")
    parser.add_argument("--keep", action="store_true", help="write docs/assurance.md")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT / "tests"))  # the lists use what the tests are built of
    failed = []
    for name in options.lists or LISTS:
        module = cast("AssuranceList", importlib.import_module(f"assurance.{name}"))
        print(f"{name}: {module.TITLE}", file=sys.stderr, flush=True)
        result, seconds = _run(module, long=options.long)
        print(shown(f"{module.TITLE} ({seconds:.0f} s)", result), flush=True)
        if result.failures:
            failed.append(name)
        elif options.keep:
            keep(name, module.TITLE, result, long=options.long, seconds=seconds)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(module: AssuranceList, *, long: bool) -> tuple[Result, float]:
    begin = time.monotonic()
    result = module.run(long=long, tell=_tell)
    return result, time.monotonic() - begin


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
