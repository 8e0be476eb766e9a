"""What an HTTP library cannot do with an ``ssl_context`` alone.

Names are imported when they are used, so that no library is needed that is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlcp.http.adapter import TLCPAdapter

__all__ = ["TLCPAdapter"]


def __getattr__(name: str) -> Any:
    if name == "TLCPAdapter":
        from tlcp.http.adapter import TLCPAdapter

        return TLCPAdapter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
