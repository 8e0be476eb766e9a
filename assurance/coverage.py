"""How much of the code the tests run: Python by line and branch, C by line and branch.

The long form runs every test that needs no browser and no library of others; the short form those
that are about the protocol itself.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from assurance.figures import Result, Tell

__all__ = ["TITLE", "run"]

TITLE: Final = "Coverage of the code by the tests"

ROOT: Final = Path(__file__).resolve().parents[1]
WORK: Final = ROOT / "build" / "coverage"
_SOURCE: Final = ROOT / "src" / "tlcp"

# From bytes to the connection, and what those rooms are built on.
_FLOORS: Final = (
    *("wire", "crypto", "_native", "record", "x509", "sessions", "handshake"),
    *("connection", "config", "events", "suites", "dialects", "errors", "alerts", "quirks"),
    *("registry", "advice", "forking"),
)
# They make source code, when it is changed.
_SCRIPTS: Final = ("make_sm2_table.py", "make_sm4_table.py")

_SHORT: Final = ("unit/wire", "unit/record", "unit/handshake", "unit/sessions", "unit/x509")
_SHORT_MORE: Final = ("chains", "revocation", "flow", "adversary/test_misdeeds.py")
_NOT_COUNTED: Final = ("shells/test_leaks.py",)  # counting what runs takes memory
_LONG: Final = ("unit", "chains", "revocation", "flow", "adversary", "property", "captures")
_LONG_MORE: Final = ("interop", "peers", "shells", "cli")
_KERNELS: Final = (
    "test_sm2.py",
    "test_sm2_kernels.py",
    "test_sm3.py",
    "test_sm4.py",
    "test_prf.py",
)

_CONFIG: Final = """[run]
branch = True
source = tlcp
parallel = True
data_file = {data}
concurrency = thread,multiprocessing
patch = subprocess

[report]
# what only a mistake of ours could reach
exclude_also = raise InternalError
"""


class Share(NamedTuple):
    """How many there are, and how many of them ran."""

    ran: int
    of: int

    @property
    def percent(self) -> float:
        return 100.0 * self.ran / self.of if self.of else 100.0

    def more(self, ran: int, of: int) -> Share:
        return Share(self.ran + ran, self.of + of)


def run(*, long: bool, tell: Tell) -> Result:
    """Run the tests under coverage, then the kernels under gcov."""
    result = Result()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    tell("tests under coverage")
    told = _python(_LONG + _LONG_MORE if long else _SHORT + _SHORT_MORE, result)
    if told is not None:
        _figures(told, result, long=long)
    tell("kernels under gcov")
    _native(result)
    if not long:
        result.notes.append("the short form runs the tests of the protocol's rooms alone")
    return result


def _python(tests: tuple[str, ...], result: Result) -> dict[str, Any] | None:
    config, report = WORK / "rc", WORK / "report.json"
    config.write_text(_CONFIG.format(data=WORK / "data"), encoding="utf-8")
    tool = [sys.executable, "-m", "coverage"]
    done = subprocess.run(
        [*tool, "run", f"--rcfile={config}", "-m", "pytest", "-q", "-n", "2"]
        + ["--dist", "worksteal", "-p", "no:cacheprovider"]
        + [f"--ignore={ROOT / 'tests' / name}" for name in _NOT_COUNTED]
        + [str(ROOT / "tests" / name) for name in tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        result.failures.append("tests failed under coverage:\n" + done.stdout[-2000:])
        return None
    count = re.search(r"(\d+) passed", done.stdout)
    result.add("tests that ran", int(count[1]) if count else 0, least=1)
    for words in (("combine", "-q"), ("json", "-q", "-o", str(report))):
        subprocess.run([*tool, words[0], f"--rcfile={config}", *words[1:]], cwd=ROOT, check=True)
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def _figures(told: dict[str, Any], result: Result, *, long: bool) -> None:
    lines, branches = defaultdict[str, Share](_nothing), defaultdict[str, Share](_nothing)
    for name, one in told["files"].items():
        path = Path(name)
        if path.name in _SCRIPTS:
            continue
        inside = (ROOT / path).resolve().relative_to(_SOURCE)
        room = inside.parts[0].removesuffix(".py")
        summary = one["summary"]
        for group in ("all", "floors") if room in _FLOORS else ("all",):
            lines[group] = lines[group].more(summary["covered_lines"], summary["num_statements"])
            branches[group] = branches[group].more(
                summary["covered_branches"], summary["num_branches"]
            )
    what = "from bytes to the connection (floors 0 to 3)"
    least = 98 if long else 90
    result.add(f"{what}, lines", lines["floors"].percent, "%", least=least)
    result.add(f"{what}, branches", branches["floors"].percent, "%", least=98 if long else 80)
    if long:
        result.add("all of src/tlcp, lines", lines["all"].percent, "%")
        result.add("all of src/tlcp, branches", branches["all"].percent, "%")
    result.notes.append(
        "left out: " + ", ".join(_SCRIPTS) + ", which make source code and are compared with it; "
        "and lines that raise InternalError, which only a mistake of ours could reach"
    )


def _nothing() -> Share:
    return Share(0, 0)


def _native(result: Result) -> None:
    """Compile the kernels with counters into a copy of the package, and run their tests."""
    copy = WORK / "native" / "src"
    shutil.copytree(_SOURCE, copy / "tlcp", ignore=shutil.ignore_patterns("__pycache__"))
    spec = importlib.util.spec_from_file_location("tlcp_setup", ROOT / "setup.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("setup.py cannot be loaded")
    setup: Any = importlib.util.module_from_spec(spec)
    before, flags = Path.cwd(), os.environ.get("CFLAGS")
    os.environ["CFLAGS"] = "--coverage -O1"
    spec.loader.exec_module(setup)
    setup.NATIVE = copy / "tlcp" / "_native"
    try:
        os.chdir(WORK / "native")  # where gcc puts its notes
        setup.compile_library(setup.NATIVE / setup.LIBRARY)
    finally:
        os.chdir(before)
        if flags is None:
            del os.environ["CFLAGS"]
        else:
            os.environ["CFLAGS"] = flags
    tests = [f"unit/crypto/{name}" for name in _KERNELS] + ["unit/record"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
        + [str(ROOT / "tests" / name) for name in tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        result.failures.append("tests failed with counted kernels:\n" + done.stdout[-2000:])
        return
    lines, branches = _counted(WORK / "native")
    result.add("C kernels, lines", lines.percent, "%", least=95)
    result.add("C kernels, branches taken", branches.percent, "%")


def _counted(folder: Path) -> tuple[Share, Share]:
    """Of all units together: a line of a header ran if it ran in one of them."""
    lines = dict[tuple[str, int], bool]()
    branches = dict[tuple[str, int, int], bool]()
    notes = [str(path) for path in folder.rglob("*.gcda")]
    told = subprocess.run(
        ["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for unit in map(json.loads, told.splitlines()):
        for file in unit["files"]:
            if "_native" not in file["file"]:
                continue
            name = Path(file["file"]).name
            for line in file["lines"]:
                place = name, line["line_number"]
                lines[place] = lines.get(place, False) or line["count"] > 0
                for number, branch in enumerate(line["branches"]):
                    way = *place, number
                    branches[way] = branches.get(way, False) or branch["count"] > 0
    return (
        Share(sum(lines.values()), len(lines)),
        Share(sum(branches.values()), len(branches)),
    )
