"""The one place where Python meets the C kernels: ``ffi`` and ``lib``.

``tlcp_native.h`` declares what ``lib`` has. The calls release the GIL, check no lengths and know
no errors but 0; ``tlcp.crypto`` wraps them, nothing else should call them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["ffi", "lib"]

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
