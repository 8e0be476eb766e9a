"""``KeyLogFile``: appends ``CLIENT_RANDOM`` lines to a file that Wireshark and tshark read.

Whoever has such a file can decrypt the connections in it: it is for debugging only.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tlcp.errors import ConfigError

__all__ = ["KeyLogFile"]


class KeyLogFile:
    """A key log, to be given as ``Config.keylog``; may serve many connections and threads.

    A new file gets mode 0600; an existing one is appended to and keeps its mode.

    Args:
        path: the file.

    Attributes:
        path: the file, as given.

    Raises:
        ConfigError: it cannot be opened for writing.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot write the key log {path}: {error.strerror}") from error
        self.path = path
        self._lock = threading.Lock()
        self._closed = False

    def __call__(self, line: str) -> None:
        """Append one line; nothing after ``close``."""
        with self._lock:
            if not self._closed:
                os.write(self._file, f"{line}\n".encode("ascii"))

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
