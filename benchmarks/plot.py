"""The picture of a run, drawn from its JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.libraries import SSL, TONGSUO

__all__ = ["draw"]

_INK, _FAINT, _GRID = "#22303c", "#6b7785", "#e6e9ed"
_MISSED = "#c62828"
_COLD, _WARM, _THEIRS, _TLS = "#14508c", "#63a5de", "#c9beb0", "#dfd8ce"
_GROUP_COLOURS = {"records": "#14508c", "SM2": "#b0413e", "ciphers": "#2a7f62", "hashes": "#8a5a9e"}
_TITLE_INCHES = 0.85
_STYLE: dict[str, Any] = {"ha": "left", "va": "center", "fontsize": 8}

Entry = Mapping[str, Any]
Cases = Mapping[str, Entry]  # by name
Bar = tuple[str, str, Sequence[float | None]]  # name, colour, values
Panel = Callable[[Axes, Cases], None]


def draw(source: Path, target: Path) -> None:
    """Read the JSON file and write a PNG; panels whose cases did not run are left out."""
    content = json.loads(source.read_text(encoding="utf-8"))
    cases: Cases = {case["name"]: case for case in content["cases"]}
    groups = {case["group"] for case in content["cases"]}
    rows = [
        [(panel, height) for group, panel, height in row if groups & set(group)]
        for row in (
            [(("handshake",), _handshakes, 5.4), (tuple(_GROUP_COLOURS), _ratios, 5.4)],
            [(("resumption",), _resumption, 3.6)],
            [(("chains",), _chains, 3.6), (("verification",), _verification, 3.6)],
            [(("scaling",), _scaling, 3.2), (("memory",), _memory, 3.2)],
        )
    ]
    rows = [row for row in rows if row]
    heights = [max(height for _, height in row) for row in rows] or [2.0]
    figure = Figure(figsize=(14, sum(heights) + _TITLE_INCHES), facecolor="white")
    top = 1 - _TITLE_INCHES / figure.get_figheight()
    figure.set_layout_engine("constrained", w_pad=0.18, h_pad=0.18, rect=(0, 0, 1, top))
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    for number, row in enumerate(rows):
        for column, (panel, _) in enumerate(row):
            place = grid[number, column] if len(row) == 2 else grid[number, :]
            axes = figure.add_subplot(place)
            _dress(axes)
            panel(axes, cases)
    _title(figure, content["machine"])
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=130)


def _title(figure: Figure, machine: Entry) -> None:
    libraries = machine["libraries"]
    high = figure.get_figheight()
    figure.text(
        0.012, 1 - 0.42 / high, "tlcp beside Tongsuo", fontsize=17, fontweight="bold", color=_INK
    )
    said = (
        f"{machine['processor']}, {machine['cores']} cores, one thread, {machine['path']} · "
        f"{machine['python']} · tlcp {libraries['tlcp']} · Tongsuo {libraries[TONGSUO]} · "
        f"{machine['date'][:10]}"
    )
    figure.text(0.012, 1 - 0.68 / high, said, fontsize=9.5, color=_FAINT)


def _dress(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    axes.tick_params(colors=_INK, labelsize=8.5, length=0)
    axes.set_axisbelow(True)


def _name(axes: Axes, title: str, under: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=_INK, pad=24)
    axes.text(
        0, 1.0, under, transform=axes.transAxes, fontsize=8.5, color=_FAINT, va="bottom",
        linespacing=1.6,
    )  # fmt: skip
    axes.texts[-1].set_y(1.015)


def _times(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"


# ---- bars ------------------------------------------------------------------------------------


def _bars(
    axes: Axes,
    labels: Sequence[str],
    bars: Sequence[Bar],
    text: Callable[[int, int, float], str],
) -> None:
    """Groups of horizontal bars, the first group on top: (name, colour, values) for each kind."""
    height = 0.8 / len(bars)
    most = max(value for _, _, values in bars for value in values if value is not None)
    for kind, (name, colour, values) in enumerate(bars):
        first = True
        for row, value in enumerate(values):
            if value is None:
                continue
            y = row + (kind - (len(bars) - 1) / 2) * height
            label = name if first else None
            axes.barh(y, value, height * 0.88, color=colour, label=label)
            words = text(kind, row, value)
            axes.text(value + most * 0.012, y, words, color=_INK, **_STYLE)
            first = False
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_xlim(0, most * 1.2)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.legend(
        frameon=False, fontsize=8.5, labelcolor=_INK, ncols=len(bars),
        loc="lower right", bbox_to_anchor=(1.02, 1.005),
        handlelength=1, handleheight=1, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _handshakes(axes: Axes, cases: Cases) -> None:
    pattern = re.compile(r"handshake (\w+) (mutual|one-way), (cold|warm)")
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for name, case in cases.items():
        if match := pattern.fullmatch(name):
            found.setdefault((match[1], match[2]), {})[match[3]] = case
    if not found:
        axes.set_visible(False)
        return
    kinds = [("tlcp, seen before", _WARM, "warm"), ("tlcp, first contact", _COLD, "cold")]
    bars: list[Bar] = [
        (label, colour, [_ours(rows.get(which)) for rows in found.values()])
        for label, colour, which in kinds
    ]
    theirs = [_theirs(rows) for rows in found.values()]
    if any(theirs):
        bars.append((TONGSUO, _THEIRS, theirs))
    rows = list(found.values())

    def text(kind: int, row: int, value: float) -> str:
        if kind == len(kinds):
            return f"{value:.2f} ms"
        ratio = rows[row][kinds[kind][2]]["ratio"]
        return f"{value:.2f} ms" + (f"   {_times(ratio)} faster" if ratio else "")

    labels = [f"{suite.replace('_SM3', '')}\n{how}" for suite, how in found]
    _bars(axes, labels, bars, text)
    _name(axes, "One handshake, both ends", "in memory, both verify")


def _ours(case: Entry | None) -> float | None:
    return None if case is None else float(case["ours"]["median"]) / 1000


def _theirs(rows: Mapping[str, Entry]) -> float | None:
    for case in rows.values():
        if TONGSUO in case["peers"]:
            return float(case["peers"][TONGSUO]["median"]) / 1000
    return None


def _resumption(axes: Axes, cases: Cases) -> None:
    pattern = re.compile(r"resumed by (\w+), (\w+) mutual, (cold|warm)")
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for name, case in cases.items():
        if match := pattern.fullmatch(name):
            found.setdefault((match[2], match[1]), {})[match[3]] = case
    rows = list(found.values())
    kinds = [("tlcp, seen before", _WARM, "warm"), ("tlcp, first contact", _COLD, "cold")]
    bars: list[Bar] = [
        (label, colour, [_ours(row.get(which)) for row in rows]) for label, colour, which in kinds
    ]
    theirs = [_theirs(row) for row in rows]
    if any(theirs):
        bars.append((TONGSUO, _THEIRS, theirs))

    def text(kind: int, row: int, value: float) -> str:
        which, name = (kinds[kind][2], "tlcp") if kind < len(kinds) else ("warm", TONGSUO)
        share = (rows[row].get(which, {}).get("share") or {}).get(name)
        return f"{value:.2f} ms" + (f"   {share:.0%} of a full handshake" if share else "")

    labels = [f"{suite.replace('_SM3', '')}\nby {how}" for suite, how in found]
    _bars(axes, labels, bars, text)
    _name(axes, "One resumed handshake, both ends", "in memory, mutual")


def _ratios(axes: Axes, cases: Cases) -> None:
    rows = [
        case
        for group in _GROUP_COLOURS
        for case in cases.values()
        if case["group"] == group and case["against"] == TONGSUO and case["ratio"]
    ]
    if not rows:
        axes.set_visible(False)
        return
    most = max(case["ratio"] for case in rows)
    for row, case in enumerate(rows):
        axes.barh(row, case["ratio"] - 1, 0.68, left=1, color=_GROUP_COLOURS[case["group"]])
        end = max(case["ratio"], case["target"] or 1, 1) * 1.04
        colour = _MISSED if case["met"] is False else _INK
        axes.text(end, row, _times(case["ratio"]), color=colour, **_STYLE)
        if case["target"]:
            ends = [row - 0.42, row + 0.42]
            axes.plot([case["target"]] * 2, ends, color="white", linewidth=3.2)
            axes.plot([case["target"]] * 2, ends, color="#e0a100", linewidth=1.8)
    axes.set_yticks(
        range(len(rows)), [case["name"].replace("records ", "records, ") for case in rows]
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(0.97, *(case["ratio"] for case in rows)), most * 1.35)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_xticks([1, 2, 5, 10, 20])
    axes.minorticks_off()
    axes.grid(axis="x", color=_GRID)
    axes.axvline(1, color=_FAINT, linewidth=0.9)
    _name(axes, "Times faster than Tongsuo", "logarithmic; the mark is the target, red misses it")


# ---- lines -----------------------------------------------------------------------------------


def _line(
    axes: Axes, points: Sequence[tuple[float, Entry]], colour: str, label: str, style: str = "-"
) -> None:
    """Medians in milliseconds, with the band between the quartiles, and the label at the end."""
    if not points:
        return
    xs = [x for x, _ in points]
    ys, lows, highs = (
        [one[which] / 1000 for _, one in points] for which in ("median", "low", "high")
    )
    axes.fill_between(xs, lows, highs, color=colour, alpha=0.18, linewidth=0)
    axes.plot(xs, ys, style, color=colour, linewidth=2.2, marker="o", markersize=4.5)
    axes.annotate(
        f"{label}\n{ys[-1]:.2f} ms", (xs[-1], ys[-1]), xytext=(8, 0), textcoords="offset points",
        color=_INK, fontsize=8.5, va="center", annotation_clip=False,
    )  # fmt: skip


def _lines_by_number(axes: Axes, cases: Cases, pattern: str) -> None:
    """Ours cold and warm and Tongsuo's, over the number in the cases' names."""
    found: dict[str, list[tuple[float, Entry]]] = {"cold": [], "warm": [], TONGSUO: []}
    for name, case in cases.items():
        if match := re.fullmatch(pattern, name):
            x = float(match[1])
            found[match[2]].append((x, case["ours"]))
            if match[2] == "cold" and TONGSUO in case["peers"]:
                found[TONGSUO].append((x, case["peers"][TONGSUO]))
    _line(axes, found[TONGSUO], _THEIRS, TONGSUO)
    _line(axes, found["cold"], _COLD, "tlcp, first contact")
    _line(axes, found["warm"], _WARM, "tlcp, seen before")
    numbers = [x for points in found.values() for x, _ in points]
    if numbers:
        low, high = min(numbers), max(numbers)
        axes.set_xticks(sorted(set(numbers)))
        axes.set_xlim(low - 0.2, high + max(high - low, 1) * 0.34)
    _from_zero(axes)


def _from_zero(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=_GRID)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ms"))


def _chains(axes: Axes, cases: Cases) -> None:
    _lines_by_number(axes, cases, r"handshake with (\d+) intermediates?, (cold|warm)")
    _name(
        axes,
        "Handshake by length of the chains",
        "CAs between root and pair, on both sides",
    )


def _verification(axes: Axes, cases: Cases) -> None:
    _lines_by_number(axes, cases, r"verify a chain of (\d+), (cold|warm)")
    _name(axes, "Parsing and verifying a chain", "certificates below the trusted root")


def _scaling(axes: Axes, cases: Cases) -> None:
    ours, theirs = [], []
    for name, case in cases.items():
        if match := re.fullmatch(r"([\d,]+) handshakes? in one process", name):
            x = float(match[1].replace(",", ""))
            ours.append((x, case["ours"]))
            theirs += [(x, case["peers"][TONGSUO])] if TONGSUO in case["peers"] else []
    _line(axes, theirs, _THEIRS, TONGSUO)
    _line(axes, ours, _WARM, "tlcp, seen before")
    if ours:
        axes.set_xscale("log")
        axes.set_xticks([x for x, _ in ours], [f"{x:,.0f}" for x, _ in ours])
        axes.minorticks_off()
        axes.set_xlim(0.8, max(x for x, _ in ours) * 25)
    _from_zero(axes)
    _name(axes, "Many handshakes in one process", _grown(cases))


def _grown(cases: Cases) -> str:
    case = cases.get("growth per 1,000 handshakes")
    if case is None:
        return "each, median, by number done"
    said = f"each, by number done; memory grows by {case['ours']['median']:.1f} KiB per 1,000"
    theirs = case["peers"].get(TONGSUO)
    return said + (f" (Tongsuo's by {theirs['median']:.1f})" if theirs else "")


def _memory(axes: Axes, cases: Cases) -> None:
    rows = [
        case
        for name, case in cases.items()
        if name.startswith("idle") and name.endswith("resident")
    ]
    if not rows:
        axes.set_visible(False)
        return
    kinds = [("tlcp", _COLD), (TONGSUO, _THEIRS), (SSL, _TLS)]
    bars: list[Bar] = []
    for name, colour in kinds:
        found = [case["ours"] if name == "tlcp" else case["peers"].get(name, {}) for case in rows]
        bars.append((name, colour, [figures.get("median") for figures in found]))
    labels = [
        "under asyncio,\nits buffer 256" if "asyncio" in case["name"] else "object alone"
        for case in rows
    ]
    _bars(axes, labels, bars, lambda _kind, _row, value: f"{value:.1f} KiB")
    _name(axes, "Memory of an idle connection", "server's side, resident")
