"""Printing: whole lines from any thread, colours only on a terminal (NO_COLOR is respected)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tlcp.cli.failures import ReaderGone
from tlcp.errors import ConfigError
from tlcp.explain.render import Line, Role, render
from tlcp.explain.told import Told
from tlcp.explain.values import safe_text

__all__ = ["JsonLines", "Printer"]

_STYLES: dict[Role, str] = {
    "number": "dim",
    "direction": "bold cyan",
    "message": "bold",
    "note": "dim",
    "field": "green",
    "value": "",
    "meaning": "dim italic",
    "space": "",
}
_MAX_WIDTH = 120


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the exit code to ``app.py``; the base class exits with 1."""
        raise ReaderGone


class Printer:
    """One of the two standard streams.

    Args:
        stderr: for talk; False = stdout, for facts.
    """

    _lock = threading.Lock()  # of all printers: both streams are often one terminal

    def __init__(self, *, stderr: bool = True) -> None:
        self._console = _Console(
            stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True
        )

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self._console.is_terminal

    @property
    def width(self) -> int | None:
        """Columns to wrap at; None where lines are to stay whole."""
        return min(self._console.width, _MAX_WIDTH) if self.is_terminal else None

    def say(self, *lines: str, style: str = "") -> None:
        """Print lines, with whatever the peer put into them made harmless."""
        with self._lock:
            for line in lines:
                self._print(Text(safe_text(line), style=style))

    def pairs(self, rows: Iterable[tuple[str, str]], indent: int = 2) -> None:
        """Print names and values, aligned."""
        table = list(rows)
        room = max((cell_len(name) for name, _ in table), default=0)
        with self._lock:
            for name, value in table:
                text = Text(" " * indent)
                text.append(name + " " * (room - cell_len(name)), style=_STYLES["field"])
                text.append(f"  {safe_text(value)}")
                self._print(text)

    def tell(self, told: Told, label: str = "") -> None:
        """Print an explained message, each line behind the label."""
        style = "bold cyan" if told.direction == "C->S" else "bold magenta"
        with self._lock:
            for line in render(told, self.width):
                self._print(_styled(line, style, label))

    def json(self, value: Mapping[str, object]) -> None:
        """Print one JSON object."""
        with self._lock:
            self._console.file.write(_json(value, indent=2) + "\n")
            self._console.file.flush()

    def hold(self) -> None:
        """Let no thread print any more: the process is about to end."""
        self._lock.acquire()

    def _print(self, text: Text) -> None:
        self._console.print(text)
        self._console.file.flush()


def _styled(line: Line, direction: str, label: str) -> Text:
    text = Text(label, style="")
    for role, part in line:
        text.append(part, style=direction if role == "direction" else _STYLES[role])
    text.rstrip()
    return text


def _json(value: Mapping[str, object], indent: int | None = None) -> str:
    """JSON in printable ASCII, which no terminal and no reader of lines can misunderstand."""
    return json.dumps(value, indent=indent, ensure_ascii=True).replace("\x7f", "\\u007f")


class JsonLines:
    """A file with one JSON object a line; new, mode 0600: it may show application data.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write the trace to {path}: {error.strerror}") from error
        self._lock = threading.Lock()

    def write(self, value: Mapping[str, object]) -> None:
        """Append one object."""
        with self._lock:
            self._file.write(_json(value) + "\n")
            self._file.flush()
