"""``tlcp serve --www``: files over HTTP/1.1, by the standard library's handler."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import IO, Any

from tlcp import __version__
from tlcp.socket import TLCPSocket

__all__ = ["serve_files"]


def serve_files(
    stream: TLCPSocket,
    peer: tuple[Any, ...],
    directory: Path,
    log: Callable[[str], None],
    note_active: Callable[[], None],
) -> None:
    """Answer HTTP requests on a connection until either side closes it.

    Args:
        stream: its handshake is through.
        peer: the client's socket address.
        directory: what is served; nothing outside, not by symbolic links either.
        log: gets one line per request.
        note_active: called when a request is whole, and while its answer is taken.

    Raises:
        TLCPError, OSError: the connection broke.
    """
    handler = functools.partial(
        _Handler, directory=str(directory), log=log, note_active=note_active
    )
    handler(stream, peer, None)


_INDEX_PAGES = ("index.html", "index.htm")  # what the base class looks for in a directory


_PATH_CHARACTERS = 4096
_CHUNK_BYTES = 1 << 18


def _is_special(path: str) -> bool:
    """Whether it is a pipe, a socket or a device: opening one may block for good."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    wbufsize = 1 << 16  # headers and the first of the body in one record
    server_version, sys_version = f"tlcp/{__version__}", ""

    def __init__(
        self,
        *args: Any,
        log: Callable[[str], None],
        note_active: Callable[[], None],
        **named: Any,
    ) -> None:
        self._log, self._note_active = log, note_active
        super().__init__(*args, **named)

    def send_head(self) -> io.BytesIO | IO[bytes] | None:  # type: ignore[override]
        """As the base class, but what lies outside of the directory is not found."""
        path = self.translate_path(self.path) if len(self.path) <= _PATH_CHARACTERS else ""
        served = [path, *(os.path.join(path, name) for name in _INDEX_PAGES)]
        if not path or not all(self._is_inside(one) for one in served) or _is_special(path):
            self.send_error(404, "File not found")
            return None
        return super().send_head()

    def _is_inside(self, path: str) -> bool:
        root = os.path.realpath(self.directory)
        try:
            return os.path.commonpath([root, os.path.realpath(path)]) == root
        except ValueError:  # a NUL
            return False

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """As the base class; a client that takes a long file slowly is not silent."""
        while data := source.read(_CHUNK_BYTES):
            outputfile.write(data)
            self._note_active()

    def log_message(self, format: str, *args: Any) -> None:
        """One line for each request."""
        self._note_active()
        self._log(format % args)
