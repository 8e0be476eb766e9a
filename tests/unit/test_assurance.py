"""The frame of ``python -m assurance``: figures with bounds, and the page that is made of them."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from assurance import children, report
from assurance.figures import Figure, Result


def test_a_figure_that_breaks_its_bound_is_a_failure() -> None:
    result = Result()
    result.add("cases", 300, least=300)
    result.add("seconds", 2.5, "s", most=3)
    assert not result.failures
    result.add("memory", 1025, "KiB", most=1024)
    assert result.failures == ["memory: 1,025 KiB, at most 1,024 is wanted"]


def test_the_page_is_made_of_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path / "assurance")
    monkeypatch.setattr(report, "PAGE", tmp_path / "assurance.md")
    result = Result([Figure("cases", 1234, least=300)], notes=["not on Windows"])
    report.keep("adversary", "Misdeeds", result, long=True, seconds=61.4)
    page = (tmp_path / "assurance.md").read_text()
    assert "`python -m assurance adversary --long`" in page
    assert "| cases | 1,234 | at least 300 |" in page
    assert "- not on Windows" in page


def test_the_page_that_is_committed_is_up_to_date() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page()


def test_too_few_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, asked = [(256, 4096)], list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    children.need_files(4000)
    assert asked == [(4000, 4096)]
    limits[0] = 4000, 4096
    children.need_files(4000)
    assert len(asked) == 1
    with pytest.raises(OSError, match=r"may open 4096 files here, and 5000 are needed.*ulimit -Hn"):
        children.need_files(5000)
