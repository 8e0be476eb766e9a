"""The page as a document: self-contained, the same each time, closed to what it shows."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from page.built import EVIL, built, data_of, hostile
from support.captured import CAPTURES, examine_all
from tlcp.cli.app import program
from tlcp.inspect.page import Page, PageLimits
from tlcp.inspect.page.meanings import MEANINGS

ECC = "tongsuo-ecc-gcm"
_VOID = {"meta", "link", "br", "hr", "img", "input"}


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]].append(data)


def parsed(page: str) -> _Elements:
    elements = _Elements()
    elements.feed(page)
    elements.close()
    assert elements.open == []
    return elements


@pytest.mark.parametrize("make", [lambda: built(ECC), hostile], ids=["capture", "hostile"])
def test_nothing_is_fetched_and_only_our_script_and_style_may_run(make: object) -> None:
    assert callable(make)
    page = make().path.read_text()
    elements = parsed(page)
    tags = [tag for tag, _ in elements.seen]
    assert sorted(set(tags)) == sorted(
        ["html", "head", "meta", "title", "style", "body", "div", "noscript", "p", "script"]
    )
    assert (tags.count("script"), tags.count("style")) == (2, 1)
    for _, attributes in elements.seen:
        assert not {"src", "href", "style", "srcset"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    style, script = elements.texts["style"][0], elements.texts["script"][1]
    assert "url(" not in style
    assert "@import" not in style
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                 "new Function", "fetch(", "XMLHttpRequest", "localStorage"):  # fmt: skip
        assert word not in script
    assert set(re.findall(r"https?://[\w.]+", style + script)) == {"http://www.w3.org"}  # SVG
    policy = next(a["content"] for _, a in elements.seen if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in (style, script):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_same_connections_give_the_same_page() -> None:
    def page() -> str:
        one = Page("x.pcap")
        for report in examine_all(ECC):
            one.add(report)
        return one.render()

    assert page() == page()


def test_what_is_hostile_cannot_leave_the_data() -> None:
    page = hostile().path.read_text()
    assert "<img" not in page
    assert page.count("</script>") == 2
    data = data_of(page)
    assert data["source"] == f"{EVIL}.pcap"
    assert "<img src=x onerror=hit()" in str(data["connections"][0]["messages"][2]["certificates"])


def secrets_in(report: dict[str, object]) -> list[str]:
    secrets = report["secrets"]
    assert isinstance(secrets, dict)
    values = [secrets["pre_master"], secrets["master"]]
    for side in ("client", "server"):
        values += list(secrets[side].values())
    return [value for value in values if value]


@pytest.mark.parametrize(("name", "key"), [("tassl-ecdhe-cbc-resume", "log"), (ECC, "server")])
def test_keys_are_in_the_page_unless_left_out(name: str, key: str) -> None:
    with_keys, without = built(name, key=key), built(name, "--no-keys", key=key)
    page, bare = with_keys.path.read_text(), without.path.read_text().lower()
    assert "holds the keys of" in with_keys.stderr
    assert "holds the keys of" not in without.stderr
    assert with_keys.path.stat().st_mode & 0o077 == 0
    found = [value for report in with_keys.reports for value in secrets_in(report)]
    assert len(found) >= 5
    for value in found:
        assert value in page
        assert value not in bare
    for connection in data_of(bare)["connections"]:
        assert "secrets" not in connection
        assert connection["decryption"]["possible"]


def test_no_keys_needs_a_page() -> None:
    result = CliRunner().invoke(program, ["inspect", str(CAPTURES / f"{ECC}.pcap"), "--no-keys"])
    assert result.exit_code == 2
    assert "--no-keys needs --html" in result.stderr


def test_a_page_that_cannot_be_written_is_said_before_reading(tmp_path: Path) -> None:
    capture, target = str(CAPTURES / f"{ECC}.pcap"), tmp_path / "none" / "page.html"
    result = CliRunner().invoke(program, ["inspect", capture, "--html", str(target)])
    assert result.exit_code == 2
    assert "there is no directory" in result.stderr
    assert result.stdout == ""


def test_what_is_over_the_limits_is_counted() -> None:
    reports = examine_all("tassl-ecdhe-cbc-resume")
    page = Page(limits=PageLimits(connections=1))
    assert [page.add(report) for report in reports] == [True, False]
    assert (page.shown, page.left_out) == (1, 1)
    assert data_of(page.render())["left_out"] == 1
    small = Page(limits=PageLimits(page_bytes=100))
    assert not small.add(reports[0])
    assert data_of(small.render())["connections"] == []


def test_data_over_the_limit_is_left_out_and_said() -> None:
    page = Page(limits=PageLimits(data_bytes=30))
    page.add(examine_all(ECC)[0])
    (one,) = data_of(page.render())["connections"]
    data = [m for m in one["messages"] if m["name"] == "ApplicationData"]
    kept = sum(len(m["data"]) // 2 for m in data)
    assert 0 < kept <= 30 < sum(m["length"] for m in data)
    assert one["application"]["cut"]
    assert sum(len(r.get("fragment", "")) // 2 for r in one["records"]) <= 30


def test_every_field_of_the_captures_has_a_meaning_in_both_languages() -> None:
    for text in MEANINGS.values():
        assert re.search(r"[\u4e00-\u9fff]", text.zh), text
        assert text.en.isascii(), text
    for name in (ECC, "tassl-ecdhe-cbc-resume", "gmssl-ecdhe-cbc"):
        for report in examine_all(name):
            for message in report.messages:
                for field in message.fields:
                    path = re.sub(r"\[\d+\]", "[]", field.path)
                    named = f"{message.message.name} {path}"
                    ends = [f".{path}"[at.start() :] for at in re.finditer(r"\.", f".{path}")]
                    assert {named, path, *ends} & set(MEANINGS), named
