"""Two ends, and between them a wire that fails at one byte.

Both ends are ``TLCPSocket`` on TCP. The client sends messages; the server keeps each and then
acknowledges it. Whatever the wire does, both must end, in time, with an error that says what
happened, and what was acknowledged must have been kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from support.ends import HOST
from tlcp.context import TLCPContext

__all__ = [
    "FAULTS",
    "MESSAGES",
    "MOST_S",
    "TIMEOUT_S",
    "Contexts",
    "End",
    "Fault",
    "Run",
    "cross",
]

#: What the wire does from one byte on; "none" for a good connection.
FAULTS: Final = (
    "cut", "reset", "half-close", "silence", "delay", "reorder", "drop", "repeat", "corrupt",
)  # fmt: skip
TIMEOUT_S: Final = 3.0  # of every call of both ends
MOST_S: Final = 4 * TIMEOUT_S  # an end that takes longer hangs
_BLOCK_BYTES: Final = 16  # what is reordered, dropped or repeated
_HOLD_S: Final = 0.05
_DELAY_S: Final = 0.002
_READ_BYTES: Final = 1 << 16
_ACK_BYTES: Final = 4
_LINGER: Final = struct.pack("ii", 1, 0)  # closing resets

#: The client's and the server's.
Contexts = tuple[TLCPContext, TLCPContext]
_Work = Callable[[socket.socket, TLCPContext, "End"], None]

#: What the client sends: enough for a record of its own each, and all different.
MESSAGES: Final = tuple(hashlib.sha256(bytes((n,))).digest() * 6 for n in range(3))


class Fault(NamedTuple):
    """What happens to the bytes of one sender.

    Attributes:
        kind: one of ``FAULTS``, or "none".
        sender: "client" or "server".
        offset: of the byte where it happens, from the first one that the sender sends.
    """

    kind: str
    sender: str
    offset: int


@dataclass(slots=True)
class End:
    """What one end saw.

    Attributes:
        completed: the handshake was through.
        resumed: it continued a session; None where the end cannot tell.
        sent: messages that the client has sent.
        closed: the other end's close_notify came.
        data: what was received: the server's messages, or the client's acknowledgements.
        error: what ended it, None if all was well.
        seconds: until it had ended.
    """

    completed: bool = False
    resumed: bool | None = None
    sent: int = 0
    closed: bool = False
    data: list[bytes] = field(default_factory=list)
    error: BaseException | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Run:
    """One connection.

    Attributes:
        fault: what the wire did.
        client, server: what came of it.
        sent: what each sender sent.
        given: what of it was passed on to the other end, and what instead.
        prompt: how much of what was given came before anybody's time can have been over.
        ended: no end hangs.
    """

    fault: Fault
    client: End
    server: End
    sent: dict[str, bytes]
    given: dict[str, bytes]
    prompt: int
    ended: bool


class _Wire:
    """Passes bytes on, but for the fault."""

    def __init__(self, client: socket.socket, server: socket.socket, fault: Fault) -> None:
        self.ends = {"client": client, "server": server}
        self.fault = fault
        self.sent = {"client": bytearray(), "server": bytearray()}
        self.given = {"client": bytearray(), "server": bytearray()}
        self._open = {"client", "server"}  # senders that have not ended
        self._muted = False  # nothing of the faulty sender passes any more
        self._held = b""
        self._broken = False
        self._hit_at: float | None = None
        self.prompt = 0  # bytes given of the faulty sender soon after the fault

    def run(self, deadline: float) -> None:
        """Until both senders have ended, or the time is over."""
        try:
            while self._open and not self._broken and time.monotonic() < deadline:
                watched = [self.ends[sender] for sender in self._open]
                ready, _, _ = select.select(watched, [], [], _HOLD_S)
                if not ready:
                    self._release()
                for sender in sorted(self._open):
                    if self.ends[sender] in ready and not self._broken:
                        self._pass(sender)
        finally:
            for sock in self.ends.values():
                sock.close()

    def _pass(self, sender: str) -> None:
        try:
            data = self.ends[sender].recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._release()
            self._open.discard(sender)
            self._shut(_other(sender))
            return
        at, size = len(self.sent[sender]), len(data)
        self.sent[sender] += data
        hit = sender == self.fault.sender and at <= self.fault.offset < at + size
        if sender == self.fault.sender and self._muted:
            return
        if hit and self.fault.kind != "none":
            self._hit_at = time.monotonic()
            self._fail(sender, data, self.fault.offset - at)
        else:
            self._give(sender, data)
            self._release()

    def _give(self, sender: str, data: bytes) -> None:
        self.given[sender] += data
        if sender == self.fault.sender and (
            self._hit_at is None or time.monotonic() < self._hit_at + TIMEOUT_S / 2
        ):
            self.prompt = len(self.given[sender])
        try:
            self.ends[_other(sender)].sendall(data)
        except OSError:  # that end has gone; its own error says why
            self._muted = self._muted or sender == self.fault.sender

    def _release(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._give(self.fault.sender, held)

    def _shut(self, receiver: str) -> None:
        try:
            self.ends[receiver].shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _fail(self, sender: str, data: bytes, at: int) -> None:
        head, block, rest = data[:at], data[at : at + _BLOCK_BYTES], data[at + _BLOCK_BYTES :]
        match self.fault.kind:
            case "corrupt":
                changed = data[at] ^ (1 << self.fault.offset % 8)
                self._give(sender, head + bytes((changed,)) + data[at + 1 :])
            case "reorder":
                self._give(sender, head + rest)
                self._held = block  # behind what comes next
                if rest:
                    self._release()
            case "drop":
                self._give(sender, head + rest)
            case "repeat":
                self._give(sender, head + block + block + rest)
            case "delay":
                self._give(sender, head)
                time.sleep(_DELAY_S)
                self._give(sender, data[at:])
            case _:
                self._give(sender, head)
                self._end(sender)

    def _end(self, sender: str) -> None:
        kind, self._muted = self.fault.kind, True
        if kind == "half-close":
            self._shut(_other(sender))
        elif kind in ("cut", "reset"):
            self._broken = True
            for sock in self.ends.values():
                if kind == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)


def _other(role: str) -> str:
    return "server" if role == "client" else "client"


def _tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    for sock in (one, other):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one, other


def cross(fault: Fault, contexts: Contexts, *, loops: bool) -> Run:
    """Run one connection over a wire with this fault.

    Args:
        fault: what the wire does.
        contexts: the client's and the server's.
        loops: both ends are asyncio's.
    """
    near, wire_near = _tcp_pair()
    wire_far, far = _tcp_pair()
    wire = _Wire(wire_near, wire_far, fault)
    client, server = End(), End()
    begin = time.monotonic()
    works = (_client_in_loop, _server_in_loop) if loops else (_client, _server)
    threads = [
        threading.Thread(target=_end, args=(works[0], near, contexts[0], client), daemon=True),
        threading.Thread(target=_end, args=(works[1], far, contexts[1], server), daemon=True),
    ]
    for thread in threads:
        thread.start()
    wire.run(begin + MOST_S)
    for thread in threads:
        thread.join(max(0.0, begin + MOST_S - time.monotonic()))
    ended = not any(thread.is_alive() for thread in threads)
    sent, given = ({who: bytes(data) for who, data in streams.items()}
                   for streams in (wire.sent, wire.given))  # fmt: skip
    return Run(fault, client, server, sent, given, wire.prompt, ended)


def _end(work: _Work, sock: socket.socket, context: TLCPContext, seen: End) -> None:
    begin = time.monotonic()
    sock.settimeout(TIMEOUT_S)
    try:
        work(sock, context, seen)
    except BaseException as error:
        seen.error = error
    finally:
        sock.close()
        seen.seconds = time.monotonic() - begin


def _client(sock: socket.socket, context: TLCPContext, seen: End) -> None:
    with context.wrap_socket(
        sock,
        server_hostname=HOST,
        do_handshake_on_connect=False,
        suppress_ragged_eofs=False,
    ) as stream:
        stream.do_handshake()
        seen.completed, seen.resumed = True, stream.session_reused
        for message in MESSAGES:
            stream.sendall(message)
            seen.sent += 1
            got = b""
            while len(got) < _ACK_BYTES:
                data = stream.recv(_ACK_BYTES - len(got))
                if not data:
                    raise ConnectionError("the server closed before it had acknowledged")
                got += data
            seen.data.append(got)
        stream.unwrap()
        seen.closed = True


def _server(sock: socket.socket, context: TLCPContext, seen: End) -> None:
    with context.wrap_socket(
        sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
    ) as stream:
        stream.do_handshake()
        seen.completed, seen.resumed = True, stream.session_reused
        waiting, size = b"", len(MESSAGES[0])
        while data := stream.recv(_READ_BYTES):
            waiting += data
            while len(waiting) >= size:
                seen.data.append(waiting[:size])
                waiting = waiting[size:]
                stream.sendall(len(seen.data).to_bytes(_ACK_BYTES, "big"))
        seen.closed = True
        stream.unwrap()


def _client_in_loop(sock: socket.socket, context: TLCPContext, seen: End) -> None:
    async def work() -> None:
        reader, writer = await asyncio.open_connection(
            sock=sock,
            ssl=context,
            server_hostname=HOST,
            ssl_handshake_timeout=TIMEOUT_S,
            ssl_shutdown_timeout=TIMEOUT_S,
        )
        seen.completed = True
        try:
            for message in MESSAGES:
                writer.write(message)
                async with asyncio.timeout(TIMEOUT_S):
                    await writer.drain()
                    seen.data.append(await reader.readexactly(_ACK_BYTES))
        except asyncio.IncompleteReadError:
            raise ConnectionError("the server ended before it had acknowledged") from None
        finally:
            writer.close()
            await writer.wait_closed()

    asyncio.run(work())


def _server_in_loop(sock: socket.socket, context: TLCPContext, seen: End) -> None:
    async def work() -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        transport, protocol = await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(reader),
            sock,
            ssl=context,
            ssl_handshake_timeout=TIMEOUT_S,
            ssl_shutdown_timeout=TIMEOUT_S,
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        seen.completed = True
        try:
            for number in range(1, len(MESSAGES) + 1):
                async with asyncio.timeout(TIMEOUT_S):
                    seen.data.append(await reader.readexactly(len(MESSAGES[0])))
                    writer.write(number.to_bytes(_ACK_BYTES, "big"))
                    await writer.drain()
            async with asyncio.timeout(TIMEOUT_S):
                await reader.read()
        except asyncio.IncompleteReadError:
            raise ConnectionError("the client ended too early") from None
        finally:
            writer.close()
            await writer.wait_closed()

    asyncio.run(work())
