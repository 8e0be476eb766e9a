"""``TLCPSocket``: the twin of ``ssl.SSLSocket``, TLCP over a stream socket.

It moves bytes between its socket and the two BIOs of an object with the interface of
``ssl.SSLObject``, which is a ``TLCPObject`` (or, on a port that serves both protocols, a standard
``ssl.SSLObject``). Nothing of the protocol is here.

While it speaks TLCP the file descriptor is non-blocking and the time is kept here, so that a
timeout bounds a whole call: a peer who dribbles bytes gains nothing. One lock guards the object
and is never held while waiting, so a thread may read while another writes.

The file is long because the interface of ``ssl.SSLSocket`` is.

Spec: the Python documentation of ``ssl.SSLSocket``
"""

# mypy: disable-error-code="override"
# The stubs of ``socket`` are narrower than what ``ssl.SSLSocket`` itself returns.

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from tlcp.errors import MisuseError, TLCPError, WantReadError, WantWriteError
from tlcp.events import HandshakeCompleted
from tlcp.x509.pair import VerifiedPair

if TYPE_CHECKING:
    from threading import RLock as _RLock

    from tlcp.context import TLCPContext

__all__ = ["TLCPSocket"]

T = TypeVar("T")

_READ_BYTES = 1 << 18
_WRITE_BYTES = 1 << 18
_LINGER_S = 1.0
_CLOSE_S = 0.2


