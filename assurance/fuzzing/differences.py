"""What came of asking somebody else about mutants."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Compared"]


@dataclass
class Compared:
    """Ours beside another's.

    Attributes:
        other: who was asked.
        cases: mutants that both were shown.
        both_accept, both_refuse: where they agreed.
        reasons: why they did not -> how often.
        strange: disagreements that no reason explains, in words.
        absent: why nobody was asked, if so.
    """

    other: str
    cases: int = 0
    both_accept: int = 0
    both_refuse: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    absent: str = ""

    def note(self, ours: bool, theirs: bool, reason: str, words: str) -> None:
        """Take one case.

        Args:
            ours, theirs: whether it was accepted.
            reason: why they disagree, if they do; "" = nobody knows.
            words: the case.
        """
        self.cases += 1
        if ours == theirs and not reason:
            self.both_accept += ours
            self.both_refuse += not ours
        elif reason:
            self.reasons[reason] += 1
        else:
            self.strange.append(words)
