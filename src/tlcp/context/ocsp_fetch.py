"""Asking an OCSP responder over HTTP, for ``RevocationPolicy(fetch=fetch_ocsp)``.

The URL is from a certificate, so a CA below a trusted one chooses it, and whoever is there chooses
what comes back and how slowly.  So redirections are not followed, which would become GET requests
to wherever the responder likes, and the time is bounded for all of it, not for each byte.

Spec: RFC 6960 A.1
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import time
import urllib.error
import urllib.request
from typing import Any, Final

__all__ = ["fetch_ocsp"]

_MOST_BYTES: Final = 1 << 16


def fetch_ocsp(url: str, request: bytes, *, timeout_s: float = 10.0) -> bytes:
    """Ask a responder; blocks.

    The proxies of the environment are used, as ``urllib.request`` does. Redirections are errors.

    Args:
        url: http:// or https://, from a certificate.
        request: DER.
        timeout_s: how long it may take; what resolves the host's name has limits of its own, and a
            TLS handshake may take as long again.

    Returns:
        DER of the response, at most 64 KiB.

    Raises:
        OSError: there is no answer, or it is none.
    """
    if not url.startswith(("http://", "https://")):
        raise OSError(f"{url} is no URL of HTTP")
    deadline = time.monotonic() + timeout_s
    try:
        question = urllib.request.Request(  # noqa: S310 (the scheme is checked)
            url,
            data=request,
            headers={
                "Content-Type": "application/ocsp-request",
                "Accept": "application/ocsp-response",
            },
        )
        opener = urllib.request.build_opener(_Stay, _Http(deadline), _Https(deadline))
        with opener.open(question, timeout=timeout_s) as answer:
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


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the answer becomes an ``HTTPError``."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        make = functools.partial(_bounded, http.client.HTTPConnection, self._deadline)
        return self.do_open(make, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        make = functools.partial(_bounded, http.client.HTTPSConnection, self._deadline)
        return self.do_open(make, req)


def _bounded(
    kind: type[http.client.HTTPConnection], deadline: float, host: str, **options: Any
) -> http.client.HTTPConnection:
    """A connection on which everything ends by the deadline."""
    made: Any = kind(host, **options)
    made.response_class = functools.partial(_Response, deadline)
    made._create_connection = functools.partial(_connect, deadline)
    return made  # type: ignore[no-any-return]


def _connect(deadline: float, address: tuple[str, int], *_: Any) -> socket.socket:
    """Like ``socket.create_connection``, which gives each address of a host all of the time."""
    problem: OSError = OSError("the host has no address")
    for family, kind, protocol, _name, place in socket.getaddrinfo(
        *address, type=socket.SOCK_STREAM
    ):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(_left(deadline))
            made.connect(place)
            made.settimeout(_left(deadline))
        except OSError as error:
            made.close()
            problem = error
        else:
            return made
    raise problem


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the responder took too long")
    return left


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: float, sock: socket.socket, *rest: Any, **options: Any) -> None:
        bounded: Any = _Readable(sock, deadline)
        super().__init__(bounded, *rest, **options)


class _Readable:
    """A socket as far as a response needs it."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))


class _Reader(io.RawIOBase):
    """What is read of a socket, in the time that is left."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
