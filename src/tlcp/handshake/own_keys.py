"""Our private keys in use: one may live in a device, and the device may be gone.

Spec: GB/T 38636-2020 6.4.4 (internal_error: it is not the peer's fault)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tlcp.errors import KeyUnavailable, TLCPError

__all__ = ["own_key"]


@contextlib.contextmanager
def own_key(role: str) -> Iterator[None]:
    """Use a key inside: what the system says of its device becomes an error that names the key.

    Args:
        role: "signing" or "encryption".

    Raises:
        KeyUnavailable: the key raised an ``OSError``.
    """
    try:
        yield
    except TLCPError:
        raise
    except OSError as error:
        cause = f"{type(error).__name__}, {error.strerror or error}"
        raise KeyUnavailable(
            f"our {role} key does not answer: {cause}",
            hint="It lives outside of this process: is its device or its process there?",
        ) from error
