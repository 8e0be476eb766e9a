"""One port, two protocols: the first record tells TLCP from TLS.

TLCP's records carry version 01 01, those of TLS 03 xx.

Spec: GB/T 38636-2020 6.3.3; RFC 5246 6.2.1
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from tlcp.errors import WantReadError
from tlcp.sslobject import TLCPObject

if TYPE_CHECKING:
    from tlcp.context import TLCPContext

__all__ = ["DualObject"]

_TLS_HANDSHAKE = b"\x16\x03"
_ENOUGH_BYTES = 2


class DualObject:
    """A server's end that becomes a ``TLCPObject`` or an ``ssl.SSLObject`` at the first bytes.

    Until then it answers like a connection whose handshake has not begun.
    """

    def __init__(
        self,
        context: TLCPContext,
        tls_context: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        *,
        owner: object = None,
    ) -> None:
        self._outer, self._outgoing = incoming, outgoing
        self._inner = ssl.MemoryBIO()  # the bytes that told, and all that follow
        self._tlcp = TLCPObject(
            context, self._inner, outgoing, server_side=True, server_hostname=None, owner=owner
        )
        self._tls_context, self._seen = tls_context, b""
        self._chosen: TLCPObject | ssl.SSLObject | None = None

    @property
    def context(self) -> TLCPContext:
        """The TLCP context; an ``sni_callback`` may assign another one."""
        return self._tlcp.context

    @context.setter
    def context(self, context: TLCPContext) -> None:
        self._tlcp.context = context

    def _pass_on(self) -> Any:
        """Move bytes inwards, and decide if they suffice.

        Raises:
            WantReadError: too few bytes came to decide.
        """
        data = self._outer.read()
        if data:
            self._inner.write(data)
        if self._outer.eof and not self._inner.eof:
            self._inner.write_eof()
        if self._chosen is None:
            self._seen += data[:_ENOUGH_BYTES]
            if len(self._seen) < _ENOUGH_BYTES and not self._outer.eof:
                raise WantReadError("the first bytes of the peer are needed")
            self._chosen = self._choose()
        return self._chosen

    def _choose(self) -> TLCPObject | ssl.SSLObject:
        if self._seen[:_ENOUGH_BYTES] != _TLS_HANDSHAKE:
            return self._tlcp
        return self._tls_context.wrap_bio(self._inner, self._outgoing, server_side=True)

    def do_handshake(self) -> None:
        """As in the protocol that the client speaks."""
        self._pass_on().do_handshake()

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """As in the protocol that the client speaks."""
        end = self._pass_on()
        return end.read(len) if buffer is None else end.read(len, buffer)

    def write(self, data: Any) -> int:
        """As in the protocol that the client speaks."""
        count: int = self._pass_on().write(data)
        return count

    def unwrap(self) -> None:
        """As in the protocol that the client speaks."""
        self._pass_on().unwrap()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen if self._chosen is not None else self._tlcp, name)
