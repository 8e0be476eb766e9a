"""A lock between processes, on an open file, that is not waited for without end."""

from __future__ import annotations

import fcntl
import time
from typing import Final

__all__ = ["lock_file"]

_PAUSE_S: Final = 0.01


def lock_file(file: int, seconds: float) -> bool:
    """Lock an open file or directory; False if another process has not let go of it in that time.

    Closing it, or the end of the process, lets go of it.

    Args:
        file: its descriptor.
        seconds: how long to wait; 0 tries once.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True
