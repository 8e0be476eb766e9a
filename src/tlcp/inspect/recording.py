"""Connections of our own ends, recorded as if they had been captured, with their keys inside.

``Recording`` makes packets of what the ends report: the addresses and the times are real, and the
bytes; sequence numbers, acknowledgements and how the bytes lie in packets are made up. So nobody
needs to be root, and nothing else of the computer is recorded.

Spec: RFC 791 3.1; RFC 8200 3; RFC 9293 3.1
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from tlcp.errors import ConfigError
from tlcp.inspect.writing import PcapngWriter, create_private

__all__ = ["Recording"]

_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_MASK = (1 << 32) - 1
_PART_BYTES = 1 << 14  # of payload in one packet
_OUTSTANDING_BYTES = 1 << 22  # then an acknowledgement is due
_WINDOW, _SCALE = 0xFFFF, 7
_OPTIONS = struct.pack("!BBHBBBB", 2, 4, _PART_BYTES, 3, 3, _SCALE, 0)  # segment size, scale
_HEADER = struct.Struct("!HHIIBBHHH")
_TCP = 6
_MOST_WAITING = 256  # connections


class Recording:
    """A capture of connections as their own end sees them; give it to ``TLCPContext.recorder``.

    May serve many contexts, connections and threads. The file is pcapng, holds the keys, and has
    mode 0600. It is valid whenever it ends. A file that cannot be written any more harms no
    connection: ``problem`` tells.

    Args:
        path: the file; emptied if it is there.
        now_ns: the time, in nanoseconds since 1970.

    Attributes:
        path: the file, as given.
        connections: how many were begun.
        problem: why the rest is missing, or "".

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.path, self.connections, self.problem = path, 0, ""
        self._now_ns, self._lock = now_ns, threading.RLock()
        self._waiting: dict[_Connection, None] = {}  # those with packets to be written
        self._closed = False
        self._file = create_private(path)
        try:
            self._writer = PcapngWriter(self._file, name="tlcp")
        except OSError as error:
            self._file.close()
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, *, server_side: bool, local: Any = None, peer: Any = None) -> _Connection:
        """A connection that begins now.

        Args:
            server_side: whether our end is the server.
            local: our address, as ``getsockname`` returns it; None = make one up.
            peer: likewise.
        """
        with self._lock:
            self.connections += 1
            us, them = _ends(local, peer, server_side, self.connections)
            return _Connection(self, us, them, server_side=server_side)

    def keylog(self, line: str) -> None:
        """Take the line of a key log, which must come before the packets that need it."""
        with self._lock:
            self.attempt(lambda: self._writer.secrets(line))

    def close(self) -> None:
        """Write what is left and close the file; may be called again."""
        with self._lock:
            for connection in list(self._waiting):
                connection.flush()
            if not self._closed:
                self._closed = True
                self._file.close()

    # ---- for its connections -----------------------------------------------------------------

    @property
    def lock(self) -> contextlib.AbstractContextManager[Any]:
        """Guards the file and the connections."""
        return self._lock

    def now_ns(self) -> int:
        """The time."""
        return self._now_ns()

    def packet(self, time_ns: int, data: bytes) -> None:
        """Write a packet."""
        self.attempt(lambda: self._writer.packet(time_ns, data))

    def attempt(self, write: Callable[[], None]) -> None:
        """Write, unless that has failed before or the file is closed."""
        if self._closed or self.problem:
            return
        try:
            write()
        except OSError as error:
            self.problem = f"cannot write {self.path}: {error.strerror or error}"

    def wait(self, connection: _Connection, waits: bool) -> None:
        """Note whether a connection has packets to be written; not many at a time have."""
        if not waits:
            self._waiting.pop(connection, None)
            return
        self._waiting[connection] = None
        if len(self._waiting) > _MOST_WAITING:  # programs may just drop a connection
            next(iter(self._waiting)).flush()


class _End(NamedTuple):
    """An address and a port, packed."""

    address: bytes
    port: int


