"""stdin to the peer and the peer to stdout, both ways at once, to an orderly end.

What happens at the end of stdin.  Many servers drop what they still had to say when they see
close_notify, others answer only then.  So both get their chance: reading goes on until the peer
closes or is silent for ``linger_s``; then close_notify is sent, and reading goes on until the
peer closes.

Spec: GB/T 38636-2020 6.4.4.1 (close_notify)
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable

from tlcp.cli.failures import ExitCode, Failure
from tlcp.errors import TLCPError
from tlcp.events import HandshakeCompleted
from tlcp.socket import TLCPSocket

__all__ = ["Relay", "complete", "part"]

_CHUNK_BYTES = 1 << 18
_PARTING_S = 2.0


def complete(stream: TLCPSocket) -> HandshakeCompleted:
    """Run the handshake and return what it agreed on; raises as ``do_handshake``."""
    stream.do_handshake()
    if (done := stream.negotiated) is None:
        raise RuntimeError("a completed handshake has no result")
    return done


def part(stream: TLCPSocket) -> None:
    """Close both ways: closing on bytes that were not read would reset what is on its way."""
    stream.settimeout(_PARTING_S)
    with contextlib.suppress(OSError, ValueError):  # all has been said; the peer may just go
        stream.unwrap()


class Relay:
    """One run of it.

    Args:
        stream: connected, its handshake through.
        take: gets what the peer sends.
        linger_s: how long the peer may be silent after the end of stdin before close_notify.
        timeout_s: how long it may take to close after close_notify.
    """

    def __init__(
        self,
        stream: TLCPSocket,
        take: Callable[[bytes], None],
        *,
        linger_s: float,
        timeout_s: float,
    ) -> None:
        self._stream, self._take = stream, take
        self._linger_s, self._timeout_s = linger_s, timeout_s
        self._failed: Exception | None = None

    def run(self) -> None:
        """Relay until the peer has closed.

        Raises:
            TLCPError, OSError: the connection broke; a truncation among them.
            Failure: the peer closed before it had all of stdin, or did not close in time.
        """
        wake, bell = os.pipe()
        threading.Thread(target=self._feed, args=(bell,), daemon=True).start()
        try:
            self._read(wake)
        finally:
            os.close(wake)
        if self._failed is not None:
            what = "the peer closed the connection before it had all of the input"
            raise Failure(ExitCode.FINDING, what) from self._failed

    def _read(self, wake: int) -> None:
        watched: list[TLCPSocket | int] = [self._stream, wake]
        patience: float | None = None
        told = False
        while True:
            # What is decrypted already makes no descriptor readable.
            waiting = self._stream.pending() > 0 or self._stream.peer_closed
            ready, _, _ = select.select(watched, [], [], 0 if waiting else patience)
            if self._stream in ready or waiting:
                if not (data := self._stream.recv(_CHUNK_BYTES)):
                    return
                self._take(data)
            elif wake in ready:
                watched.remove(wake)  # stdin is over, or cannot be sent any more
                patience = self._linger_s
            elif told:
                what = f"the peer did not close within {self._timeout_s:g} s after close_notify"
                raise Failure(ExitCode.CONNECTIVITY, what)
            else:
                self._stream.close_notify()
                told, patience = True, self._timeout_s

    def _feed(self, bell: int) -> None:
        """Send stdin; runs in a thread, and reads below Python's buffers.

        A thread that is caught inside ``sys.stdin`` when the process ends would crash it.
        """
        try:
            source = sys.stdin.fileno() if sys.stdin is not None else -1
            while source >= 0 and (data := os.read(source, _CHUNK_BYTES)):
                self._stream.sendall(data)
        except (TLCPError, OSError) as error:
            self._failed = error
        finally:
            os.close(bell)
