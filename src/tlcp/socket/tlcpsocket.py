"""``TLCPSocket``: the face of ``ssl.SSLSocket`` on a socket that speaks TLCP.

Spec: the Python documentation of ``ssl.SSLSocket``
"""

# mypy: disable-error-code="override"
# The stubs of ``socket`` are narrower than what ``ssl.SSLSocket`` itself returns.

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tlcp.dialects import Dialect
from tlcp.errors import HandshakeTimeout, TLCPError, TruncatedError, WantWriteError
from tlcp.events import HandshakeCompleted
from tlcp.sessions.client import TLCPSession, check_session
from tlcp.socket.transport import ObjectSocket
from tlcp.x509.pair import VerifiedPair

if TYPE_CHECKING:
    from threading import RLock as _RLock

    from tlcp.context import TLCPContext

__all__ = ["TLCPSocket"]

_WRITE_BYTES = 1 << 18
_CONNECTING = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class TLCPSocket(ObjectSocket):
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
    _context: TLCPContext
    _first_session: TLCPSession | None
    _dialect: Dialect | None
    _port: int | None
    _writing: _RLock
    _sealed: int  # bytes of the write whose records are in ``_unsent``
    _unwrapped: bool  # the program went back to the clear
    _until: float | None  # when the handshake must be through

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
        session: TLCPSession | None = None,
        dialect: Dialect | None = None,
    ) -> Self:
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) != socket.SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        timeout = sock.gettimeout()
        self = cls.__new__(cls)
        socket.socket.__init__(self, sock.family, sock.type, sock.proto, fileno=sock.fileno())
        sock.detach()
        self._context = context
        self.server_side, self.server_hostname = server_side, server_hostname
        self._first_session, self._dialect, self._port = session, dialect, None
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        self._prepare(timeout)
        self._writing, self._sealed, self._unwrapped = threading.RLock(), 0, False
        self._until = None
        socket.socket.settimeout(self, timeout)
        try:
            if self._is_connected():
                self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def _is_connected(self) -> bool:
        """Whether there is a peer.

        Raises:
            TruncatedError: there was one, and it left bytes. They must not be read as if they had
                come over TLCP.
        """
        try:
            self._port = _port_of(socket.socket.getpeername(self))
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINVAL):
                raise
        else:
            return True
        socket.socket.setblocking(self, False)
        try:
            left = socket.socket.recv(self, 1)
        except OSError:
            left = b""
        finally:
            socket.socket.settimeout(self, self._seconds)
        if left:
            role = "server" if self.server_side else "client"
            raise TruncatedError(
                "the peer closed before the handshake and left data behind",
                expected="a connection that is still open",
                hint="It has not waited for us, or it was reset",
            ).at(role, "")
        return False

    def _begin(self) -> None:
        """Start TLCP on a socket that was connected when it came."""
        if self.do_handshake_on_connect and self._seconds == 0.0:
            raise ValueError(
                "do_handshake_on_connect should not be specified for non-blocking sockets"
            )
        self._make_object()
        self._go_on()

    def _make_object(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = self._context.make_object(
            self._incoming,
            self._outgoing,
            server_side=self.server_side,
            server_hostname=self.server_hostname,
            owner=self,
            session=self._first_session,
            port=self._port,
            dialect=self._dialect,
        )

    def _record(self) -> None:
        """Have the connection recorded, if the context says so."""
        if (recorder := self._context.recorder) is not None and self._tap is None:
            ends = socket.socket.getsockname(self), socket.socket.getpeername(self)
            self._tap = recorder.begin(server_side=self.server_side, local=ends[0], peer=ends[1])

    def _go_on(self) -> None:
        """The socket is connected: keep the time ourselves from here on."""
        socket.socket.setblocking(self, False)
        self._record()
        if self.do_handshake_on_connect:
            self.do_handshake()

    # ---- the connection ----------------------------------------------------------------------

    @property
    def context(self) -> TLCPContext:
        """The context; assigning one in an ``sni_callback`` changes identity and settings."""
        return self._context

    @context.setter
    def context(self, context: TLCPContext) -> None:
        if not hasattr(context, "config_for"):
            raise TypeError("The value must be a TLCPContext")
        self._context = context
        if self._object is not None:
            self._object.context = context

    def do_handshake(self, block: bool = False) -> None:
        """Run the handshake to its end.

        Args:
            block: wait even if the socket's timeout is 0.

        Raises:
            WantReadError, WantWriteError: on a non-blocking socket.
            HandshakeTimeout: ``Limits.handshake_s`` are over.
            TLCPError: it failed; the peer has been told.
            TimeoutError, OSError: the transport failed, or the whole took too long.
        """
        if self._object is None:
            self.getpeername()  # the system's error if there is no peer
            raise ValueError(f"No SSL wrapper around {self}")
        self._record()
        before = self._seconds
        if block and before == 0.0:
            self._seconds = None
        handshaking = self._object
        limit = self._context.config.limits.handshake_s
        if self._until is None and limit is not None:
            self._until = time.monotonic() + limit
        try:
            self._call(handshaking.do_handshake, until=self._until)
        except TimeoutError as error:
            if limit is None or isinstance(error, TLCPError) or not self._is_late():
                raise
            raise HandshakeTimeout(limit).at(
                "server" if self.server_side else "client", ""
            ) from None
        except ConnectionError as error:  # a reset instead of an alert
            error.dialect = handshaking.dialect_if_ended  # type: ignore[attr-defined]
            raise
        finally:
            self._seconds = before

    def _is_late(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _in_clear(self) -> bool:
        """Whether ``unwrap`` ended TLCP, so that plain bytes may pass.

        Raises:
            OSError: TLCP has not begun: nothing may pass.
        """
        if self._object is None and not self._unwrapped and self.fileno() != -1:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._object is None

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read up to ``len`` bytes, into ``buffer`` if given; returns the bytes, or their number.

        b"" or 0 after the peer's close_notify, and, with ``suppress_ragged_eofs``, also after an
        end without it.

        Raises:
            TruncatedError: the peer vanished, and ``suppress_ragged_eofs`` is off.
            WantReadError, TimeoutError, TLCPError, OSError: as ``do_handshake``.
        """
        if self._object is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        try:
            if not self._connected():
                self.do_handshake()
            arguments = (len,) if buffer is None else (len, buffer)
            room = len if buffer is None else memoryview(buffer).nbytes
            return self._call(self._object.read, *arguments, patient=False, room=room)
        except ssl.SSLEOFError:
            if self.suppress_ragged_eofs and self._connected():
                return b"" if buffer is None else 0
            raise
        except ssl.SSLZeroReturnError:
            return b"" if buffer is None else 0

    def write(self, data: Any) -> int:
        """Send some of ``data``; returns how many bytes."""
        if self._object is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        return self.send(data)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read up to ``buflen`` bytes; see ``read``."""
        if self._in_clear():
            return super().recv(buflen, flags)
        _no_flags("recv", flags)
        data: bytes = self.read(buflen)
        return data

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read into ``buffer``; see ``read``."""
        size = nbytes or memoryview(buffer).nbytes
        if self._in_clear():
            return super().recv_into(buffer, size, flags)
        _no_flags("recv_into", flags)
        count: int = self.read(size, buffer)
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        """Send the first part of ``data``; returns its length in bytes.

        Raises:
            WantWriteError: on a non-blocking socket; call again with the same data.
            TimeoutError: the time is over; the same holds for what has been sealed.
            TLCPError, OSError: as ``do_handshake``.
        """
        if self._in_clear():
            return super().send(data, flags)
        _no_flags("send", flags)
        with self._turn(self._writing, self._deadline(), WantWriteError):
            return self._send_some(memoryview(data).cast("B"))

    def _send_some(self, view: memoryview) -> int:
        if self._sealed:  # by an earlier call that could not send it all
            if len(view) < self._sealed:
                raise TLCPError("bad write retry: call send() again with the same data")
            self._send_unsent(self._deadline())
        else:
            if not self._connected():
                self.do_handshake()
            piece = view[:_WRITE_BYTES]
            self._sealed = len(piece)
            try:
                self._call(self._object.write, piece)
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
        if self._in_clear():
            super().sendall(data, flags)
            return
        _no_flags("sendall", flags)
        with memoryview(data) as view, view.cast("B") as octets:
            at = 0
            while at < len(octets):
                at += self.send(octets[at:])

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file; returns the number of bytes sent."""
        if self._in_clear():
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
            raise ValueError(f"No SSL wrapper around {self}")
        self._call(self._object.unwrap)
        self._object, self._unwrapped = None, True
        socket.socket.settimeout(self, self._seconds)
        return self

    def close_notify(self) -> None:
        """Tell the peer that nothing more will be sent; what it sends can still be read."""
        if self._connected():
            self._call(self._say_goodbye)

    def shutdown(self, how: int) -> None:
        """Shut the transport down; close_notify goes first if our way is to be shut."""
        if how != socket.SHUT_RD:
            self._farewell()
        super().shutdown(how)

    # ---- what ssl.SSLSocket has as well ------------------------------------------------------

    def accept(self) -> tuple[TLCPSocket, Any]:
        """Accept a connection and wrap it with this socket's context."""
        new, address = super().accept()
        try:
            wrapped: TLCPSocket = self._context.wrap_socket(
                new,
                server_side=True,
                do_handshake_on_connect=self.do_handshake_on_connect,
                suppress_ragged_eofs=self.suppress_ragged_eofs,
            )
        except BaseException:
            new.close()
            raise
        return wrapped, address

    def connect(self, address: Any) -> None:
        """Connect, and run the handshake if ``do_handshake_on_connect``.

        On a non-blocking socket BlockingIOError comes first, as from any socket: wait until it
        can be written, then call ``do_handshake``.
        """
        self._prepare_connect(address)
        try:
            super().connect(address)
        except BlockingIOError:
            raise
        except BaseException:
            self._object = None
            raise
        self._go_on()

    def connect_ex(self, address: Any) -> int:
        """As ``connect``, with an error number instead of an exception of the transport."""
        self._prepare_connect(address)
        code = super().connect_ex(address)
        if code == 0:
            self._go_on()
        elif code not in _CONNECTING:
            self._object = None
        return code

    def _prepare_connect(self, address: Any) -> None:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._object is not None or self._unwrapped:
            raise ValueError("attempt to connect already-connected SSLSocket!")
        self._port = _port_of(address)
        self._make_object()

    def dup(self) -> NoReturn:
        """Raises NotImplementedError: the state of a connection cannot be shared."""
        raise NotImplementedError(f"Can't dup() {type(self).__name__} instances")

    def detach(self) -> int:
        """Give the file descriptor away, in its plain form; no close_notify is sent."""
        self._object = None
        super().settimeout(self._seconds)
        return super().detach()

    def recvfrom(self, *args: Any, **kwargs: Any) -> Any:
        """Raises ValueError while there is TLCP: a stream has no sender addresses."""
        self._only_in_clear("recvfrom")
        return super().recvfrom(*args, **kwargs)

    def recvfrom_into(self, *args: Any, **kwargs: Any) -> Any:
        """Raises ValueError while there is TLCP: a stream has no sender addresses."""
        self._only_in_clear("recvfrom_into")
        return super().recvfrom_into(*args, **kwargs)

    def sendto(self, *args: Any, **kwargs: Any) -> Any:
        """Raises ValueError while there is TLCP: a stream has one peer."""
        self._only_in_clear("sendto")
        return super().sendto(*args, **kwargs)

    def _only_in_clear(self, call: str) -> None:
        if not self._in_clear():
            raise ValueError(f"{call} not allowed on instances of {type(self)}")

    def recvmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"recvmsg not allowed on instances of {type(self)}")

    def recvmsg_into(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"recvmsg_into not allowed on instances of {type(self)}")

    def sendmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: ancillary data cannot be protected."""
        raise NotImplementedError(f"sendmsg not allowed on instances of {type(self)}")

    def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises NotImplementedError: it would go around the protection."""
        raise NotImplementedError(f"sendmsg_afalg not allowed on instances of {type(self)}")

    # ---- what was agreed on -------------------------------------------------------------------

    @property
    def negotiated(self) -> HandshakeCompleted | None:
        """What the handshake agreed on; None before its end, or if the peer speaks TLS."""
        found: HandshakeCompleted | None = getattr(self._object, "negotiated", None)
        return found

    @property
    def peer_closed(self) -> bool:
        """Whether the peer's close_notify was read."""
        return bool(getattr(self._object, "peer_closed", False))

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
        """A client's session, see ``TLCPObject.session``; before connecting, the one assigned."""
        return self._object.session if self._object is not None else self._first_session

    @session.setter
    def session(self, session: Any) -> None:
        if self._object is not None:
            self._object.session = session
        elif session is not None:
            check_session(session, self._context, server_side=self.server_side)
            self._first_session = session

    @property
    def session_reused(self) -> bool | None:
        """Whether an earlier session was continued; None without a connection."""
        return self._object.session_reused if self._object is not None else None

    def verify_client_post_handshake(self) -> NoReturn:
        """Raises NotImplementedError: it is a message of TLS 1.3."""
        raise NotImplementedError("TLCP has no post-handshake authentication; use verify_mode")


def _port_of(address: Any) -> int | None:
    """The port of an address, None where it has none: sessions are kept for one port of a host."""
    is_ip = isinstance(address, tuple) and len(address) > 1
    return address[1] if is_ip and isinstance(address[1], int) else None


def _no_flags(call: str, flags: int) -> None:
    if flags:
        raise ValueError(f"non-zero flags not allowed in calls to {call}() on TLCPSocket")
