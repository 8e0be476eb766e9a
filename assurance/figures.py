"""What a list gives: figures, failures, and what it could not do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["AssuranceList", "Figure", "Result", "Tell"]

#: Takes one line about how far the work has come.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number.

    Attributes:
        name: what was counted or measured, such as "misdeeds of clients".
        value: the number.
        unit: such as "MiB" or "%"; "" of a count.
        least, most: the bound that it must keep; None = without.
    """

    name: str
    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it keeps its bounds."""
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    @property
    def text(self) -> str:
        """The number with its unit, for people."""
        number = f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:,.4g}"
        return f"{number} {self.unit}".rstrip()

    @property
    def bound(self) -> str:
        """The bound in words, or ""."""
        words = []
        if self.least is not None:
            words.append(f"at least {self.least:,g}")
        if self.most is not None:
            words.append(f"at most {self.most:,g}")
        return ", ".join(words)


@dataclass(slots=True)
class Result:
    """What came of one list.

    Attributes:
        figures: in the order of the page.
        failures: what went wrong, one text each; any makes the list fail.
        notes: what was not done, or is known to fall short, and why.
    """

    figures: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str = "",
        *,
        least: float | None = None,
        most: float | None = None,
    ) -> None:
        """Add a figure; one that breaks its bound is a failure, too."""
        figure = Figure(name, value, unit, least, most)
        self.figures.append(figure)
        if not figure.holds:
            self.failures.append(f"{name}: {figure.text}, {figure.bound} is wanted")


class AssuranceList(Protocol):
    """A module of this package that can be run.

    Attributes:
        TITLE: one line: what it shows.
    """

    TITLE: str

    def run(self, *, long: bool, tell: Tell) -> Result:
        """Run it: the short form within a minute or so, the long one as long as it takes."""
