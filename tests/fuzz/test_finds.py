"""What the fuzzer has found stays mended: each find, and the seeds, do what an input may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from assurance.fuzzing.judge import Find, judge
from assurance.fuzzing.targets import SURFACES, target

FINDS = Path(__file__).parents[1] / "vectors" / "fuzz"
FILES = sorted(FINDS.glob("*/*.bin"))

# a certificate may hold what ``cryptography`` warns of, and a warning is an error here
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name} {file.stem}")
def test_a_find_is_mended(file: Path) -> None:
    assert _judged(file.parent.name, file.read_bytes()) is None


@pytest.mark.parametrize("surface", SURFACES)
def test_seeds_and_their_beginnings(surface: str) -> None:
    seeds = target(surface).seeds()
    assert seeds
    assert max(map(len, seeds)) <= target(surface).most
    for seed in [*seeds, b"", seeds[0][:1], seeds[0][: len(seeds[0]) // 2]]:
        assert judge(target(surface), seed) is None


def test_every_find_is_of_a_surface() -> None:
    assert FILES
    assert {file.parent.name for file in FILES} <= set(SURFACES)
    assert {path.suffix for path in FINDS.glob("*/*")} == {".bin"}


def _judged(surface: str, data: bytes) -> Find | None:
    find = judge(target(surface), data, measure=True)
    if find is not None:
        print(find.text)
    return find
