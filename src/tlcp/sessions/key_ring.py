"""Ticket keys with their dates, and when one seals and opens.

A key seals tickets for one lifetime and opens them for ``keep`` more. So a ticket is good for at
least ``keep`` lifetimes, and a stolen key opens what was sealed in one lifetime only.

Spec: RFC 5077 5.5 (keys are changed regularly)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tlcp.crypto.sm4 import KEY_BYTES
from tlcp.errors import ConfigError
from tlcp.sessions.session import TicketKey
from tlcp.sessions.ticket import NAME_BYTES

__all__ = ["KEEP", "LIFETIME_S", "DatedKey", "Ring", "Schedule", "new_key"]

LIFETIME_S: Final = 12 * 3600
KEEP: Final = 2


@dataclass(frozen=True, slots=True)
class DatedKey:
    """A ticket key and when it began to seal, in seconds of the clock of whoever holds it."""

    key: TicketKey
    created_s: float


#: The newest key first.
Ring = tuple[DatedKey, ...]


def new_key(random: Callable[[int], bytes], created_s: float) -> DatedKey:
    """A fresh key."""
    return DatedKey(TicketKey(random(NAME_BYTES), random(KEY_BYTES)), created_s)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long keys are used.

    Attributes:
        lifetime_s: seconds for which a key seals.
        keep: for how many lifetimes more it opens.
    """

    lifetime_s: int
    keep: int

    def __post_init__(self) -> None:
        if self.lifetime_s < 1 or self.keep < 0:
            raise ConfigError(
                f"ticket keys with lifetime_s={self.lifetime_s}, keep={self.keep}: a lifetime has "
                f"at least 1 second, and keep is not negative"
            )

    def seals(self, dated: DatedKey, now: float) -> bool:
        """Whether new tickets may be sealed with a key."""
        return 0 <= now - dated.created_s < self.lifetime_s

    def opens(self, dated: DatedKey, now: float) -> bool:
        """Whether a key's tickets are still taken; clocks may differ by one lifetime."""
        return -self.lifetime_s <= now - dated.created_s < self.lifetime_s * (1 + self.keep)

    def living(self, ring: Ring, now: float) -> Ring:
        """The keys that open."""
        return tuple(dated for dated in ring if self.opens(dated, now))

    def sealing(self, ring: Ring, now: float) -> TicketKey | None:
        """The newest key that seals."""
        return next((dated.key for dated in ring if self.seals(dated, now)), None)

    def named(self, ring: Ring, name: bytes, now: float) -> TicketKey | None:
        """The key of a name, if it opens."""
        for dated in ring:
            if dated.key.name == name and self.opens(dated, now):
                return dated.key
        return None
