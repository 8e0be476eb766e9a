"""Every misdeed of ``assurance/misdeeds``, by its name, in one suite each.

``python -m assurance adversary --long`` has all of them in every suite.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from assurance.adversary import gap_of, known_gaps, run, suite_of, wrong_with
from assurance.adversary_peer import Item, Raw, Said
from assurance.misdeed import (
    FINE,
    ROLES,
    UNEXPECTED,
    Act,
    Expected,
    Misdeed,
    Role,
    edited,
    honest,
    instead,
    later,
)
from assurance.misdeeds import MISDEEDS, SWEEPS

from support.ends import ALL
from support.samples import SAMPLES
from tlcp.alerts import AlertDescription as A
from tlcp.errors import TruncatedError
from tlcp.registry import ContentType
from tlcp.wire.messages import HelloRequest

TABLE = [m for m in MISDEEDS if not m.long]
KNOWN = known_gaps()
_ASKS = {"client": SAMPLES[1], "server": HelloRequest()}


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
    assert wrong_with(Misdeed("x", "6.4.5.10", "client", idle, FINE), ALL[0]) == [
        "nothing was done"
    ]
    assert wrong_with(Misdeed("x", "6.4.5.10", "client", idle, UNEXPECTED, late=True), ALL[0])


def test_what_is_done_is_compared_on_the_wire() -> None:
    """Other objects that come to the same bytes are nothing."""

    def cut(at: int) -> Act:
        return instead("Finished", lambda _, item: (_in_two(item, at),))

    for at in (1, 15):
        assert wrong_with(Misdeed("x", "6.3.3.1", "client", cut(at), FINE), ALL[0]) == []
    for at in (0, 16, 400):
        assert wrong_with(Misdeed("x", "6.3.3.1", "client", cut(at), FINE), ALL[0]) == [
            "nothing was done"
        ]
    for role in ROLES:
        same = edited("Certificate", lambda _, body: body)
        assert wrong_with(Misdeed("x", "6.4.5.3", role, same, FINE), ALL[0]) == ["nothing was done"]


def _in_two(item: Item, at: int) -> Said:
    assert isinstance(item, Said)
    raw = b"".join(item.messages)
    return Said((raw,), tuple(piece for piece in (raw[:at], raw[at:]) if piece))


@pytest.mark.parametrize("role", ROLES)
def test_warnings_are_compared_too(role: Role) -> None:
    ask = later(Raw(ContentType.HANDSHAKE, _ASKS[role].encode()))
    for count in (0, 1, 2):
        end = Expected(None, warnings=(A.NO_RENEGOTIATION,) * count)
        wrong = wrong_with(Misdeed("x", "6.4.4", role, ask, end, late=True), ALL[0])
        assert bool(wrong) == (count != 1), wrong


def test_sweeps_have_every_byte_once_and_no_empty_one() -> None:
    """In front of every byte but the first; to every length, but for the whole and what is good."""
    sizes = {"ServerHelloDone": 4, "Finished": 16}
    known = [m.id for m in MISDEEDS]
    swept = [
        (s, row.id) for s in SWEEPS if s.message in sizes for row in s.rows(bytes(sizes[s.message]))
    ]
    assert len({row for _, row in swept} | set(known)) == len(swept) + len(known)
    for role, kind, name in {(s.by, s.kind, s.message) for s in SWEEPS if s.message in sizes}:
        rows = [*known, *(i for s, i in swept if (s.by, s.kind, s.message) == (role, kind, name))]
        splits = [i for i in rows if i.startswith(f"{role}/{kind}/split/{name}-")]
        cuts = [i for i in rows if i.startswith(f"{role}/{kind}/body/{name}-cut-")]
        assert len(splits) == sizes[name] - 1 + 2  # and in the middle, and byte by byte
        assert len(cuts) == sizes[name] - 4


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
