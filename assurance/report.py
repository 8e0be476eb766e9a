"""``docs/assurance.md``, made of what was kept of each list."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path
from typing import Any, Final

from assurance.figures import Figure, Result

__all__ = ["FOLDER", "PAGE", "keep", "page", "shown"]

_DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
#: One JSON file for each list.
FOLDER: Final = _DOCS / "assurance"
PAGE: Final = _DOCS / "assurance.md"

_HEAD: Final = """# Assurance

What was tried to get in, to break things and to lose something, in figures. Every figure was
printed by the command above it; nothing here is typed by hand: `python -m assurance LIST --keep`
writes `docs/assurance/LIST.json` and this page. CI runs the short form of every list (`make
assurance`), and the names below without `--long` are short forms. What the threats are:
[security](security.md).
"""


def keep(name: str, title: str, result: Result, *, long: bool, seconds: float) -> None:
    """Keep the figures of a list, and make the page anew."""
    told: dict[str, Any] = {
        "list": name,
        "title": title,
        "command": f"python -m assurance {name}" + (" --long" if long else ""),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seconds": round(seconds),
        "figures": [
            {
                "name": one.name,
                "value": one.value,
                "unit": one.unit,
                "least": one.least,
                "most": one.most,
            }
            for one in result.figures
        ],
        "notes": result.notes,
    }
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page, of all that was kept."""
    parts = [_HEAD]
    for file in sorted(FOLDER.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        figures = [Figure(**one) for one in told["figures"]]
        lines = [
            f"## {told['title']}",
            "",
            f"`{told['command']}`, {told['date']}, {told['seconds']} s, {told['machine']}",
            "",
            "| | figure | bound |",
            "|---|---:|---|",
            *(f"| {_cell(one.name)} | {one.text} | {one.bound} |" for one in figures),
        ]
        if told["notes"]:
            lines += ["", *(f"- {note}" for note in told["notes"])]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def shown(title: str, result: Result) -> str:
    """The figures for a terminal."""
    width = max((len(one.name) for one in result.figures), default=0)
    lines = [title]
    for one in result.figures:
        bound = f"  ({one.bound})" if one.bound else ""
        lines.append(f"  {one.name:<{width}}  {one.text}{bound}")
    lines += [f"  note: {note}" for note in result.notes]
    lines += [f"  FAILED: {failure}" for failure in result.failures]
    return "\n".join(lines)
