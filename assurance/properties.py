"""The invariants of a connection, as properties that hypothesis tries to break.

They are those of ``tests/property/``, which pytest tries a little; here they get more examples.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from assurance.figures import Result, Tell

__all__ = ["LAWS", "TITLE", "run"]

TITLE: Final = "Properties: what holds whatever comes, tried with random cases"
#: Module -> the law that its properties are about.
LAWS: Final = {
    "test_cuts": "any cut of the stream gives the same events",
    "test_agreement": "two configurations agree, or both fail with matching alerts",
    "test_flips": "one flipped bit: one alert, and no plaintext from that record on",
    "test_enemy": "nothing is believed but what was sent, and nothing before Finished",
    "test_ends": "closing is never truncation, and the dead stay dead",
}
_FOLDER: Final = Path(__file__).resolve().parents[1] / "tests" / "property"
_SHORT, _LONG = 1, 25  # times the examples that pytest tries


def run(*, long: bool, tell: Tell) -> Result:
    """Try every property; a counterexample is a failure, shown with how to get it again."""
    result, total, laws = Result(), 0, 0
    for module in _modules(long=long):
        law, examples = LAWS[module.__name__], 0
        for name, prove in _properties(module):
            laws += 1
            found, problem = _tried(prove)
            examples += found
            if problem:
                result.failures.append(f"{module.__name__}.{name}: {problem}")
            tell(f"{name}: {found} examples")
        result.add(law, examples, "examples", least=1)
        total += examples
    from support.kinds import kinds

    result.add("suites, each in every kind of handshake that they draw from", len(kinds), least=32)
    result.add("properties", laws, least=len(LAWS))
    result.add("examples in all", total)
    return result


def _modules(*, long: bool) -> Iterator[ModuleType]:
    """The test modules, read with the effort in force: it is fixed when they are."""
    from support.effort import VARIABLE

    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(_LONG if long else _SHORT)
    sys.path.insert(0, str(_FOLDER))
    try:
        for name in LAWS:
            sys.modules.pop(name, None)
            yield importlib.import_module(name)
    finally:
        sys.path.remove(str(_FOLDER))
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _properties(module: ModuleType) -> Iterator[tuple[str, Callable[[], int]]]:
    """Name of each, and what tries it and returns the number of examples."""
    for name, test in vars(module).items():
        if name.startswith("test_") and callable(test):
            yield name, _counting(module, test)


def _counting(module: ModuleType, test: Any) -> Callable[[], int]:
    handle = getattr(test, "hypothesis", None)
    if handle is None:  # it runs a state machine, which counts by itself
        machines = [m for m in vars(module).values() if hasattr(m, "examples")]

        def run_machine() -> int:
            before = sum(m.examples for m in machines)
            test()
            return int(sum(m.examples for m in machines)) - int(before)

        return run_machine

    inner, count = handle.inner_test, [0]

    def counted(*args: Any, **kwargs: Any) -> None:
        count[0] += 1
        inner(*args, **kwargs)

    def run_property() -> int:
        handle.inner_test = counted
        test()
        return count[0]

    return run_property


def _tried(prove: Callable[[], int]) -> tuple[int, str]:
    """The number of examples, and the counterexample if there is one."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            return prove(), ""
    except BaseException as problem:  # also groups of several counterexamples
        if isinstance(problem, KeyboardInterrupt):
            raise
        lines = traceback.format_exception_only(problem)
        return 0, " ".join([*lines, *getattr(problem, "__notes__", [])]).strip()
