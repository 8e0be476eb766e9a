"""``TLCPAdapter``: TLCP for ``requests``.

Spec: the documentation of ``requests`` (transport adapters)
"""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter

from tlcp.context import TLCPContext

__all__ = ["TLCPAdapter"]


class TLCPAdapter(HTTPAdapter):
    """A transport adapter whose https connections speak TLCP.

    ``verify`` and ``cert`` of ``requests`` are about TLS: the trusted CAs and the client's pair are
    the context's. ``verify=False`` is refused, so that nobody turns verification off by accident;
    use a context with ``verify_mode = ssl.CERT_NONE``.

    Args:
        context: for clients.
        options: for ``requests.adapters.HTTPAdapter``.
    """

    def __init__(self, context: TLCPContext, **options: Any) -> None:
        self._context = context  # before the base class, which makes the pool
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Give the pool our context."""
        super().init_poolmanager(*args, **options, ssl_context=self._context)  # type: ignore[no-untyped-call]

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Give the proxy's pool our context for what is behind it."""
        options["ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **options)  # type: ignore[no-untyped-call]

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the base class, without TLS files: ``verify=True`` means the context's CAs."""
        if verify is False:
            raise ValueError(
                "verify=False is not taken: to skip verification, give TLCPAdapter a context with "
                "check_hostname = False and verify_mode = ssl.CERT_NONE"
            )
        host, pool = super().build_connection_pool_key_attributes(request, True, None)
        pool.pop("ca_certs", None)
        pool["ssl_context"] = self._context
        return host, pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to load: the context has it all."""
