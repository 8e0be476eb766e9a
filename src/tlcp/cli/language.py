"""The language that a person reads."""

from __future__ import annotations

import os

from tlcp.inspect.steps import Lang

__all__ = ["language"]


def language() -> Lang:
    """The language of the locale, as far as we have it."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, names), "").lower().startswith("zh") else "en"
