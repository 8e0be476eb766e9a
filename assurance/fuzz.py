"""Every surface under a coverage-guided fuzzer, each in a process of its own; and others asked.

``assurance/fuzzing`` has the targets and their judge.  A find is a failure of the list; put into
``tests/vectors/fuzz/SURFACE`` it is a test for good.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assurance.figures import Result, Tell
from assurance.fuzzing import against_openssl, against_tshark, sanitized
from assurance.fuzzing.differences import Compared
from assurance.fuzzing.targets import SURFACES

__all__ = ["TITLE", "run"]

TITLE: Final = "Coverage-guided fuzzing of every surface, and mutants before others' parsers"

_ROOT: Final = Path(__file__).resolve().parents[1]
_FOLDER: Final = _ROOT / "build" / "fuzz"
_VECTORS: Final = _ROOT / "tests" / "vectors" / "fuzz"
_SHORT_S, _LONG_S = 2, 60  # for each surface
_SANITIZED_S: Final = 20  # for each surface
_RARE: Final = 2  # disagreements that the short form lets pass
_START_S: Final = 60  # for a process to come up and to end
_TOGETHER: Final = 2
_SLOWEST: Final = 20  # executions a second
_FEWEST_EDGES: Final = 50
_COVERED: Final = re.compile(r"cov: (\d+) ft: (\d+)")
_EXECUTED: Final = re.compile(r"^(?:#(\d+)\s|stat::number_of_executed_units:\s*(\d+))", re.M)


@dataclass
class _Surface:
    """What came of one target.

    Attributes:
        executions: inputs run.
        edges: those covered of the instrumented code.
        finds: in words, one for each place.
    """

    name: str
    executions: int = 0
    edges: int = 0
    finds: list[str] = field(default_factory=list)


def run(*, long: bool, tell: Tell) -> Result:
    """Two seconds for each target and a few hundred mutants for the others, or ten minutes."""
    result = Result()
    if importlib.util.find_spec("atheris") is None:
        _absent(
            result, "atheris is not installed (it has no wheel for 3.14): no fuzzing", long=long
        )
    else:
        _fuzz(result, _LONG_S if long else _SHORT_S, tell)
        if long:
            _sanitize(result, tell)
    for compared in (
        against_tshark.compare(4000 if long else 400, tell),
        against_openssl.compare(4000 if long else 400, tell),
    ):
        _told(compared, result, long=long)
    result.notes.append(
        "keys of files may ask for at most 3,000 iterations here, so that time is not spent on "
        "deriving them; that what they ask for is bounded is tested by the unit tests"
    )
    return result


def _absent(result: Result, why: str, *, long: bool) -> None:
    """A tool that is not there: where all must be, and of the long form, it is a failure."""
    (result.failures if long or os.environ.get("TLCP_CI") else result.notes).append(why)


def _fuzz(result: Result, seconds: int, tell: Tell) -> None:
    with ThreadPoolExecutor(_TOGETHER) as pool:
        done = []
        for surface in pool.map(lambda name: _one(name, seconds), SURFACES):
            tell(f"{surface.name}: {surface.executions:,} executions, {surface.edges:,} edges")
            done.append(surface)
    result.add("surfaces", len(done), least=len(SURFACES))
    result.add("executions", sum(one.executions for one in done))
    for one in done:
        # a tenth of what is usual on a machine that does other things, too
        result.add(f"executions: {one.name}", one.executions, least=_SLOWEST * seconds)
        result.add(f"edges covered: {one.name}", one.edges, least=_FEWEST_EDGES)
        result.failures += one.finds
    result.add("finds", sum(len(one.finds) for one in done), most=0)
    kept = len(list(_VECTORS.glob("*/*.bin")))
    result.add("finds of before, mended and kept as vectors", kept)


def _sanitize(result: Result, tell: Tell) -> None:
    """What the fuzzer has gathered, and mutants of it, through kernels with sanitizers."""
    if why := sanitized.absent():
        _absent(result, why, long=True)
        return
    source = sanitized.build(tell)
    if not sanitized.is_seen(source):
        result.failures.append("the sanitizer is blind: a write out of bounds is not seen")
        return

    def one(name: str) -> tuple[int, str]:
        return sanitized.replay(source, name, _SANITIZED_S, _FOLDER / name / "corpus")

    with ThreadPoolExecutor(_TOGETHER) as pool:
        done = list(pool.map(one, sanitized.SURFACES))
    result.failures += [failure for _, failure in done if failure]
    count = sum(count for count, _ in done)
    result.add("inputs for kernels with AddressSanitizer and UBSan", count, least=1)
    tell(f"sanitized: {count:,} inputs")


def _one(name: str, seconds: int) -> _Surface:
    """Run the process of one target."""
    folder = _FOLDER / name
    for old in (*folder.glob("finds/*"), *folder.glob("*-*")):
        old.unlink()
    command = [
        *(sys.executable, "-W", "ignore", "-m", "assurance.fuzzing.worker"),
        *(name, str(seconds), str(folder)),
    ]
    paths = [str(_ROOT), str(_ROOT / "src"), str(_ROOT / "tests")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as out:
        try:
            status = subprocess.run(
                command,
                cwd=_ROOT,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=seconds + _START_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    return _read(name, folder, log.read_text(errors="replace"), status)


def _read(name: str, folder: Path, log: str, status: int) -> _Surface:
    surface = _Surface(name)
    if covered := _COVERED.findall(log):
        surface.edges = int(covered[-1][0])
    if executed := _EXECUTED.findall(log):
        surface.executions = int(executed[-1][0] or executed[-1][1])
    surface.finds += [f"{name}: {text}" for text in _finds(folder)]
    if status != 0:  # libFuzzer ends a process that hangs or takes too much memory
        last = "\n".join(log.splitlines()[-15:])
        surface.finds.append(f"{name}: the process ended with {status}:\n{last}")
    return surface


def _finds(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("finds/*.txt")):
        text = file.read_text().strip().splitlines()
        yield f"{file.with_suffix('.bin')}: {text[0]}: {text[-1]}"
    for file in sorted(folder.glob("*-*")):
        yield f"{file}: left by libFuzzer"


def _told(compared: Compared, result: Result, *, long: bool) -> None:
    """Cases, and the disagreements by their reason; without one they are a failure.

    The keys of a run are random, and so are its mutants: the short form lets a rare one pass.
    """
    if not compared.cases:
        _absent(result, f"{compared.other}: {compared.absent}", long=long)
        return
    result.add(f"cases for {compared.other}", compared.cases, least=1)
    result.add(f"both accept, of {compared.other}", compared.both_accept, least=1)
    result.add(f"both refuse, of {compared.other}", compared.both_refuse, least=1)
    result.add(f"disagreements with {compared.other}, explained", sum(compared.reasons.values()))
    most = 0 if long else _RARE
    result.add(
        f"disagreements with {compared.other}, unexplained", len(compared.strange), most=most
    )
    told = [f"{compared.other}: {one}" for one in compared.strange[:10]]
    if len(compared.strange) > most:
        result.failures += told
    else:
        result.notes += told
    result.notes += [
        f"{compared.other}: {reason}: {count}" for reason, count in compared.reasons.most_common()
    ]
