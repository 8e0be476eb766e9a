"""The language that a person reads, and how commands learn it.

A command that speaks Chinese has ``lang_option``; what it raises with ``usage``, a ``Failure`` of
``Text`` or a ``ConfigError`` that has Chinese is told in that language.
"""

from __future__ import annotations

import os
from typing import Final

import click

from tlcp.alerts import Text
from tlcp.inspect.steps import Lang

__all__ = ["chosen", "lang_option", "language", "spoken", "usage"]

_KEY: Final = "tlcp.lang"


def language() -> Lang:
    """The language of the locale, as far as we have it."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, names), "").lower().startswith("zh") else "en"


def _remember(context: click.Context, _: click.Parameter, value: Lang | None) -> Lang | None:
    context.meta[_KEY] = value or language()
    return value


#: ``--lang``; it comes before the other options, so that their errors are in it, too.
lang_option = click.option(
    "--lang",
    type=click.Choice(["en", "zh"]),
    is_eager=True,
    callback=_remember,
    help="English or Chinese; if not given, as the locale says.",
)


def chosen(context: click.Context | None) -> Lang:
    """The language of the command that runs in a context: English if it has no ``--lang``."""
    found: Lang = "en" if context is None else context.meta.get(_KEY, "en")
    return found


def spoken(text: Text, lang: Lang) -> str:
    """A text in a language."""
    return text.zh if lang == "zh" else text.en


def usage(en: str, zh: str) -> click.UsageError:
    """An error about the options, in the language of the command that runs."""
    return click.UsageError(spoken(Text(en, zh), chosen(click.get_current_context(silent=True))))
