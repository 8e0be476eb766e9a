"""The lines while it runs, the table after it, the targets, and the JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import machine
from benchmarks.libraries import CRYPTOGRAPHY, GMSSL, SSL, TONGSUO, TSHARK, missing
from benchmarks.measure import OURS, Case, Figures, Unit
from benchmarks.results import Result

__all__ = ["failure", "header", "line", "show_targets", "table", "write_json"]

_COLUMNS = (TONGSUO, GMSSL, CRYPTOGRAPHY, SSL, TSHARK)


def amount(value: float, unit: Unit) -> str:
    """A figure with its unit, three digits or so."""
    if unit == "us" and abs(value) >= 1000:
        return f"{_digits(value / 1000)} ms"
    return f"{_digits(value)} {'µs' if unit == 'us' else unit}"


def _digits(value: float) -> str:
    return (
        f"{value:.2f}"
        if abs(value) < 10
        else f"{value:.1f}"
        if abs(value) < 100
        else f"{value:,.0f}"
    )


def _cell(figures: Figures, unit: Unit) -> str:
    spread = f" [dim]±{figures.spread:2.0f}%[/]" if figures.turns > 1 else " " * 5
    return amount(figures.median, unit) + spread


def _ratio(result: Result) -> str:
    ratio = result.ratio
    if ratio is None:
        return ""
    text = f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"
    if result.against != TONGSUO:
        return f"[dim]{text}[/]"
    return f"[bold {'green' if ratio >= 1 else 'red'}]{text}[/]"


def header(console: Console, described: dict[str, Any]) -> None:
    """Machine and versions."""
    grid = Table.grid(padding=(0, 2))
    for what, value in machine.lines(described):
        grid.add_row(f"[dim]{what}[/]", escape(value))
    console.print(grid)
    console.print()


def line(console: Console, number: int, total: int, case: Case, result: Result | None) -> None:
    """One case has ended; no result means that it was left out."""
    counter = f"[dim]{number:3}/{total}[/]"
    if result is None:
        console.print(f"{counter} {case.name:52} [dim]left out with --quick[/]")
        return
    ours = amount(result.ours.median, case.unit)
    theirs = ""
    if result.against:
        theirs = f"{result.against} {amount(result.found[result.against].median, case.unit)}"
    console.print(
        f"{counter} {escape(case.name):52} {ours:>12}   {theirs:30} {_ratio(result)}",
        highlight=False,
    )


def failure(console: Console, number: int, total: int, case: Case, error: Exception) -> None:
    """One case has failed."""
    said = escape(f"{type(error).__name__}: {error}")
    console.print(f"[dim]{number:3}/{total}[/] {escape(case.name):52} [bold red]{said}[/]")


def table(results: Sequence[Result]) -> Table:
    """Everything: a section for each group."""
    shown = [name for name in _COLUMNS if any(name in result.case.peers for result in results)]
    made = Table(
        title="median of the turns, ± half the distance of the quartiles", title_style="dim"
    )
    made.add_column("case", no_wrap=True)
    for name in (OURS, *shown):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("ratio", justify="right", no_wrap=True)
    group = None
    for result in results:
        if result.case.group != group:
            if group is not None:
                made.add_section()
            group = result.case.group
            made.add_row(f"[bold]{group}[/]")
        cells = [_peer_cell(result, name) for name in (OURS, *shown)]
        made.add_row(escape(result.case.name), *cells, _ratio(result))
        if result.share:
            made.add_row("[dim]  a second[/]", *_cells(result.per_second, "{:,.0f}", shown))
            made.add_row("[dim]  share of a full one[/]", *_cells(result.share, "{:.1%}", shown))
    return made


def _cells(values: Mapping[str, float] | None, form: str, shown: Sequence[str]) -> list[str]:
    """One more line beneath a case's figures, in the same columns."""
    found = values or {}
    return [
        f"[dim]{form.format(found[name])}[/]" + " " * 5 if name in found else ""
        for name in (OURS, *shown)
    ]


def _peer_cell(result: Result, name: str) -> str:
    if name in result.found:
        return _cell(result.found[name], result.case.unit)
    return f"[dim]{missing(name)}[/]" if name in result.case.peers else ""


def show_targets(console: Console, results: Sequence[Result]) -> bool:
    """Print what was to be reached; returns whether all of it was."""
    with_target = [result for result in results if result.target is not None]
    if not with_target:
        return True
    made = Table(title="targets: times faster than Tongsuo", title_style="dim")
    for name in ("case", "ratio", "target", ""):
        made.add_column(name, justify="left" if name == "case" else "right")
    for result in with_target:
        verdict = "[green]met[/]" if result.met else "[bold red]MISSED[/]"
        if result.against != TONGSUO:
            verdict = "[bold red]NOT COMPARED[/]"
        made.add_row(result.case.name, _ratio(result), str(result.target), verdict)
    console.print(made)
    return all(result.met for result in with_target)


def write_json(path: Path, described: dict[str, Any], results: Sequence[Result]) -> None:
    """The whole run; see docs/performance.md for its form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": described, "cases": [result.as_json() for result in results]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
