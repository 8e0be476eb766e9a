"""``python -m assurance.fuzzing.worker SURFACE SECONDS FOLDER``: the process of one target.

``FOLDER/corpus`` is gone on from and added to; each find is put into ``FOLDER/finds`` as KEY.bin
and KEY.txt, one for each place, and the work goes on.  libFuzzer prints its figures on stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import atheris

from assurance.fuzzing.judge import Find, Target, judge

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parents[2]
_MEASURE_EVERY = 64  # inputs: tracing memory is slow
_HANG_S, _MOST_MIB = 20, 2048  # then libFuzzer ends the process


class _Finds:
    """Those so far, and the folder that they are put into."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._sizes = folder, dict[str, int]()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, find: Find, data: bytes) -> None:
        """Keep it, if it is new or shorter than the one at the same place."""
        if self._sizes.get(find.key, 1 << 30) <= len(data):
            return
        self._sizes[find.key] = len(data)
        (self._folder / f"{find.key}.bin").write_bytes(data)
        (self._folder / f"{find.key}.txt").write_text(f"{find.kind} {find.place}\n{find.text}")


def main(surface: str, seconds: str, folder: Path) -> None:
    """Fuzz; the process ends with it."""
    with atheris.instrument_imports(include=["tlcp"], enable_loader_override=False):
        from assurance.fuzzing.targets import target

        chosen = target(surface)
    from assurance.fuzzing.der_mutator import remember

    finds, corpus = _Finds(folder / "finds"), folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = [bytes(seed) for seed in chosen.seeds()]
    remember([part for seed in seeds for part in (seed, seed[1:])])
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    count = 0

    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        find = judge(chosen, data, measure=count % _MEASURE_EVERY == 0)
        if find is not None:
            finds.add(find, data)

    options = [
        *("", str(corpus), f"-max_total_time={seconds}", "-print_final_stats=1", "-verbosity=1"),
        *(f"-timeout={_HANG_S}", f"-rss_limit_mb={_MOST_MIB}", f"-max_len={chosen.most}"),
        *(f"-artifact_prefix={folder}/", "-len_control=0", "-reload=0"),
    ]
    atheris.Setup(options, one, custom_mutator=_mutator(chosen))
    atheris.Fuzz()


def _mutator(chosen: Target):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draw = Random(seed)  # noqa: S311  (no secret)
        if chosen.mutate is None or not data:
            return bytes(atheris.Mutate(data, most))
        return chosen.mutate(data, most, draw, _plain)[:most]

    return mutate


def _plain(data: bytes, most: int) -> bytes:
    return bytes(atheris.Mutate(data[:most], max(1, most)))


if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT / "tests"))
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
