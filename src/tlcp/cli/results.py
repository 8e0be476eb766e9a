"""What is left beside a recording of our own ends: the report as text, as JSON, and as a page."""

from __future__ import annotations

import json
from pathlib import Path

from tlcp.cli.inspecting import Here, Inspection, Reading, Totals, run
from tlcp.inspect.captures import open_capture
from tlcp.inspect.page import Page
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.text import lines
from tlcp.inspect.writing import replacing
from tlcp.x509.trust import TrustStore

__all__ = ["write_results"]


def write_results(
    capture: Path, trust: TrustStore | None, host: str | None, lang: Lang
) -> list[Path]:
    """Write FILE.txt, FILE.json and FILE.html beside a capture, for its owner alone.

    The page has the keys, as the capture has; text and JSON have the data, and no keys.

    Args:
        capture: a recording, with its keys.
        trust: the CAs; None = chains are not checked.
        host: the name that the server must have.
        lang: of the text, and of the page at first.

    Returns:
        The files; the page is the last.

    Raises:
        ConfigError: one cannot be written.
        CaptureError: the capture is none.
        OSError: reading or writing failed.
    """
    ends = (".txt", ".json", ".html")
    text, document, html = (capture.with_name(capture.name + end) for end in ends)
    page = Page(capture.name, lang=lang)
    with (
        replacing(text) as told,
        replacing(document) as data,
        open_capture(capture) as packets,
    ):

        def render(report: ConnectionReport) -> str:
            one = json.dumps(report.as_dict(), ensure_ascii=True)
            data.write(((",\n" if totals.shown else "[\n") + one).encode())
            page.add(report)
            return "\n".join(lines(report, lang))

        def write(report: str) -> None:
            told.write((("\n" if totals.shown > 1 else "") + report + "\n").encode())

        totals = Totals(write)
        work = Inspection(Secrets(), trust, host, render)
        run(Reading(capture, packets), Here(work, totals.take))
        if not totals.shown:
            told.write(_NOTHING[lang].encode())
        data.write(b"\n]\n" if totals.shown else b"[]\n")
    with replacing(html) as shown:
        shown.write(page.render().encode())
    return [text, document, html]


_NOTHING: dict[Lang, str] = {
    "en": "No byte of TLCP was sent or received.\n",
    "zh": "没有收发任何 TLCP 数据。\n",
}
