"""The pages show what the examples have, in both languages."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto"
PAGES = sorted(HOWTO.glob("*/*.md"))
LINK = re.compile(r"\]\(([^)#]+)\)")


def include() -> Any:
    spec = importlib.util.spec_from_file_location("include", HOWTO / "include.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_blocks_are_the_examples(page: Path) -> None:
    text = page.read_text("utf-8")
    assert include().filled(text) == text, "run python docs/howto/include.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_example_has_a_page(language: str) -> None:
    texts = "".join(page.read_text("utf-8") for page in (HOWTO / language).glob("*.md"))
    shown = set(re.findall(r"<!-- examples/(\w+)\.py -->\n```python\n", texts))
    assert shown == {path.stem for path in (ROOT / "examples").glob("*.py")}


def test_both_languages_have_the_same_pages() -> None:
    names = [{page.name for page in (HOWTO / language).glob("*.md")} for language in ("en", "zh")]
    assert names[0] == names[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_index_has_every_page(language: str) -> None:
    targets = set(LINK.findall((HOWTO / language / "index.md").read_text("utf-8")))
    pages = {page.name for page in (HOWTO / language).glob("*.md")} - {"index.md"}
    assert pages <= targets


def test_pages_with_code_show_both_the_same() -> None:
    def code(language: str) -> dict[str, list[str]]:
        pages = (HOWTO / language).glob("*.md")
        fence = re.compile(r"```\w+\n.*?```", re.DOTALL)
        return {page.name: fence.findall(page.read_text("utf-8")) for page in pages}

    assert code("en") == code("zh")
