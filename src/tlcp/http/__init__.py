"""What an HTTP library cannot do with an ``ssl_context`` alone.

Names are imported when they are used, so that no library is needed that is not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlcp.http.adapter import TLCPAdapter
    from tlcp.http.asgi import tls_extension
    from tlcp.http.uvicorn_config import UvicornConfig

__all__ = ["TLCPAdapter", "UvicornConfig", "tls_extension"]

_PLACES = {"TLCPAdapter": "adapter", "UvicornConfig": "uvicorn_config", "tls_extension": "asgi"}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
