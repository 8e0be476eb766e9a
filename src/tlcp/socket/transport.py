"""A socket that moves bytes for an object between two BIOs, and keeps the time of each call.

The object has the interface of ``ssl.SSLObject``: a ``TLCPObject`` or, on a port that serves both
protocols, a standard ``ssl.SSLObject``. Nothing of the protocol is here.

While there is an object the file descriptor is non-blocking and the time is kept here, so that a
timeout bounds a whole call: a peer who dribbles bytes gains nothing. One lock guards the object
and is never held while waiting, so a thread may read while another writes.
"""

# mypy: disable-error-code="override"
# The stubs of ``socket`` declare plain attributes where there are properties.

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from tlcp.errors import TLCPError, WantReadError, WantWriteError
from tlcp.events import Tap
from tlcp.record.counter import RecordCounter

if TYPE_CHECKING:
    from threading import RLock as _RLock

__all__ = ["ObjectSocket"]

T = TypeVar("T")

_READ_BYTES = 1 << 18
_LOOK_BYTES = 1 << 13  # at first; more while the peer fills it
_WRITE_BYTES = 1 << 18
_LINGER_S = 1.0
_CLOSE_S = 0.2


class _Forks:
    """How often this process was forked: then another one may share the connection."""

    count = 0

    @classmethod
    def note(cls) -> None:
        cls.count += 1


os.register_at_fork(before=_Forks.note)


