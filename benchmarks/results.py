"""What came of a case: figures, ratio, verdict; and the form it has in the JSON file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measure import OURS, Case, Figures, Measured, figures, whole
from benchmarks.targets import TARGETS, Target

__all__ = ["Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """A case, measured.

    Attributes:
        case: what it was.
        found: figures of each library that took part.
        wholes: of those, figures of what the case is a part of; empty where it is none.
    """

    case: Case
    found: dict[str, Figures]
    wholes: dict[str, Figures] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, measured: Measured) -> Result:
        """From the turns."""
        wholes = {name: whole(name) for name in measured if whole(name) in measured}
        return cls(
            case,
            {n: figures(values) for n, values in measured.items() if n not in wholes.values()},
            {name: figures(measured[key]) for name, key in wholes.items()},
        )

    @property
    def ours(self) -> Figures:
        """Our own figures."""
        return self.found[OURS]

    @property
    def against(self) -> str:
        """Whom the ratio is about: the most important library that took part, or ""."""
        return next((name for name in self.case.peers if name in self.found), "")

    @property
    def ratio(self) -> float | None:
        """How many times better we are: in speed, or in memory; None without a peer."""
        if not self.against or not self.case.has_ratio:
            return None
        ours, theirs = self.ours.median, self.found[self.against].median
        return ours / theirs if self.case.unit == "MB/s" else theirs / ours

    @property
    def per_second(self) -> dict[str, float] | None:
        """How many of it each library does in a second; None if the case takes no time."""
        if self.case.unit != "us":
            return None
        return {name: 1e6 / one.median for name, one in self.found.items()}

    @property
    def share(self) -> dict[str, float] | None:
        """What part of the whole it takes, for each library; None if it is no part."""
        shares = {name: self.found[name].median / one.median for name, one in self.wholes.items()}
        return shares or None

    @property
    def target(self) -> Target | None:
        """What must be reached."""
        return TARGETS.get(self.case.name)

    @property
    def met(self) -> bool | None:
        """Whether it is; None if there is no target."""
        if self.target is None:
            return None
        compared = self.against == self.case.peers[0]
        return compared and self.ratio is not None and self.ratio >= self.target.least

    def as_json(self) -> dict[str, Any]:
        """One entry of ``cases`` in the file."""
        figures = {name: asdict(one) for name, one in self.found.items()}
        return {
            "name": self.case.name,
            "group": self.case.group,
            "unit": self.case.unit,
            "ours": figures.pop(OURS),
            "peers": figures,
            "against": self.against or None,
            "ratio": self.ratio,
            "per_second": self.per_second,
            "share": self.share,
            "target": self.target and self.target.least,
            "aim": (self.target and self.target.aim) or None,
            "met": self.met,
        }
