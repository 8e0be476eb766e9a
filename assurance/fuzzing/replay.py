"""``python -m assurance.fuzzing.replay SURFACE SECONDS FOLDER``: inputs again, without the fuzzer.

Runs every file of FOLDER, then mutants of them for so long; prints how many there were.  This is
for kernels built with sanitizers, which end the process at the first access out of bounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

from assurance.fuzzing.against_tshark import plain_changes
from assurance.fuzzing.der_mutator import remember
from assurance.fuzzing.judge import judge
from assurance.fuzzing.targets import target

__all__ = ["main"]


def main(surface: str, seconds: float, folder: Path) -> int:
    """Returns how many inputs did what no input may; prints each."""
    chosen, draw, bad = target(surface), Random(surface), 0  # noqa: S311  (no secret)
    inputs = [bytes(seed) for seed in chosen.seeds()]
    inputs += [file.read_bytes() for file in sorted(folder.glob("*"))]
    remember(inputs)
    plain, count, end = plain_changes(draw), 0, time.monotonic() + seconds
    waiting = iter(inputs)
    while True:
        data = next(waiting, None)
        if data is None:
            if time.monotonic() >= end:
                break
            data = draw.choice(inputs)
            mutate = chosen.mutate
            if mutate is not None and data:
                data = mutate(data, chosen.most, draw, plain)
        count += 1
        if (find := judge(chosen, data)) is not None:
            bad += 1
            print(f"{find.kind} {find.place}: {data.hex()[:2000]}", file=sys.stderr)
    print(count)
    return bad


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))))
