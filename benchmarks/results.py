"""What came of a case: figures, ratio, verdict; and the form it has in the JSON file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measure import OURS, Case, Figures, Measured, figures
from benchmarks.targets import TARGETS, Target

__all__ = ["Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """A case, measured.

    Attributes:
        case: what it was.
        found: figures of each library that took part.
    """

    case: Case
    found: dict[str, Figures]

    @classmethod
    def of(cls, case: Case, measured: Measured) -> Result:
        """From the turns."""
        return cls(case, {name: figures(values) for name, values in measured.items()})

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
            "target": self.target and self.target.least,
            "aim": (self.target and self.target.aim) or None,
            "met": self.met,
        }
