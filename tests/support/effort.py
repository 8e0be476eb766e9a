"""How hard properties are tried: a little by pytest, more by ``python -m assurance properties``."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

__all__ = ["VARIABLE", "effort"]

#: Environment variable that multiplies the number of examples.
VARIABLE: Final = "TLCP_PROPERTY_EFFORT"


def effort(examples: int) -> settings:
    """So many examples, times the effort asked for."""
    return settings(
        max_examples=examples * int(os.environ.get(VARIABLE, "1")),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
