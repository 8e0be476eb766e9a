"""The page in Chromium, opened from disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from page.built import Built, built, hostile, long_and_cut

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ECC, RESUMED = "tongsuo-ecc-gcm", "tassl-ecdhe-cbc-resume"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def visit(browser: Browser, one: Built, anchor: str = "", **options: Any) -> Iterator[Page]:
    """A page that is open; whatever the console says, or is asked of the network, is a failure."""
    width = options.pop("width", 1400)
    settings = {"locale": "en-US", "color_scheme": "light", **options}
    context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
    heard: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(one.path.as_uri() + anchor)
    yield page
    context.close()
    assert [what for what in heard if not what.startswith(one.path.as_uri())] == []


def show(page: Page, connection: str, number: int) -> None:
    """Go to a message by the hash, and wait for it."""
    page.evaluate("hash => { location.hash = hash }", f"c{connection}m{number}")
    page.locator(f'#opened .message[data-number="{number}"]').wait_for()


def opened(page: Page) -> str | None:
    """The hash, if the page shows the message of it."""
    number = page.locator("#opened .message").get_attribute("data-number")
    fragment: str = page.evaluate("location.hash")
    assert fragment.endswith(f"m{number}")
    return fragment


def test_the_ladder_has_every_message_in_order(browser: Browser) -> None:
    for one in (built(ECC), built("gmssl-ecc-gcm", key="server"), built("gmssl-ecc-gcm", key="")):
        with visit(browser, one) as page:
            shown = page.locator(".msg").evaluate_all(
                "rows => rows.map(r => [Number(r.dataset.number), r.dataset.name,"
                " r.classList.contains('client') ? 'client' : 'server',"
                " r.classList.contains('protected'), !!r.querySelector('.i-lock')])"
            )
        assert shown == [
            [m["number"], m["name"], m["sender"], m["protected"], not m["decrypted"]]
            for m in one.reports[0]["messages"]
        ]


_FIELDS = """() => [...document.querySelectorAll('#opened .dissected')].map(view => ({
  view: view.dataset.view,
  text: [...view.querySelectorAll('.hx .s')].map(s => s.textContent).join(' '),
  fields: [...view.querySelectorAll('tr[data-f]')].map(row => {
    row.dispatchEvent(new MouseEvent('mouseenter'));
    const on = [...view.querySelectorAll('.hx .s.on')];
    const parts = on.map(s => [Number(s.dataset.s), Number(s.dataset.e)]);
    row.dispatchEvent(new MouseEvent('mouseleave'));
    const whole = parts.every(([s], i) => i === 0 || s === parts[i - 1][1]);
    const text = on.map(s => s.textContent).join(' ').replace(/\\s+/g, '');
    return [row.dataset.path, parts.length ? parts[0][0] : null,
      parts.length ? parts[parts.length - 1][1] : null, whole, text];
  }),
  owners: [...view.querySelectorAll('.hx .s')].map(s => {
    s.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
    const row = view.querySelector('tr.on');
    return [Number(s.dataset.s), row ? row.dataset.path : null];
  }),
}))"""


@pytest.mark.parametrize("name", [ECC, RESUMED])
def test_each_message_opens_and_its_fields_and_bytes_are_tied(browser: Browser, name: str) -> None:
    one = built(name)
    with visit(browser, one) as page:
        for report in one.reports:
            for message in report["messages"]:
                show(page, report["name"], message["number"])
                says = page.locator("#opened .says").inner_text()
                assert says == message["says"]["en"]
                assert "" not in page.locator("#opened .fmeaning").all_text_contents()
                views = {view["view"]: view for view in page.evaluate(_FIELDS)}
                assert ("record" in views) == message["protected"]
                if message["data"]:
                    _same(message, views["message"])


def _same(message: dict[str, Any], view: dict[str, Any]) -> None:
    """What lights up is what the report says, down to the innermost field."""
    data, fields = message["data"], message["fields"]
    assert [row[0] for row in view["fields"]] == [f["path"] for f in fields]
    for field, (path, start, end, whole, text) in zip(fields, view["fields"], strict=True):
        if field["start"] == field["end"]:
            assert (start, end) == (None, None)
            continue
        assert (path, start, end, whole) == (field["path"], field["start"], field["end"], True)
        assert text == data[2 * start : 2 * end]
    for place, path in view["owners"]:
        around = [f for f in fields if f["start"] <= place < f["end"]]
        inner = min(reversed(around), key=lambda f: f["end"] - f["start"])
        assert path == inner["path"]


def test_a_gap_is_on_the_ladder_and_long_runs_are_folded(browser: Browser) -> None:
    one = long_and_cut()
    (report,) = one.reports
    with visit(browser, one) as page:
        (notice,) = report["notices"]
        assert notice["text"]["en"] in page.locator(".notice").inner_text()
        before = page.locator(".notice").evaluate(
            "n => [...document.querySelectorAll('.msg')]"
            ".filter(m => n.compareDocumentPosition(m) & Node.DOCUMENT_POSITION_PRECEDING).length"
        )
        record = {r["number"]: r for r in report["records"]}
        firsts = [m["parts"][0]["record"] for m in report["messages"]]
        assert before == sum(record[first]["number"] < notice["number"] for first in firsts)
        assert page.locator(".msg").count() == len(report["messages"])
        hidden = page.locator(".msg:visible").count()
        assert hidden < len(report["messages"])
        while (button := page.locator(".unfold button").first).is_visible():
            button.click()
        assert page.locator(".msg:visible").count() == len(report["messages"])
    behind = report["messages"][-3]["number"]
    with visit(browser, one, f"#c1m{behind}") as page:
        assert page.locator(f'.msg[data-number="{behind}"]').is_visible()
        assert opened(page) == f"#c1m{behind}"


def test_a_protected_message_shows_ciphertext_and_content(browser: Browser) -> None:
    one = built(ECC)
    finished = next(m for m in one.reports[0]["messages"] if m["name"] == "Finished")
    with visit(browser, one, f"#c1m{finished['number']}") as page:
        record = page.locator('#opened [data-view="record"]')
        paths = record.locator("tr").evaluate_all("rows => rows.map(r => r.dataset.path)")
        assert [path for path in paths if path] == [
            "record.type",
            "record.version",
            "record.length",
            "record.nonce",
            "record.ciphertext",
            "record.tag",
        ]
        assert "MAC or tag holds" in page.locator("#opened .wire").inner_text()
        text = page.locator('#opened [data-view="message"] .hx').inner_text()
        assert text.replace(" ", "").replace("\n", "") == finished["data"]


def test_certificates_and_who_signed_them(browser: Browser) -> None:
    one = built(ECC)
    certificates = one.reports[0]["messages"][2]["certificates"]
    assert [c["role"] for c in certificates] == ["sign", "enc", "ca"]
    assert [c["issued_by"] for c in certificates] == [2, 2, 2]
    with visit(browser, one, "#c1m3") as page:
        cards = page.locator("#opened .card")
        assert cards.count() == 3
        for place, certificate in enumerate(certificates):
            text = cards.nth(place).inner_text()
            bare = text.replace(" ", "").replace("\n", "")
            assert certificate["subject"] in text
            assert certificate["serial"] in text
            assert certificate["signature_algorithm"] in text
            assert certificate["sm3"] in bare
            assert certificate["public_key"]["data"] in bare
        chain = page.locator("#opened .chain")
        assert chain.locator(":scope > ul > li").count() == 1
        assert chain.locator(":scope > ul > li > ul > li").count() == 2


def test_the_key_schedule_shows_every_value(browser: Browser) -> None:
    one = built(RESUMED)
    for report in one.reports:
        secrets, resumed = report["secrets"], report["resumed"]
        with visit(browser, one, f"#c{report['name']}") as page:
            schedule = page.locator(".schedule")
            text = schedule.inner_text().replace(" ", "").replace("\n", "")
            assert schedule.locator(".premaster").count() == (0 if resumed else 1)
            assert page.locator("#keys-banner").is_visible()
        for side in ("client", "server"):
            finished = report["key_schedule"]["finished"][side]
            for value in (*secrets[side].values(), finished["verify_data"]):
                assert value in text
        assert secrets["master"] in text
        for label in ("keyexpansion", "clientfinished", "serverfinished"):
            assert f'"{label}"' in text


def test_without_keys_it_says_why(browser: Browser) -> None:
    with visit(browser, built("gmssl-ecc-gcm", key="")) as page:
        assert (
            "no key log and no encryption key was given" in page.locator(".schedule").inner_text()
        )
        assert page.locator(".schedule .keyvalue").count() == 0
        assert page.locator("#keys-banner").count() == 0
    with visit(browser, built(ECC, "--no-keys")) as page:
        assert "--no-keys" in page.locator(".schedule").inner_text()
        assert page.locator(".schedule .keyvalue").count() == 0


def test_http_is_shown_as_http(browser: Browser) -> None:
    with visit(browser, built(ECC)) as page:
        assert page.locator(".data .http .first").all_inner_texts() == [
            "GET / HTTP/1.0",
            "HTTP/1.0 200 OK",
        ]
        assert page.locator(".data .headers dt").count() > 0


def test_language_and_theme_switch(browser: Browser) -> None:
    def background(page: Page) -> str:
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return color

    with visit(browser, built(ECC), "#c1m2") as page:
        assert page.locator("html").get_attribute("lang") == "en"
        page.locator("#lang").click()
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        assert opened(page) == "#c1m2"
        assert "服务端" in page.locator("#opened .purpose").inner_text()
        english = page.evaluate(
            "[...document.querySelectorAll('h2, h3, dt, th[scope=col], summary, .ttitle')]"
            ".map(n => n.textContent).filter(t => !/[\\u4e00-\\u9fff]/.test(t)"
            " && !/^[A-Z][\\w-]*$/.test(t))"
        )
        assert english == []
        light = background(page)
        page.locator("#theme").click()
        dark = background(page)
        assert dark != light
        page.locator("#theme").click()
        assert background(page) == light
    with visit(browser, built(ECC), locale="zh-CN", color_scheme="dark") as page:
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        assert background(page) == dark
    with visit(browser, built(ECC, "--lang", "en"), locale="zh-CN") as page:
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", [1400, 400])
def test_the_keyboard_is_enough(browser: Browser, width: int) -> None:
    with visit(browser, built(RESUMED), "#c1m1", width=width) as page:
        page.keyboard.press("j")
        page.keyboard.press("ArrowDown")
        assert opened(page) == "#c1m3"
        assert page.evaluate("document.activeElement.dataset.number") == "3"
        page.keyboard.press("k")
        assert opened(page) == "#c1m2"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.locator("#opened tr[tabindex='0']").first.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.path") == "length"
        assert page.locator("#opened .hx .s.on").all_inner_texts() == ["00 00 35"]
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.number") == "2"
        page.keyboard.press("]")
        assert page.locator("h1").inner_text() == "TLCP connection 2"
        page.keyboard.press("j")
        assert page.evaluate("location.hash").startswith("#c2m")


def test_a_finding_leads_to_its_message(browser: Browser) -> None:
    one = built(ECC)
    finding = next(f for f in one.reports[0]["findings"] if f["message"])
    with visit(browser, one) as page:
        page.locator("#findings .callout a").first.click()
        page.locator(f'#opened .message[data-number="{finding["message"]}"]').wait_for()
        assert finding["text"]["en"] in page.locator("#opened").inner_text()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_nothing_runs_over_the_edge(browser: Browser, language: str) -> None:
    with visit(browser, built(RESUMED), "#c1m3", width=1600, locale=language) as page:
        for width in (1600, 1100, 768, 400, 360):
            page.set_viewport_size({"width": width, "height": 900})
            for number in (1, 3, 11):
                show(page, "1", number)
                over = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert over == 0, (width, number)


_CONTRAST = """() => {
  const parse = c => {
    const n = c.match(/[\\d.]+/g).map(Number), unit = c.startsWith('color(');
    return [...n.slice(0, 3).map(v => unit ? 255 * v : v), n.length > 3 ? n[3] : 1];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const light = c => {
    const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const bad = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.checkVisibility()) continue;
    const chain = [];
    for (let n = node; n; n = n.parentElement) chain.unshift(getComputedStyle(n));
    let ground = [255, 255, 255], opacity = 1;
    for (const style of chain) {
      ground = over(parse(style.backgroundColor), ground);
      opacity *= Number(style.opacity);
    }
    const ink = parse(chain[chain.length - 1].color);
    ink[3] *= opacity;
    const [a, b] = [light(over(ink, ground)), light(ground)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push([node.className, node.textContent.slice(0, 30),
      ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return bad;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, theme: str) -> None:
    with visit(
        browser, built(RESUMED), "#c1m3", color_scheme=theme, reduced_motion="reduce"
    ) as page:
        for number in (3, 11):
            show(page, "1", number)
            assert page.evaluate(_CONTRAST) == []


def test_what_a_peer_sends_does_nothing(browser: Browser) -> None:
    one = hostile()
    for width in (400, 1400):
        with visit(browser, one, width=width) as page:
            page.evaluate("window.hit = () => { document.title = 'hit' }")
            for report in one.reports:
                for message in report["messages"]:
                    show(page, report["name"], message["number"])
                    assert page.locator("img, iframe, object, embed").count() == 0
                assert page.locator("script").count() == 2
            assert "hit" not in page.title().split("·")[0]
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_every_message_is_open(browser: Browser) -> None:
    one = built(ECC)
    with visit(browser, one, color_scheme="dark") as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator(".printed .message").count() == len(one.reports[0]["messages"])
        certificate = page.locator('.printed .message[data-number="3"]')
        text = certificate.locator(".hx").all_inner_texts()
        bare = "".join(text).replace(" ", "").replace("\n", "")
        assert bare == one.reports[0]["messages"][2]["data"]
        assert page.locator(".printed .says").first.is_visible()
        assert not page.locator("#lang").is_visible()
        assert not page.locator(".mover").first.is_visible()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert ink == "rgb(23, 32, 51)"
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".printed").count() == 0


def test_on_paper_nothing_is_folded(browser: Browser) -> None:
    one = built(ECC)
    with visit(browser, one) as page:
        folded = page.locator("details:not([open])").count()
        assert folded > 0
        page.emulate_media(media="print")  # a preview, which says nothing before
        page.locator(".printed").wait_for()
        assert page.locator("details:not([open])").count() == 0
        for check in one.reports[0]["checks"]:
            assert check["text"]["en"] in page.locator("#checks").inner_text()
        for side in ("client", "server"):
            shown = page.locator(f".peer.{side}").inner_text()
            assert all(q["text"]["en"] in shown for q in one.reports[0][side]["quirks"])
        page.emulate_media(media="screen")
        page.locator(".printed").wait_for(state="detached")
        assert page.locator("details:not([open])").count() == folded


def test_paper_of_any_width_holds_the_page(browser: Browser) -> None:
    with visit(browser, built(ECC), "#c1m3", width=400) as page:
        page.emulate_media(media="print")
        page.locator(".printed").wait_for()
        assert page.locator("#opened").is_hidden()
        for width in (400, 700, 1000):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("language", "step"), [("en-US", "step {}/15"), ("zh-CN", "步骤 {}/15")])
def test_a_message_has_one_number_everywhere(browser: Browser, language: str, step: str) -> None:
    one = built(RESUMED)
    for report in one.reports:
        with visit(browser, one, f"#c{report['name']}", locale=language) as page:
            messages = report["messages"]
            rows = page.locator(".msg")
            assert rows.locator(".number").all_inner_texts() == [str(m["number"]) for m in messages]
            for m in messages:
                beside = page.locator(f'.msg[data-number="{m["number"]}"] .step').all_inner_texts()
                assert beside == ([step.format(m["step"])] if m["step"] else [])
                show(page, report["name"], m["number"])
                assert page.locator("#opened .number").inner_text() == str(m["number"])
            links = page.locator(".details a, .schedule a, .worst a, .turnhead a")
            for link in links.all():
                number = (link.get_attribute("href") or "").rpartition("m")[2]
                assert re.search(rf"\b{number}\b", link.text_content() or "")
                assert page.locator(f'.msg[data-number="{number}"]').count() == 1


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("width", [1600, 400])
def test_the_ladder_is_in_the_first_view(browser: Browser, width: int, language: str) -> None:
    for one in (built(ECC), built(RESUMED), built("gmssl-ecc-gcm", key="")):
        with visit(browser, one, width=width, locale=language) as page:
            box = page.locator(".msg").first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < (600 if width == 1600 else 800)
            for part in (".parties", ".tiles", ".suite"):  # and above it who, how and whether
                above = page.locator(part).bounding_box()
                assert above is not None
                assert 0 < above["y"] < box["y"]
            for part in ("#findings", "#schedule-section", "#data-section"):
                below = page.locator(part).bounding_box()
                assert below is not None
                assert below["y"] > box["y"]


def test_what_is_worst_is_above_the_ladder(browser: Browser) -> None:
    one = built(ECC)
    worst = one.reports[0]["findings"][0]
    assert worst["severity"] == "warning"
    with visit(browser, one) as page:
        assert worst["text"]["en"] in page.locator(".worst").inner_text()
        page.locator(".worst a").click()
        page.locator(f'#opened .message[data-number="{worst["message"]}"]').wait_for()


def test_an_empty_panel_keeps_its_distance(browser: Browser) -> None:
    with visit(browser, built(RESUMED), "#c2") as page:
        panel, text = page.locator("#opened"), page.locator("#opened p")
        around, inside = panel.bounding_box(), text.bounding_box()
        assert around is not None
        assert inside is not None
        above = inside["y"] - around["y"]
        below = around["y"] + around["height"] - inside["y"] - inside["height"]
        assert above > 15
        assert abs(above - below) < 5


@pytest.mark.parametrize("width", [400, 360])
def test_no_name_of_a_message_is_broken(browser: Browser, width: int) -> None:
    one = built(ECC)
    with visit(browser, one, width=width) as page:
        for message in one.reports[0]["messages"]:
            show(page, "1", message["number"])
            for place in (
                "#opened .mname span:not(.number)",
                f'.msg[data-number="{message["number"]}"] .name',
            ):
                lines = page.locator(place).first.evaluate(
                    "n => n.getClientRects().length === 1 && n.getBoundingClientRect().height"
                    " < 1.7 * parseFloat(getComputedStyle(n).fontSize)"
                )
                assert lines, message["name"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_parts_of_a_ciphertext_have_colours_of_their_own(browser: Browser, theme: str) -> None:
    parts = [f"body.ciphertext.{part}" for part in ("x", "y", "c3", "c2")]
    with visit(browser, built(ECC), "#c1m8", color_scheme=theme, reduced_motion="reduce") as page:
        page.locator("#opened .hx").first.wait_for()
        inner = page.evaluate(
            """parts => parts.map(part => {
              const rows = [...document.querySelectorAll('#opened tr[data-f]')];
              const i = rows.find(r => r.dataset.path === part).dataset.f;
              const own = document.querySelector(`.hx .s[data-f="${i}"]`);
              return getComputedStyle(own).backgroundColor;
            })""",
            [*parts, "body.ciphertext.length", "body.ciphertext.header"],
        )
        assert len(set(inner[:4])) == 4
        assert inner[4] == inner[5]
        assert inner[4] not in inner[:4]
        shown = page.locator("#opened tr[data-path='body.ciphertext'] .fvalue").inner_text()
        length = page.locator("#opened tr[data-path='body.ciphertext.length'] .fvalue").inner_text()
        assert shown.split()[0] == length.split()[0]
        assert f"({length.split()[0]} bytes)" in page.locator("#opened .says").inner_text()


def test_certificates_unfold_in_the_table(browser: Browser) -> None:
    with visit(browser, built(ECC), "#c1m3") as page:
        row = page.locator("#opened tr[data-path='certificates[1].tbs.serial']")
        twist = page.locator("#opened tr[data-path='certificates[1]'] .twist")
        assert row.is_hidden()
        twist.click()
        assert row.is_visible()
        assert page.locator("#opened tr[data-path='certificates[0].tbs.serial']").is_hidden()
        twist.click()
        assert row.is_hidden()
        place = row.get_attribute("data-f")
        page.locator(f"#opened .hx .s[data-f='{place}']").first.click()
        assert row.is_visible()  # chosen in the bytes
        page.locator("#opened tr[data-path='certificates[0]']").focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.path") == "certificates[1]"
        page.keyboard.press("ArrowLeft")
        assert row.is_hidden()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.path") == "certificates[1].length"
