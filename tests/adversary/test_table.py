"""Every misdeed of ``assurance/misdeeds``, by its name, in one suite each.

``python -m assurance adversary --long`` has all of them in every suite.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from assurance.adversary import gap_of, known_gaps, run, suite_of, wrong_with
from assurance.misdeed import FINE, UNEXPECTED, Expected, Misdeed, edited, honest, later
from assurance.misdeeds import MISDEEDS

from support.ends import ALL
from tlcp.errors import TruncatedError

TABLE = [m for m in MISDEEDS if not m.long]
KNOWN = known_gaps()


@pytest.mark.parametrize(("number", "misdeed"), list(enumerate(TABLE)), ids=list(map(str, TABLE)))
def test_ends_as_it_must(number: int, misdeed: Misdeed) -> None:
    wrong = wrong_with(misdeed, suite_of(misdeed, number))
    gap = gap_of(misdeed, KNOWN)
    assert bool(wrong) == (gap is not None), "; ".join(wrong) or f"the gap {gap} has closed"


def test_a_wrong_table_is_found_out() -> None:
    """What the rows say is compared: no other end, no other alert passes for it."""
    broken = edited("Finished", lambda _, body: bytes(len(body)))
    for end in (FINE, UNEXPECTED, Expected(TruncatedError)):
        assert wrong_with(Misdeed("x", "6.4.5.10", "client", broken, end), ALL[0])
    assert wrong_with(Misdeed("x", "6.4.5.10", "client", honest, FINE), ALL[0]) == [
        "nothing was done"
    ]
    idle = later(lambda _: None)
    assert wrong_with(Misdeed("x", "6.4.5.10", "client", idle, FINE), ALL[0]) == []
    assert wrong_with(Misdeed("x", "6.4.5.10", "client", idle, UNEXPECTED, late=True), ALL[0])


def test_a_gap_needs_a_reason_and_must_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = tmp_path / "gaps.toml"
    toml.write_text('[[gap]]\nid = "client/full/drop/*"\nreason = " "\n')
    with pytest.raises(ValueError, match="without a reason"):
        known_gaps(toml)
    toml.write_text('[[gap]]\nid = "client/full/drop/*"\nreason = "none"\n')
    gaps = known_gaps(toml)
    monkeypatch.setattr("assurance.adversary.known_gaps", lambda: gaps)
    monkeypatch.setattr("assurance.adversary.MISDEEDS", TABLE[:1])
    result = run(long=False, tell=lambda _: None)
    assert "the gap client/full/drop/* has closed: take it out of gaps.toml" in result.failures
