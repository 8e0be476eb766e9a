"""The one place where Python meets the C kernels: ``ffi`` and ``lib``.

``tlcp_native.h`` declares what ``lib`` has. The calls release the GIL and know no errors but 0;
``tlcp.crypto`` and ``tlcp.record.protect`` wrap them, nothing else should call them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["Output", "ffi", "lib"]

_LIBRARY = Path(__file__).with_name("libtlcp_native.so")


def _load() -> tuple[Any, Any]:
    try:
        from tlcp._native._ffi import ffi

        return ffi, ffi.dlopen(str(_LIBRARY))
    except (ImportError, OSError) as error:
        raise ImportError(
            f"tlcp's compiled library does not load ({error}); expected {_LIBRARY} and _ffi.py "
            "beside it. Build both with `pip install -e .` in the source tree, or reinstall "
            "tlcp; gcc and the C library's headers are needed"
        ) from error


ffi, lib = _load()


class Output:
    """Room for what a kernel writes, which becomes a ``bytes`` object.

    In CPython the kernel writes into the object itself: nobody else has seen it yet, and a copy
    of a large batch would cost a tenth of the time that it takes to seal it.

    Args:
        size: bytes.
    """

    __slots__ = ("_whole", "pointer")

    def __init__(self, size: int) -> None:
        # Objects of one byte or none are shared.
        self._whole = bytes(size) if _WRITES_INTO_BYTES and size > 1 else None
        if self._whole is None:
            self.pointer = ffi.new("uint8_t[]", size)
        else:
            self.pointer = ffi.from_buffer("uint8_t[]", self._whole)

    def first(self, size: int) -> bytes:
        """The first bytes of what was written; nothing may be written any more."""
        if self._whole is None:
            return bytes(ffi.buffer(self.pointer, size))
        return self._whole[:size]


_WRITES_INTO_BYTES = sys.implementation.name == "cpython"
