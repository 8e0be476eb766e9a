"""``UvicornConfig``: uvicorn with a context of ours, and applications that see the client.

Spec: the documentation of ``uvicorn`` (settings); the TLS extension of ASGI
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import Any

import uvicorn

from tlcp.errors import ConfigError
from tlcp.http.asgi import tls_extension

__all__ = ["UvicornConfig"]


class UvicornConfig(uvicorn.Config):
    """``uvicorn.Config`` over TLCP; ``uvicorn.Server(config).run()`` serves.

    uvicorn takes our context by itself (``ssl_context_factory``). It does not tell the application
    who the client is; this class fills ``scope["extensions"]["tls"]``: see ``tls_extension``.

    Args:
        app: as in ``uvicorn.Config``.
        context: for servers; or a function without arguments that makes one, which worker
            processes need, because keys are not sent from one process to another.
        options: for ``uvicorn.Config``; its ``ssl_*`` options have no place here.

    Raises:
        ConfigError: an ``ssl_*`` option is given.
    """

    def __init__(
        self,
        app: Any,
        context: ssl.SSLContext | Callable[[], ssl.SSLContext],
        **options: Any,
    ) -> None:
        if given := sorted(name for name in options if name.startswith("ssl_")):
            raise ConfigError(f"{', '.join(given)}: the context has the certificates and the CAs")
        super().__init__(app, ssl_context_factory=functools.partial(_made, context), **options)

    def load(self) -> None:
        """As the base class, with protocols that know the client."""
        super().load()
        self.http_protocol_class = _knowing(self.http_protocol_class)
        if self.ws_protocol_class is not None:
            self.ws_protocol_class = _knowing(self.ws_protocol_class)


def _made(context: ssl.SSLContext | Callable[[], ssl.SSLContext], *_: object) -> ssl.SSLContext:
    return context if isinstance(context, ssl.SSLContext) else context()


def _knowing(protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """The protocol class of uvicorn, with an application that is told about the connection."""

    class Knowing(protocol):  # type: ignore[valid-type, misc]
        app: Any

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            ssl_object = transport.get_extra_info("ssl_object")
            if ssl_object is not None:
                self.app = functools.partial(_call, self.app, tls_extension(ssl_object))

    Knowing.__name__ = Knowing.__qualname__ = protocol.__name__
    return Knowing


async def _call(
    app: Callable[..., Any], extension: dict[str, Any], scope: Any, receive: Any, send: Any
) -> Any:
    extensions = {**scope.get("extensions", {}), "tls": dict(extension)}
    return await app({**scope, "extensions": extensions}, receive, send)