class _Connection:
    """One connection: what the transport reports becomes packets.

    Packets of the peer are written with the next report: a key that is derived from bytes that came
    must be in the file before them.
    """

    def __init__(self, recording: Recording, us: _End, them: _End, *, server_side: bool) -> None:
        self._recording = recording
        self._ends = (us, them)
        number = recording.connections
        # sequence numbers: ours, and the peer's; anything will do that differs between connections
        self._next = [number * 0x10001 & _MASK, number * 0x20003 + 0x7000_0000 & _MASK]
        self._acked = list(self._next)  # what the other side has said that it has
        self._finished = [False, False]
        self._over = False
        self._waiting: list[tuple[int, bytes]] = []
        client = int(server_side)
        self._put(client, _SYN)
        self._put(1 - client, _SYN | _ACK)
        self._put(client, _ACK)
        self.flush()

    # ---- what the transport reports ----------------------------------------------------------

    def sent(self, data: bytes) -> None:
        """These bytes were sent."""
        self._report(0, data)

    def received(self, data: bytes) -> None:
        """These bytes came; none: the peer has ended its side."""
        if data:
            self._report(1, data)
        else:
            self._finish(1)

    def reset(self) -> None:
        """The peer has reset the connection."""
        with self._recording.lock:
            if not self._over and not self._finished[1]:
                self._put(1, _RST | _ACK)
                self._over = True
            self.flush()

    def closed(self) -> None:
        """We have ended our side, or closed the socket."""
        self._finish(0)

    # ---- packets -----------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits; the recording's lock is held."""
        for time_ns, packet in self._waiting:
            self._recording.packet(time_ns, packet)
        self._waiting.clear()
        self._recording.wait(self, False)

    def _report(self, sender: int, data: bytes) -> None:
        with self._recording.lock:
            self.flush()
            if self._over or self._finished[sender]:
                return
            for at in range(0, len(data), _PART_BYTES):
                part = data[at : at + _PART_BYTES]
                last = at + len(part) == len(data)
                self._put(sender, _ACK | _PSH if last else _ACK, part)
                if self._next[sender] - self._acked[sender] & _MASK >= _OUTSTANDING_BYTES:
                    self._put(1 - sender, _ACK)
            if sender == 0:
                self.flush()
            else:
                self._recording.wait(self, True)

    def _finish(self, sender: int) -> None:
        with self._recording.lock:
            if not self._over and not self._finished[sender]:
                self._put(sender, _FIN | _ACK)
                self._finished[sender] = True
                self._put(1 - sender, _ACK)
            self.flush()

    def _put(self, sender: int, flags: int, data: bytes = b"") -> None:
        """Make a packet, which ``flush`` writes."""
        acknowledged = self._next[1 - sender] if flags & _ACK else 0
        ends = self._ends if sender == 0 else self._ends[::-1]
        packet = _packet(*ends, self._next[sender], acknowledged, flags, data)
        if flags & _ACK:
            self._acked[1 - sender] = acknowledged
        taken = len(data) + bool(flags & _SYN) + bool(flags & _FIN)
        self._next[sender] = self._next[sender] + taken & _MASK
        self._waiting.append((self._recording.now_ns(), packet))


def _ends(local: Any, peer: Any, server_side: bool, number: int) -> tuple[_End, _End]:
    """Both ends, ours first; made up if they have no IP addresses."""
    us, them = _end(local), _end(peer)
    if us is not None and them is not None and len(us.address) == len(them.address):
        return us, them
    # RFC 5737
    client = _End(bytes((192, 0, 2, 1)), 40000 + number % 20000)
    server = _End(bytes((192, 0, 2, 2)), 443)
    return (server, client) if server_side else (client, server)


def _end(name: Any) -> _End | None:
    try:
        return _End(ipaddress.ip_address(str(name[0]).partition("%")[0]).packed, int(name[1]))
    except (TypeError, ValueError, IndexError):  # of another family, or none at all
        return None


def _packet(
    source: _End, target: _End, sequence: int, acknowledged: int, flags: int, data: bytes
) -> bytes:
    options = _OPTIONS if flags & _SYN else b""
    size = _HEADER.size + len(options) + len(data)

    def segment(checksum: int) -> bytes:
        words = (_HEADER.size + len(options)) // 4 << 4
        ports = source.port, target.port
        head = _HEADER.pack(*ports, sequence, acknowledged, words, flags, _WINDOW, checksum, 0)
        return b"".join((head, options, data))

    pseudo = source.address + target.address + struct.pack("!II", size, _TCP)
    body = segment(_checksum(pseudo + segment(0)))
    return _ip_header(source, target, size) + body


def _ip_header(source: _End, target: _End, size: int) -> bytes:
    addresses = source.address + target.address
    if len(source.address) == 16:
        return struct.pack("!IHBB", 6 << 28, size, _TCP, 64) + addresses

    def header(checksum: int) -> bytes:
        fields = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, _TCP, checksum)
        return fields + addresses

    return header(_checksum(header(0)))


def _checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum.  Spec: RFC 1071."""
    return 0xFFFF - int.from_bytes(data + bytes(len(data) & 1), "big") % 0xFFFF