class ObjectSocket(socket.socket):
    """A socket, and the object that turns its bytes into data; without the face of ``ssl``."""

    _object: Any  # TLCPObject, DualObject, or None while there is no connection
    _seconds: float | None  # the timeout of a call
    _lock: _RLock  # guards the object and the BIOs; never held in a wait
    _reading: _RLock
    _sending: _RLock
    _unsent: bytearray  # sealed, not yet taken by the transport
    _fills: int  # how often bytes were fetched
    _look: int  # how many bytes to look at next
    _waiting: int  # threads that wait for the transport
    _crowded: int  # of them, those that wait for room to write
    _forks: int  # when it was made
    _pid: int  # by which process
    _counter: RecordCounter
    _tap: Tap | None  # hears what passes
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def _prepare(self, seconds: float | None) -> None:
        self._object, self._seconds = None, seconds
        self._lock, self._reading = threading.RLock(), threading.RLock()
        self._sending, self._unsent = threading.RLock(), bytearray()
        self._fills, self._look = 0, _LOOK_BYTES
        self._waiting = self._crowded = 0
        self._forks, self._counter = _Forks.count, RecordCounter()
        self._pid, self._tap = os.getpid(), None

    def _call(
        self,
        operation: Callable[..., T],
        *arguments: Any,
        patient: bool = True,
        room: int = 0,
        until: float | None = None,
    ) -> T:
        """Run an operation of the object, fetching and sending bytes until it is done.

        Args:
            operation: a method of the object, or one of ours that uses it.
            arguments: for it.
            patient: wait until the transport has taken what it made. A reader must not wait for
                room to write: the peer may be waiting for it to read.
            room: bytes of data that the caller can take.
            until: when it must be done, whatever the timeout.

        Raises:
            WantReadError, WantWriteError: on a non-blocking socket.
            TimeoutError: the time of this call is over.
            TLCPError, OSError: it failed; the peer has been told.
        """
        deadline = self._deadline()
        if until is not None:
            deadline = until if deadline is None else min(deadline, until)
        while True:
            fills = self._fills
            try:
                with self._lock:
                    result = self._step(operation, *arguments)
            except ssl.SSLWantReadError:
                self._send_unsent(deadline, patient=False)
                if self._seconds != 0.0:  # bytes may keep coming for ever, and never suffice
                    self._left(deadline, WantReadError)
                self._fill(fills, deadline, room)
                continue
            except ssl.SSLZeroReturnError:
                raise
            except ssl.SSLError:
                self._give_up(deadline)
                raise
            self._send_unsent(deadline, patient=patient)
            return result

    def _step(self, operation: Callable[..., T], *arguments: Any) -> T:
        """Run the operation once, and take what it wants to send."""
        try:
            return operation(*arguments)
        finally:
            self._unsent += self._outgoing.read()

    def _connected(self) -> bool:
        """Whether the handshake is through."""
        return self._object is not None and self._object.version() is not None

    # ---- reading -----------------------------------------------------------------------------

    def _fill(self, fills: int, deadline: float | None, room: int) -> None:
        """Fetch bytes of the peer, unless another thread has done so since ``fills``."""
        with self._turn(self._reading, deadline, WantReadError):
            if self._fills != fills:
                return
            data = self._fetch(deadline, room)
            with self._lock:
                self._fills += 1
                self._counter.feed(data)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()

    def _fetch(self, deadline: float | None, room: int) -> bytes:
        """Bytes of the peer, none at the end of the stream.

        A reset counts as an end: what came before it is looked at first.
        """
        while True:
            try:
                there = socket.socket.recv(self, self._look, socket.MSG_PEEK)
                full = len(there) == self._look
                self._look = min(self._look << 2, _READ_BYTES) if full else _LOOK_BYTES
                # No more than the caller takes now: whoever waits with select() must see the rest.
                room = room if getattr(self._object, "decrypts_all", False) else 0
                data = socket.socket.recv(self, self._counter.whole(there, room=room))
                if self._tap is not None:
                    self._tap.received(data)
                return data
            except (BlockingIOError, InterruptedError):
                self._wait(select.POLLIN, deadline, WantReadError)
            except (ConnectionResetError, BrokenPipeError):
                if self._tap is not None:
                    self._tap.reset()
                if self._connected():
                    raise
                return b""

    # ---- writing -----------------------------------------------------------------------------

    def _send_unsent(self, deadline: float | None, *, patient: bool = True) -> None:
        """Send what the object has made; not ``patient``: what the transport takes at once."""
        while self._unsent:
            if not patient and not self._sending.acquire(blocking=False):
                return  # another thread is sending, in order, and takes ours with it
            try:
                with self._turn(self._sending, deadline, WantWriteError):
                    if not self._drain(deadline, patient=patient):
                        return
            finally:
                if not patient:
                    self._sending.release()

    def _drain(self, deadline: float | None, *, patient: bool) -> bool:
        """Send until nothing is left; False if the transport would make us wait."""
        while self._unsent:
            with self._lock:
                chunk = bytes(self._unsent[:_WRITE_BYTES])
            try:
                sent = socket.socket.send(self, chunk)
            except (BlockingIOError, InterruptedError):
                if not patient:
                    return False
                self._wait(select.POLLOUT, deadline, WantWriteError)
                continue
            except (BrokenPipeError, ConnectionResetError):
                if self._tap is not None:
                    self._tap.reset()
                if patient and self._connected():
                    raise
                self._unsent.clear()  # the peer has gone; its last words may be unread yet
                return False
            if self._tap is not None:
                self._tap.sent(chunk[:sent])
            with self._lock:
                del self._unsent[:sent]
        return True

    # ---- waiting -----------------------------------------------------------------------------

    def _deadline(self) -> float | None:
        return None if self._seconds is None else time.monotonic() + self._seconds

    @contextlib.contextmanager
    def _turn(self, lock: _RLock, deadline: float | None, want: type[TLCPError]) -> Iterator[None]:
        """Hold a lock that other threads hold while they wait."""
        free = lock.acquire(blocking=False)
        if not free and not lock.acquire(timeout=self._left(deadline, want)):
            raise TimeoutError("The operation timed out")
        try:
            yield
        finally:
            lock.release()

    def _left(self, deadline: float | None, want: type[TLCPError]) -> float:
        """Seconds left for this call, -1 for any number.

        Raises:
            WantReadError, WantWriteError: the socket is non-blocking.
            TimeoutError: none are left.
        """
        if self._seconds == 0.0:
            side = "read" if want is WantReadError else "written"
            raise want(f"The operation did not complete: wait until the socket can be {side}")
        if deadline is None:
            return -1
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The operation timed out")
        return left

    def _wait(self, event: int, deadline: float | None, want: type[TLCPError]) -> None:
        left = self._left(deadline, want)
        poll = select.poll()
        poll.register(self.fileno(), event)
        writes = event == select.POLLOUT
        with self._lock:
            self._waiting, self._crowded = self._waiting + 1, self._crowded + writes
        try:
            poll.poll(None if left < 0 else left * 1000 + 1)
        finally:
            with self._lock:
                self._waiting, self._crowded = self._waiting - 1, self._crowded - writes

    def settimeout(self, value: float | None) -> None:
        """Seconds that each call may take, None = forever, 0 = non-blocking."""
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._seconds = None if value is None else float(value)
        if self._object is None:
            super().settimeout(value)

    def gettimeout(self) -> float | None:
        """What ``settimeout`` set."""
        return self._seconds

    @property
    def timeout(self) -> float | None:
        """What ``settimeout`` set."""
        return self._seconds

    def setblocking(self, flag: bool) -> None:
        """True: wait for ever; False: do not wait."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """Whether calls wait at all."""
        return self._seconds != 0.0

    # ---- ending ------------------------------------------------------------------------------

    def _give_up(self, deadline: float | None) -> None:
        """Send the alert and make sure that it arrives: a close with unread bytes would reset."""
        if self._seconds == 0.0:
            with contextlib.suppress(OSError):
                self._send_unsent(None, patient=False)
            return
        soon = time.monotonic() + _LINGER_S
        deadline = soon if deadline is None else min(soon, deadline)
        with contextlib.suppress(OSError):
            self._send_unsent(deadline)
            socket.socket.shutdown(self, socket.SHUT_WR)
            if self._tap is not None:
                self._tap.closed()
            while True:
                try:
                    data = socket.socket.recv(self, _READ_BYTES)
                    if self._tap is not None:
                        self._tap.received(data)
                    if not data:
                        return
                except BlockingIOError:
                    self._wait(select.POLLIN, deadline, WantReadError)

    def awaits_peer(self) -> bool:
        """Whether it is the peer's turn: it must read, or nothing that it sent waits for us.

        Any thread may ask.
        """
        if self._crowded:
            return True
        if self._seconds != 0.0 and not self._waiting:
            return False  # a thread is at work, or will be when its turn comes
        poll = select.poll()
        with contextlib.suppress(OSError, ValueError):
            poll.register(self.fileno(), select.POLLIN)
            return not poll.poll(0)
        return True

    def hang_up(self) -> None:
        """Make whoever waits for the peer see an end; any thread may call it."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self, socket.SHUT_RDWR)

    def _say_goodbye(self) -> None:
        """Have the object make its close_notify."""
        send = getattr(self._object, "send_close_notify", None)
        if send is not None:
            send()
            return
        with contextlib.suppress(ssl.SSLError):  # OpenSSL's then waits for the peer's
            self._object.unwrap()

    def _farewell(self) -> None:
        """Send close_notify if that takes no waiting: our peer can then tell that nothing is lost.

        A thread that is inside the object keeps it; it must not be waited for.
        """
        if not self._connected() or not self._lock.acquire(timeout=_CLOSE_S):
            return
        try:
            self._step(self._say_goodbye)
        except (ssl.SSLError, ValueError):
            return
        finally:
            self._lock.release()
        with contextlib.suppress(OSError):
            self._send_unsent(None, patient=False)

    def _real_close(self) -> None:
        """Say goodbye, wake whoever waits, and close.

        After a fork the other process may go on with the connection: then not a word.
        """
        if self._forks == _Forks.count:
            self._farewell()
        # Closing does not wake a thread in poll(). Those of another process are not ours to wake.
        if self._waiting and self._pid == os.getpid():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self, socket.SHUT_RDWR)
        if self._tap is not None and self._pid == os.getpid():
            self._tap.closed()
        self._object = None
        super()._real_close()  # type: ignore[misc]
