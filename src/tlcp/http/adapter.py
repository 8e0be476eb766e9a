"""``TLCPAdapter``: TLCP for ``requests``.

``requests`` takes no context from its user; a transport adapter does.

Spec: the documentation of ``requests`` (transport adapters)
"""

from __future__ import annotations

import os
from typing import Any, NoReturn

from requests.adapters import HTTPAdapter

from tlcp.context import PROTOCOL_TLCP_CLIENT, TLCPContext
from tlcp.errors import ConfigError

__all__ = ["TLCPAdapter"]

#: ``requests`` replaces ``verify=True`` by what these name: a file for TLS, which is not ours.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class TLCPAdapter(HTTPAdapter):
    """A transport adapter whose https connections speak TLCP: ``session.mount(prefix, adapter)``.

    The context alone decides whom to trust and which pair to show, so ``verify=False``,
    ``verify="ca.pem"`` and ``cert=`` of ``requests`` are refused: none of them would do what it
    says. Redirects, proxies, retries, timeouts and pools are those of ``requests``.

    Args:
        context: for clients.
        options: for ``requests.adapters.HTTPAdapter``.

    Raises:
        ConfigError: the context is none of ours for clients.
    """

    # what a copy takes along; pickling fails at the context, as with an ``ssl.SSLContext``
    __attrs__ = [*HTTPAdapter.__attrs__, "_context"]  # noqa: RUF012

    def __init__(self, context: TLCPContext, **options: Any) -> None:
        if not isinstance(context, TLCPContext) or context.protocol is not PROTOCOL_TLCP_CLIENT:
            raise ConfigError(
                f"TLCPAdapter wants a TLCPContext for clients, not {context!r}; "
                "tlcp.create_default_context() makes one"
            )
        self._context = context  # before the base class, which makes the pool
        super().__init__(**options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._context = state["_context"]  # before the base class, as above
        super().__setstate__(state)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Give the pool our context."""
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Give the proxy's pool our context for what is behind it."""
        return super().proxy_manager_for(proxy, **options, ssl_context=self._context)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """As the base class, after a look at ``verify`` and ``cert``.

        Raises:
            ConfigError: they are given; the text says what to change in the context.
        """
        names = ("stream", "timeout", "verify", "cert", "proxies")
        options = dict(zip(names, args, strict=False)) | options
        if request.url.lower().startswith("https:"):
            _refuse_tls_settings(options.get("verify", True), options.get("cert"))
            options |= {"verify": True, "cert": None}
        return super().send(request, **options)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the base class, with our context in place of TLS settings."""
        host, pool = super().build_connection_pool_key_attributes(request, True, None)
        # without cert_reqs urllib3 leaves the context's verify_mode as it is
        for name in ("cert_reqs", "ca_certs", "ca_cert_dir"):
            pool.pop(name, None)
        return host, pool | {"ssl_context": self._context}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to load: the context has it all."""


def _refuse_tls_settings(verify: Any, cert: Any) -> None:
    if verify is False:
        _refuse(
            "verify=False: to skip verification (for tests only), set "
            "context.check_hostname = False and context.verify_mode = ssl.CERT_NONE"
        )
    if isinstance(verify, str | os.PathLike):
        path = os.fspath(verify)
        if path not in (os.environ.get(name) for name in _CA_VARIABLES):
            _refuse(f"verify={path!r}: to trust it, call context.load_verify_locations({path!r})")
    if cert is not None:
        _refuse(
            "cert=: a client of TLCP has two pairs; call context.load_cert_chain("
            "sign=(certificate, key), enc=(certificate, key))"
        )


def _refuse(what: str) -> NoReturn:
    raise ConfigError(f"TLCPAdapter takes no {what}")
