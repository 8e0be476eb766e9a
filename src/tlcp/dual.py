"""One port, two protocols: the first record tells TLCP from TLS.

TLCP's records carry version 01 01, those of TLS 03 xx.

Spec: GB/T 38636-2020 6.3.3; RFC 5246 6.2.1
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NoReturn

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
        self._tls_context, self._seen = tls_context, b""
        self._chosen: TLCPObject | ssl.SSLObject | None = None
        # This early, so that settings that cannot work are told before a client comes.
        self._undecided: TLCPObject | None = TLCPObject(
            context, self._inner, outgoing, server_side=True, server_hostname=None, owner=owner
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    @property
    def _end(self) -> TLCPObject | ssl.SSLObject:
        """What answers questions."""
        return self._chosen or self._undecided  # type: ignore[return-value]  # one of them is there

    @property
    def context(self) -> ssl.SSLContext:
        """The context of the protocol that is spoken; an ``sni_callback`` may assign another."""
        return self._end.context

    @context.setter
    def context(self, context: Any) -> None:
        self._end.context = context

    @property
    def session(self) -> Any:
        """As in the protocol that the client speaks."""
        return self._end.session

    @session.setter
    def session(self, session: Any) -> None:
        self._end.session = session

    def _pass_on(self) -> TLCPObject | ssl.SSLObject:
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
                if self._undecided is not None:  # until then: who is silent takes a place
                    self._undecided.count_in()
                raise WantReadError("the first bytes of the peer are needed")
            self._choose()
        return self._end

    def _choose(self) -> None:
        if self._seen[:_ENOUGH_BYTES] == _TLS_HANDSHAKE:
            self._chosen = self._tls_context.wrap_bio(self._inner, self._outgoing, server_side=True)
        else:
            self._chosen = self._undecided
        self._undecided = None

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
        """As in the protocol that the client speaks; what follows stays in the incoming BIO."""
        self._pass_on().unwrap()
        if not self._outer.eof and (rest := self._inner.read()):
            self._outer.write(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)
