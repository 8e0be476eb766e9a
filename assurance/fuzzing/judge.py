"""What an input may do to a target: be read or refused, soon, in little memory."""

from __future__ import annotations

import hashlib
import time
import traceback
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["MOST_BYTES", "MOST_SECONDS", "Broken", "Find", "Mutator", "Target", "judge"]

#: Of the processor, for one input; instrumented code runs at a half of its speed or less.
MOST_SECONDS: Final = 3.0
#: Of Python objects at once, beyond what was there before.
MOST_BYTES: Final = 48 << 20

#: Changes an input: (bytes, most bytes, draw, another mutator for what has no structure).
Mutator = Callable[[bytes, int, Random, Callable[[bytes, int], bytes]], bytes]


class Broken(Exception):
    """A target found that something which always holds does not hold."""


@dataclass(frozen=True)
class Target:
    """One surface.

    Attributes:
        name: what it is called.
        seeds: makes the inputs to begin with.
        run: takes one input.
        refusals: the errors that are documented to leave it.
        mutate: knows the structure of the input; None = bytes are bytes.
        most: the longest input, in bytes.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    run: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...]
    mutate: Mutator | None = None
    most: int = 1 << 14


@dataclass(frozen=True)
class Find:
    """What went wrong with an input.

    Attributes:
        kind: "error", "slow" or "memory".
        place: where, as told apart from others: the kind of error and the innermost line of ours.
        text: for people.
    """

    kind: str
    place: str
    text: str = field(repr=False)

    @property
    def key(self) -> str:
        """A short name, the same for the same place."""
        return hashlib.sha256(f"{self.kind} {self.place}".encode()).hexdigest()[:12]


def judge(target: Target, data: bytes, *, measure: bool = False) -> Find | None:
    """Run a target; None if it did what it may.

    Args:
        target: the surface.
        data: the input.
        measure: trace memory, too, which makes it slower.
    """
    begin = time.process_time()
    if measure:
        tracemalloc.start()
    try:
        target.run(data)
    except target.refusals:
        pass
    except Exception as error:
        return _of_error(error)
    except BaseException as error:  # a panic of a library in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return _of_error(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1] if measure else 0
        if measure:
            tracemalloc.stop()
    seconds = time.process_time() - begin
    if seconds > MOST_SECONDS:
        return Find("slow", target.name, f"{seconds:.1f} s for {len(data)} bytes")
    if peak > MOST_BYTES:
        return Find("memory", target.name, f"{peak >> 20} MiB for {len(data)} bytes")
    return None


def _of_error(error: BaseException) -> Find:
    cause = error
    while cause.__cause__ is not None:  # InternalError hides where it comes from
        cause = cause.__cause__
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if "/tlcp/" in frame.filename] or list(frames)
    last = ours[-1]
    place = f"{type(cause).__name__} {Path(last.filename).name}:{last.name}"
    if isinstance(cause, Broken):
        place += f" {str(cause).partition(':')[0]}"
    text = "".join(traceback.format_exception(error))
    return Find("error", place, text)
