"""Where the other libraries come from, and whether they are here."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
from pathlib import Path
from typing import Any

from cffi import FFI

__all__ = [
    "CRYPTOGRAPHY",
    "GMSSL",
    "SSL",
    "TONGSUO",
    "TSHARK",
    "foreign",
    "gmssl_path",
    "missing",
    "tongsuo_path",
]

TONGSUO, GMSSL, CRYPTOGRAPHY, SSL = "Tongsuo", "GmSSL", "cryptography", "ssl (TLS 1.3)"
TSHARK = "tshark"  # a program, not a library

_GMSSL = Path("~/.gmssl_3.1.1_install").expanduser()


@functools.cache
def tongsuo_path() -> str | None:
    """Tongsuo's library, None where the wheel is not installed."""
    try:
        from tongsuopy.backends import _tongsuo
    except ImportError:
        return None
    path: str = _tongsuo.__file__
    return path


@functools.cache
def gmssl_path() -> str | None:
    """GmSSL's library, None where it is not built."""
    program = os.environ.get("TLCP_GMSSL")
    root = Path(program).parent.parent if program else _GMSSL
    for name in ("libgmssl.so.3", "libgmssl.so"):
        for folder in ("lib", "lib64", "bin"):
            path = root / folder / name
            if path.is_file():
                try:
                    ctypes.CDLL(str(path))
                except OSError:
                    return None
                return str(path)
    return None


def missing(peer: str) -> str:
    """Why a library cannot be compared with; "" if it can."""
    if peer == TONGSUO and tongsuo_path() is None:
        return "not installed"
    if peer == GMSSL and gmssl_path() is None:
        return "not built"
    if peer == TSHARK and shutil.which("tshark") is None:
        return "not installed"
    return ""


def foreign(declarations: str, path: str) -> tuple[Any, Any]:
    """A C library through cffi, as ours is: so the price of a call is the same."""
    ffi = FFI()
    ffi.cdef(declarations)
    return ffi, ffi.dlopen(path)
