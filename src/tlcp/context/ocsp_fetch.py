"""Asking an OCSP responder over HTTP, for ``RevocationPolicy(fetch=fetch_ocsp)``.

Spec: RFC 6960 A.1
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Final

__all__ = ["fetch_ocsp"]

_MOST_BYTES: Final = 1 << 16


def fetch_ocsp(url: str, request: bytes, *, timeout_s: float = 10.0) -> bytes:
    """Ask a responder; blocks.

    The proxies of the environment are used, as ``urllib.request`` does.

    Args:
        url: http:// or https://, from a certificate.
        request: DER.
        timeout_s: how long each step may take.

    Returns:
        DER of the response, at most 64 KiB.

    Raises:
        OSError: there is no answer, or it is none.
    """
    if not url.startswith(("http://", "https://")):
        raise OSError(f"{url} is no URL of HTTP")
    question = urllib.request.Request(  # noqa: S310 (the scheme is checked)
        url,
        data=request,
        headers={
            "Content-Type": "application/ocsp-request",
            "Accept": "application/ocsp-response",
        },
    )
    try:
        with urllib.request.urlopen(question, timeout=timeout_s) as answer:  # noqa: S310
            data: bytes = answer.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(f"the responder answered HTTP {error.code}") from None
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from None
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no HTTP came back: {type(error).__name__}") from None
    if len(data) > _MOST_BYTES:
        raise OSError(f"the response has more than {_MOST_BYTES} bytes")
    return data
