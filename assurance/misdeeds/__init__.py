"""The tables of misdeeds, as data: who does what, against which section, and how that must end."""

from __future__ import annotations

from typing import Final

from assurance.misdeed import Misdeed, numbered
from assurance.misdeeds import (
    alerts,
    bodies,
    certificates,
    exchange,
    hello,
    order,
    protection,
    records,
    sessions,
)

__all__ = ["MISDEEDS"]

_TABLES: Final = (
    order,
    records,
    protection,
    alerts,
    hello,
    exchange,
    sessions,
    certificates,
    bodies,
)

MISDEEDS: Final[tuple[Misdeed, ...]] = tuple(
    numbered(row for table in _TABLES for row in table.misdeeds())
)