class TLCPSocket(socket.socket):
    """A TLCP connection on a socket that it has taken over; made by ``TLCPContext.wrap_socket``.

    Attributes:
        context: the ``TLCPContext``; a server's ``sni_callback`` may assign another one.
        server_side: whether this is the server's end.
        server_hostname: the name a client verifies and asks for, None on servers.
    """

    server_side: bool
    server_hostname: str | None
    do_handshake_on_connect: bool
    suppress_ragged_eofs: bool
    _object: Any  # TLCPObject, DualObject, or None while there is no connection
    _context: TLCPContext
    _seconds: float | None  # the timeout of a call
    _lock: _RLock  # guards the object and the BIOs; never held in a wait
    _reading: _RLock
    _sending: _RLock
    _writing: _RLock
    _unsent: bytearray  # sealed, not yet taken by the transport
    _sealed: int  # bytes of the write whose records are in there
    _fills: int  # how often bytes were fetched
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} does not have a public constructor. "
            "Instances are returned by TLCPContext.wrap_socket()."
        )

    @classmethod
    def _create(
        cls,
        sock: socket.socket,
        *,
        context: TLCPContext,
        server_side: bool,
        do_handshake_on_connect: bool,
        suppress_ragged_eofs: bool,
        server_hostname: str | None,
    ) -> Self:
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) != socket.SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        timeout = sock.gettimeout()
        self = cls.__new__(cls)
        socket.socket.__init__(self, sock.family, sock.type, sock.proto, fileno=sock.fileno())
        sock.detach()
        self._context = context
        self.server_side, self.server_hostname = server_side, server_hostname
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        self._object, self._seconds = None, timeout
        self._lock, self._reading = threading.RLock(), threading.RLock()
        self._sending, self._writing = threading.RLock(), threading.RLock()
        self._unsent, self._sealed, self._fills = bytearray(), 0, 0
        socket.socket.settimeout(self, timeout)
        try:
            if _is_connected(self):
                self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def _begin(self) -> None:
        """Start TLCP on a socket that is connected now."""
        if self.do_handshake_on_connect and self._seconds == 0.0:
            raise ValueError(
                "do_handshake_on_connect should not be specified for non-blocking sockets"
            )
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = self._context.make_object(
            self._incoming,
            self._outgoing,
            server_side=self.server_side,
            server_hostname=self.server_hostname,
            owner=self,
        )
        socket.socket.setblocking(self, False)
        if self.do_handshake_on_connect:
            self.do_handshake()

    # ---- moving bytes ------------------------------------------------------------------------

    def _call(self, operation: Callable[..., T], *arguments: Any, patient: bool = True) -> T:
        """Run an operation of the object, fetching and sending bytes until it is done.

        Args:
            operation: a method of the object, or one of ours that uses it.
            arguments: for it.
            patient: wait until the transport has taken what it made. A reader must not wait for
                room to write: the peer may be waiting for it to read.

        Raises:
            WantReadError, WantWriteError: on a non-blocking socket.
            TimeoutError: the time of this call is over.
            TLCPError, OSError: it failed; the peer has been told.
        """
        deadline = self._deadline()
        while True:
            fills = self._fills
            try:
                with self._lock:
                    result = self._step(operation, *arguments)
            except ssl.SSLWantReadError:
                self._send_unsent(deadline, patient=False)
                self._fill(fills, deadline)
                continue
            except ssl.SSLZeroReturnError:
                raise
            except ssl.SSLError:
                self._give_up()
                raise
            self._send_unsent(deadline, patient=patient)
            return result

    def _step(self, operation: Callable[..., T], *arguments: Any) -> T:
        """Run the operation once, and take what it wants to send."""
        try:
            return operation(*arguments)
        finally:
            self._unsent += self._outgoing.read()

    def _fill(self, fills: int, deadline: float | None) -> None:
        """Fetch bytes of the peer, unless another thread has done so since ``fills``.

        A reset counts as an end of the stream: what came before it is looked at first.
        """
        with self._reading:
            if self._fills != fills:
                return
            while True:
                try:
                    data = socket.socket.recv(self, _READ_BYTES)
                    break
                except (BlockingIOError, InterruptedError):
                    self._wait(select.POLLIN, deadline, WantReadError)
                except (ConnectionResetError, BrokenPipeError):
                    if self._connected():
                        raise
                    data = b""
                    break
            with self._lock:
                self._fills += 1
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()

    def _connected(self) -> bool:
        """Whether the handshake is through."""
        return self._object is not None and self._object.version() is not None

    def _send_unsent(self, deadline: float | None, *, patient: bool = True) -> None:
        """Send what the object has made; not ``patient``: what the transport takes at once."""
        if not self._unsent:
            return
        if not self._sending.acquire(blocking=patient):
            return  # another thread is sending, in order, and takes ours with it
        try:
            while self._unsent:
                with self._lock:
                    chunk = bytes(self._unsent[:_WRITE_BYTES])
                try:
                    sent = socket.socket.send(self, chunk)
                except (BlockingIOError, InterruptedError):
                    if not patient:
                        return
                    self._wait(select.POLLOUT, deadline, WantWriteError)
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    if patient and self._connected():
                        raise
                    self._unsent.clear()  # the peer has gone; its last words may be unread yet
                    return
                with self._lock:
                    del self._unsent[:sent]
        finally:
            self._sending.release()

    def _deadline(self) -> float | None:
        return None if self._seconds is None else time.monotonic() + self._seconds

    def _wait(self, event: int, deadline: float | None, want: type[TLCPError]) -> None:
        if self._seconds == 0.0:
            side = "read" if want is WantReadError else "written"
            raise want(f"The operation did not complete: wait until the socket can be {side}")
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("The operation timed out")
        poll = select.poll()
        poll.register(self.fileno(), event)
        poll.poll(None if left is None else left * 1000 + 1)

    def _give_up(self) -> None:
        """Send the alert and make sure that it arrives: a close with unread bytes would reset."""
        if self._seconds == 0.0:
            with contextlib.suppress(OSError):
                self._send_unsent(None, patient=False)
            return
        deadline = time.monotonic() + _LINGER_S
        with contextlib.suppress(OSError):
            self._send_unsent(deadline)
            socket.socket.shutdown(self, socket.SHUT_WR)
            while True:
                try:
                    if not socket.socket.recv(self, _READ_BYTES):
                        return
                except BlockingIOError:
                    self._wait(select.POLLIN, deadline, WantReadError)

    # ---- the connection ------------------------------------------------------------------------

    @property
    def context(self) -> TLCPContext:
        """The context; assigning one in an ``sni_callback`` changes identity and settings."""
        return self._context

    @context.setter
    def context(self, context: TLCPContext) -> None:
        self._context = context
        if self._object is not None:
            self._object.context = context

    def do_handshake(self, block: bool = False) -> None:
        """Run the handshake to its end.

        Args:
            block: wait even if the socket's timeout is 0.

        Raises:
            WantReadError, WantWriteError: on a non-blocking socket.
            TLCPError: it failed; the peer has been told.
            TimeoutError, OSError: the transport failed, or the whole took too long.
        """
        before = self._seconds
        if block and before == 0.0:
            self._seconds = None
        try:
            self._call(self._tlcp().do_handshake)
        finally:
            self._seconds = before

    def _tlcp(self) -> Any:
        if self._object is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        return self._object

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read up to ``len`` bytes, into ``buffer`` if given; returns the bytes, or their number.

        b"" or 0 after the peer's close_notify, and, with ``suppress_ragged_eofs``, also after an
        end without it.

        Raises:
            TruncatedError: the peer vanished, and ``suppress_ragged_eofs`` is off.
            WantReadError, TimeoutError, TLCPError, OSError: as ``do_handshake``.
        """
        try:
            if not self._connected():
                self.do_handshake()
            arguments = (len,) if buffer is None else (len, buffer)
            return self._call(self._tlcp().read, *arguments, patient=False)
        except ssl.SSLEOFError:
            if self.suppress_ragged_eofs and self._connected():
                return b"" if buffer is None else 0
            raise
        except ssl.SSLZeroReturnError:
            return b"" if buffer is None else 0

    def write(self, data: Any) -> int:
        """Send some of ``data``; returns how many bytes."""
        return self.send(data)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read up to ``buflen`` bytes; see ``read``."""
        if self._object is None:
            return super().recv(buflen, flags)
        _no_flags("recv", flags)
        data: bytes = self.read(buflen)
        return data

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read into ``buffer``; see ``read``."""
        size = nbytes or memoryview(buffer).nbytes
        if self._object is None:
            return super().recv_into(buffer, size, flags)
        _no_flags("recv_into", flags)
        count: int = self.read(size, buffer)
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        """Send the first part of ``data``; returns its length in bytes.

        Raises:
            WantWriteError: on a non-blocking socket; call again with the same data.
            TLCPError, TimeoutError, OSError: as ``do_handshake``.
        """
        if self._object is None:
            return super().send(data, flags)
        _no_flags("send", flags)
        with self._writing:
            return self._send_some(memoryview(data).cast("B"))

    def _send_some(self, view: memoryview) -> int:
        if self._sealed:  # by an earlier call that could not send it all
            if len(view) < self._sealed:
                raise MisuseError("bad write retry: call send() again with the same data")
            self._send_unsent(self._deadline())
        else:
            if not self._connected():
                self.do_handshake()
            piece = view[:_WRITE_BYTES]
            self._sealed = len(piece)
            try:
                self._call(self._tlcp().write, piece)
            except (WantWriteError, TimeoutError):
                raise
            except BaseException:
                self._sealed = 0
                raise
        count, self._sealed = self._sealed, 0
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of ``data``.

        Raises:
            ValueError: the socket is non-blocking and cannot take it at once (as WantWriteError).
            TLCPError, TimeoutError, OSError: as ``do_handshake``.
        """
        if self._object is None:
            super().sendall(data, flags)
            return
        _no_flags("sendall", flags)
        with memoryview(data) as view, view.cast("B") as octets:
            at = 0
            while at < len(octets):
                at += self.send(octets[at:])

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file; returns the number of bytes sent."""
        if self._object is None:
            return super().sendfile(file, offset, count)
        use_send: Any = self._sendfile_use_send  # type: ignore[attr-defined]
        sent: int = use_send(file, offset, count)
        return sent

    def pending(self) -> int:
        """How many decrypted bytes can be read at once."""
        with self._lock:
            return self._object.pending() if self._object is not None else 0

    def unwrap(self) -> socket.socket:
        """Send close_notify, wait for the peer's, and go on in clear on the same socket.

        Raises:
            ValueError: there is no TLCP connection on it.
            TruncatedError: the peer vanished without close_notify.
            WantReadError, TimeoutError, TLCPError, OSError: as ``do_handshake``.
        """
        if self._object is None:
            raise ValueError("No SSL wrapper around " + str(self))
        self._call(self._object.unwrap)
        self._object = None
        socket.socket.settimeout(self, self._seconds)
        return self

    def close_notify(self) -> None:
        """Tell the peer that nothing more will be sent; what it sends can still be read."""
        if self._connected():
            self._call(self._say_goodbye)

    def _say_goodbye(self) -> None:
        """Have the object make its close_notify."""
        send = getattr(self._object, "send_close_notify", None)
        if send is not None:
            send()
            return
        with contextlib.suppress(ssl.SSLError):  # OpenSSL's then waits for the peer's
            self._object.unwrap()

    def shutdown(self, how: int) -> None:
        """Shut the transport down; close_notify goes first if our way is to be shut."""
        if how != socket.SHUT_RD:
            self._farewell()
        super().shutdown(how)

    def _real_close(self) -> None:
        self._farewell()
        self._object = None
        super()._real_close()  # type: ignore[misc]

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

    # ---- what ssl.SSLSocket has as well ------------------------------------------------------

    def accept(self) -> tuple[TLCPSocket, Any]:
        """Accept a connection and wrap it with this socket's context."""
        new, address = super().accept()
        wrapped = self._context.wrap_socket(
            new,
            server_side=True,
            do_handshake_on_connect=self.do_handshake_on_connect,
            suppress_ragged_eofs=self.suppress_ragged_eofs,
        )
        return wrapped, address

    def connect(self, address: Any) -> None:
        """Connect, and run the handshake if ``do_handshake_on_connect``."""
        self._check_connect()
        super().connect(address)
        self._begin()

    def connect_ex(self, address: Any) -> int:
        """As ``connect``, with an error number instead of an exception of the transport."""
        self._check_connect()
        code = super().connect_ex(address)
        if code == 0:
            self._begin()
        return code

    def _check_connect(self) -> None:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._object is not None:
            raise ValueError("attempt to connect already-connected SSLSocket!")

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

    def dup(self) -> NoReturn:
        """Raises NotImplementedError: the state of a connection cannot be shared."""
        raise NotImplementedError(f"Can't dup() {type(self).__name__} instances")

    def detach(self) -> int:
        """Give the file descriptor away, in its plain form; no close_notify is sent."""
        self._object = None
        super().settimeout(self._seconds)
        return super().detach()

    def recvfrom(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ValueError: a stream has no sender addresses."""
        raise ValueError(f"recvfrom not allowed on instances of {type(self)}")

    def recvfrom_into(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ValueError: a stream has no sender addresses."""
        raise ValueError(f"recvfrom_into not allowed on instances of {type(self)}")

    def sendto(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ValueError: a stream has one peer."""
        raise ValueError(f"sendto not allowed on instances of {type(self)}")

    def recvmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"recvmsg not allowed on instances of {type(self)}")

    def recvmsg_into(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"recvmsg_into not allowed on instances of {type(self)}")

    def sendmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"sendmsg not allowed on instances of {type(self)}")

    # ---- what was agreed on -------------------------------------------------------------------

    @property
    def negotiated(self) -> HandshakeCompleted | None:
        """What the handshake agreed on; None before its end, or if the peer speaks TLS."""
        found: HandshakeCompleted | None = getattr(self._object, "negotiated", None)
        return found

    @property
    def peer_certificates(self) -> VerifiedPair | None:
        """The peer's pair and chains; None if it sent none or the handshake is not through."""
        found: VerifiedPair | None = getattr(self._object, "peer_certificates", None)
        return found

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's signing certificate; see ``TLCPObject.getpeercert``."""
        if self._object is None:
            raise ValueError("handshake not done yet")
        return self._object.getpeercert(binary_form)

    def get_verified_chain(self) -> list[bytes]:
        """DER from the peer's signing certificate up to the trust anchor."""
        return list(self._object.get_verified_chain()) if self._object is not None else []

    def get_unverified_chain(self) -> list[bytes]:
        """DER of what the peer sent."""
        return list(self._object.get_unverified_chain()) if self._object is not None else []

    def cipher(self) -> tuple[str, str, int] | None:
        """Name of the suite, of the protocol, and secret bits; None without a connection."""
        return self._object.cipher() if self._object is not None else None

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        """The client's suites that are enabled here, on servers."""
        return self._object.shared_ciphers() if self._object is not None else None

    def version(self) -> str | None:
        """The protocol, "TLCPv1.1"; None without a connection."""
        return self._object.version() if self._object is not None else None

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol agreed on, or None."""
        return self._object.selected_alpn_protocol() if self._object is not None else None

    def selected_npn_protocol(self) -> None:
        """None: NPN is gone, and ``ssl`` answers the same."""

    def compression(self) -> None:
        """None: there is no compression."""

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """See ``TLCPObject.get_channel_binding``."""
        if cb_type != "tls-unique":
            raise ValueError(f"{cb_type} channel binding type not implemented")
        return self._object.get_channel_binding(cb_type) if self._object is not None else None

    @property
    def session(self) -> Any:
        """None: sessions are not resumed yet."""
        return self._object.session if self._object is not None else None

    @session.setter
    def session(self, session: Any) -> None:
        self._tlcp().session = session

    @property
    def session_reused(self) -> bool | None:
        """Whether an earlier session was continued; None without a connection."""
        return self._object.session_reused if self._object is not None else None

    def verify_client_post_handshake(self) -> NoReturn:
        """Raises NotImplementedError: it is a message of TLS 1.3."""
        raise NotImplementedError("TLCP has no post-handshake authentication; use verify_mode")


def _is_connected(sock: socket.socket) -> bool:
    try:
        socket.socket.getpeername(sock)
    except OSError:
        return False
    return True


def _no_flags(call: str, flags: int) -> None:
    if flags:
        raise ValueError(f"non-zero flags not allowed in calls to {call}() on TLCPSocket")
