"""Connections as one self-contained page: a ladder of messages, each of which opens.

The page needs no network and no server. What a capture holds is hostile: it goes in as JSON in
which no character can end the script element, and the script writes it as text alone. The
policy in the page lets run only the script and the style whose hashes it names.

Spec: GB/T 38636-2020 6; Content Security Policy Level 3, 2.3
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tlcp.alerts import Text
from tlcp.inspect.page.meanings import MEANINGS
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.steps import STEPS, Lang

__all__ = ["Page", "PageLimits"]

#: in this order they make one script
_SCRIPTS = (
    "words",
    "dom",
    "hex",
    "fields",
    "certificates",
    "data",
    "message",
    "schedule",
    "ladder",
    "overview",
    "main",
)
_MOST_TURNS = 200  # exchanges, and blocks, of one connection
_SHORTEST_KEPT = 64  # bytes of a field's value; longer ones are read off the message's bytes


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much goes into a page.

    Attributes:
        connections: how many.
        page_bytes: of all connections together, as JSON.
        data_bytes: application data of one connection, both directions together.
    """

    connections: int = 200
    page_bytes: int = 24 << 20
    data_bytes: int = 256 << 10


class Page:
    """Takes connections, one by one, and becomes a page.

    Args:
        source: what the connections come from, such as the name of a file.
        lang: the language to begin with; None = the browser's.
        keys: whether the keys go in where they are known: who has the page can read them then.
        limits: how much goes in.

    Attributes:
        shown: connections that are in.
        left_out: connections over a limit.
        limits: how much goes in.
        with_keys: connections whose keys are in.
    """

    def __init__(
        self,
        source: str = "",
        *,
        lang: Lang | None = None,
        keys: bool = True,
        limits: PageLimits | None = None,
    ) -> None:
        self._source, self._lang, self._keys = source, lang, keys
        self.limits = limits or PageLimits()
        self._parts: list[str] = []
        self._size = 0
        self.shown = self.left_out = self.with_keys = 0

    def add(self, report: ConnectionReport) -> bool:
        """Take a connection, unless a limit is reached; tells whether it did."""
        if self.shown >= self.limits.connections or self._size >= self.limits.page_bytes:
            self.left_out += 1
            return False
        told = report.as_dict(dangerous_secrets=self._keys, fragments=True)
        self._shorten(told)
        part = _json(told)
        if self._size + len(part) > self.limits.page_bytes:
            self.left_out += 1
            return False
        self._parts.append(part)
        self._size += len(part)
        self.shown += 1
        self.with_keys += told.get("secrets") is not None
        return True

    def _shorten(self, told: dict[str, Any]) -> None:
        """Leave out what the page can find elsewhere, and data over the limit."""
        left, dropped = self.limits.data_bytes, set[int]()
        for message in told["messages"]:
            if message["name"] == "ApplicationData":
                left -= len(message["data"]) // 2
                if left < 0:
                    message["data"], message["fields"] = "", []
                    dropped.update(part["record"] for part in message["parts"])
            for one in message["fields"]:
                if isinstance(one["value"], str) and len(one["value"]) > 2 * _SHORTEST_KEPT:
                    one["value"] = len(one["value"]) // 2  # the last so many bytes of the field
                    one["long"] = True
        self._shorten_application(told["application"])
        closed = self.limits.data_bytes
        for record in told["records"]:
            closed -= len(record.get("fragment", "")) // 2
            if closed < 0 or record["number"] in dropped:
                record["fragment"] = ""

    def _shorten_application(self, data: dict[str, Any]) -> None:
        """The same bytes again, as HTTP and blocks: likewise up to the limit."""
        left = self.limits.data_bytes

        def kept(text: str, size: int) -> str:
            nonlocal left
            short = text[: max(left, 0) * size]
            left -= len(text) // size
            return short

        for exchange in data["exchanges"]:
            for one in (exchange["request"], *exchange["interim"], exchange["response"]):
                if one is None:
                    continue
                left -= len(one["start_line"]) + sum(len(h["value"]) for h in one["headers"])
                if body := one["body"]:
                    body["text"] = None if body["text"] is None else kept(body["text"], 1)
                    body["data"] = None if body["data"] is None else kept(body["data"], 2)
        data["exchanges"] = data["exchanges"][:_MOST_TURNS]
        data["blocks"] = data["blocks"][:_MOST_TURNS]
        for block in data["blocks"]:
            block["bytes"] = len(block["data"]) // 2
            block["data"] = kept(block["data"], 2)
        data["cut"] = left < 0

    def render(self) -> str:
        """The page, the same for the same connections."""
        head = {
            "source": self._source,
            "lang": self._lang,
            "keys": self._keys,
            "with_keys": self.with_keys,
            "left_out": self.left_out,
            "limits": {
                "connections": self.limits.connections,
                "page_mib": self.limits.page_bytes >> 20,
                "data_kib": self.limits.data_bytes >> 10,
            },
            "steps": len(STEPS),
            "meanings": {path: _text(text) for path, text in MEANINGS.items()},
        }
        data = f'{_json(head)[:-1]},"connections":[{",".join(self._parts)}]}}'
        parts = _parts()
        # the data last: nothing in it is looked at for a place to fill
        page = parts.page.replace("@STYLE@", parts.style).replace("@SCRIPT@", parts.script)
        before, _, after = page.partition("@DATA@")
        return before + data + after


@dataclass(frozen=True, slots=True)
class _Parts:
    page: str  # with @STYLE@, @SCRIPT@, @DATA@
    style: str
    script: str


@lru_cache(1)
def _parts() -> _Parts:
    here = files(__package__)
    style = "\n" + here.joinpath("page.css").read_text("utf-8")
    scripts = [here.joinpath("js", f"{name}.js").read_text("utf-8") for name in _SCRIPTS]
    script = '\n(() => {\n"use strict";\n' + "\n".join(scripts) + "})();\n"
    page = here.joinpath("page.html").read_text("utf-8")
    page = page.replace("@STYLE_HASH@", _hash(style)).replace("@SCRIPT_HASH@", _hash(script))
    return _Parts(page, style, script)


def _hash(text: str) -> str:
    """As a policy names what may run.  Spec: CSP Level 3, 2.3.1"""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: object) -> str:
    """JSON in which nothing can end a script element or begin a comment in one."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(text: Text) -> list[str]:
    return [text.en, text.zh]
