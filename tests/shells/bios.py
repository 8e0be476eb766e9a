"""Two objects with a pair of BIOs each, and the wire between them."""

from __future__ import annotations

import ssl
from typing import Any

from support.ends import HOST
from support.sockets import client_context, server_context


class Bios:
    """A client's and a server's object; ``carry`` is the wire.

    The objects may be of ``tlcp`` or of the standard library: they are driven alike.
    """

    def __init__(
        self,
        client: ssl.SSLContext | None = None,
        server: ssl.SSLContext | None = None,
        *,
        name: str | None = HOST,
    ) -> None:
        self.to_client, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client if client is not None else client_context()
        far = server if server is not None else server_context()
        self._client_out, self._server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client: Any = near.wrap_bio(self.to_client, self._client_out, server_hostname=name)
        self.server: Any = far.wrap_bio(self.to_server, self._server_out, server_side=True)

    def carry(self) -> int:
        """Move what both have to say; the number of bytes."""
        there, back = self._client_out.read(), self._server_out.read()
        if there:
            self.to_server.write(there)
        if back:
            self.to_client.write(back)
        return len(there) + len(back)

    def handshake(self) -> Bios:
        """Run it to its end on both sides; an error of either leaves here."""
        waiting = [self.client, self.server]
        for _ in range(20):
            for end in tuple(waiting):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                finally:
                    self.carry()
                waiting.remove(end)
            if not waiting:
                return self
        raise TimeoutError(f"the handshake does not end: {waiting}")
