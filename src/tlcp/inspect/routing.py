"""Which worker inspects a connection: the one that knows the session that it resumes.

Resumed connections are decrypted through the session that they resume, so both must be inspected
by the same worker. What tells them apart is in clear at the beginning: the session id of both
hellos, and the ticket of ClientHello and NewSessionTicket. No more than that is looked at here,
and only as far as it lies in whole records; a connection that cannot be read goes anywhere.

Spec: GB/T 38636-2020 6.4.5.2; RFC 5077 3.3
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tlcp.errors import TLCPError
from tlcp.record.framing import HEADER_BYTES
from tlcp.registry import ContentType, ExtensionType, HandshakeType
from tlcp.wire.extensions import find_extension
from tlcp.wire.messages import ClientHello, NewSessionTicket, decode_handshake

__all__ = ["Router", "Segments"]

_MOST_SESSIONS: Final = 100_000
_MOST_WAITING: Final = 1 << 15  # bytes of a connection that is not routed yet
_MOST_WATCHED: Final = 1 << 17  # bytes of a server in which a ticket is looked for
_SESSION_ID_AT: Final = HEADER_BYTES + 4 + 2 + 32
_TICKET_TYPE: Final = ExtensionType.SESSION_TICKET.to_bytes(2, "big")
_CLIENT, _SERVER = 0, 1

#: (sender, time_s, data, lost), in their order
Segments = list[tuple[int, float, bytes, int]]


class _State:
    """What is known of a connection while its beginning is looked at."""

    __slots__ = ("client", "offers_ticket", "segments", "server", "size", "worker")

    def __init__(self) -> None:
        self.worker = -1
        self.segments: Segments = []
        self.size = 0
        self.client = b""
        self.server = b""
        self.offers_ticket = False


class _Hello(NamedTuple):
    session_id: bytes
    ticket: bytes
    offers_ticket: bool


class Router:
    """Gives each connection a worker, before most of it is handed on.

    Args:
        workers: how many there are.
        forward: gets (worker, number of the connection, its next segments).
    """

    def __init__(self, workers: int, forward: Callable[[int, int, Segments], None]) -> None:
        self._workers, self._forward = workers, forward
        self._routed: dict[int, int] = {}
        self._states: dict[int, _State] = {}
        self._sessions: dict[bytes, int] = {}
        self._turn = 0

    def begin(self, number: int) -> None:
        """A connection begins."""
        self._states[number] = _State()

    def feed(self, number: int, segment: tuple[int, float, bytes, int]) -> None:
        """Take its next segment."""
        state = self._states.get(number)
        if state is None:
            self._forward(self._routed[number], number, [segment])
            return
        state.segments.append(segment)
        state.size += len(segment[2])
        if segment[3]:  # what is missing may be what is looked for
            self._decide(number, state, None)
            self._forget(number, state)
        elif state.worker < 0:
            self._look_at_client(number, state, segment)
        if state.worker >= 0 and number in self._states:
            self._look_at_server(number, state, segment)
        if state.worker >= 0 and state.segments:
            self._forward(state.worker, number, state.segments)
            state.segments = []

    def settled(self, number: int) -> int:
        """Its worker once nothing more of it needs to come by here, else -1."""
        return -1 if number in self._states else self._routed[number]

    def end(self, number: int) -> int:
        """It is over; returns its worker, which has had all its segments by then."""
        state = self._states.pop(number, None)
        if state is not None:
            if state.worker < 0:
                self._decide(number, state, None)
            if state.segments:
                self._forward(state.worker, number, state.segments)
        return self._routed.pop(number)

    # ---- the client's side -----------------------------------------------------------------

    def _look_at_client(
        self, number: int, state: _State, segment: tuple[int, float, bytes, int]
    ) -> None:
        if segment[0] == _CLIENT:
            state.client += segment[2]
        record = _first_record(state.client)
        if record is None:  # not whole yet, unless it never will be
            if segment[0] == _SERVER or state.size > _MOST_WAITING or _is_other(state.client):
                self._decide(number, state, None)
            return
        self._decide(number, state, _read_hello(record))

    def _decide(self, number: int, state: _State, hello: _Hello | None) -> None:
        """Choose the worker."""
        if state.worker >= 0:
            return
        known = None
        if hello is not None:
            state.offers_ticket = hello.offers_ticket
            known = self._sessions.get(hello.ticket) or self._sessions.get(hello.session_id)
        if known is None:
            known = self._turn + 1
            self._turn = (self._turn + 1) % self._workers
        state.worker = self._routed[number] = known - 1
        state.client = b""

    # ---- the server's side -----------------------------------------------------------------

    def _look_at_server(
        self, number: int, state: _State, segment: tuple[int, float, bytes, int]
    ) -> None:
        if segment[0] != _SERVER:
            return
        state.server += segment[2]
        record = _first_record(state.server)
        if record is None:
            if len(state.server) > _MOST_WAITING or _is_other(state.server):
                self._forget(number, state)
            return
        size = record[_SESSION_ID_AT] if len(record) > _SESSION_ID_AT else 0
        self._remember(record[_SESSION_ID_AT + 1 : _SESSION_ID_AT + 1 + size], state.worker)
        if not state.offers_ticket:
            self._forget(number, state)
            return
        done, ticket = _find_ticket(state.server)
        if ticket:
            self._remember(ticket, state.worker)
        if done or len(state.server) > _MOST_WATCHED:
            self._forget(number, state)

    def _remember(self, name: bytes, worker: int) -> None:
        if name:
            self._sessions[name] = worker + 1  # so that none of them counts as unknown
            if len(self._sessions) > _MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))

    def _forget(self, number: int, state: _State) -> None:
        """Look no longer; what is held goes out with the next forward."""
        if self._states.pop(number, None) is not None and state.segments and state.worker >= 0:
            self._forward(state.worker, number, state.segments)
            state.segments = []


def _is_other(data: bytes) -> bool:
    """Whether this is no handshake record of TLCP, whatever follows."""
    return not b"\x16\x01\x01".startswith(data[:3])


def _first_record(data: bytes) -> bytes | None:
    """The first record with its header, None if it is not there or none of a handshake."""
    if len(data) < HEADER_BYTES or _is_other(data):
        return None
    end = HEADER_BYTES + int.from_bytes(data[3:5], "big")
    return data[:end] if len(data) >= end else None


def _read_hello(record: bytes) -> _Hello | None:
    if len(record) <= _SESSION_ID_AT:
        return None
    size = record[_SESSION_ID_AT]
    session_id = record[_SESSION_ID_AT + 1 : _SESSION_ID_AT + 1 + size]
    if _TICKET_TYPE not in record:  # spares the parsing of nearly all
        return _Hello(session_id, b"", offers_ticket=False)
    try:
        hello = decode_handshake(record[HEADER_BYTES:])
    except TLCPError:
        return _Hello(session_id, b"", offers_ticket=True)
    found = (
        find_extension(hello.extensions, ExtensionType.SESSION_TICKET)
        if isinstance(hello, ClientHello)
        else None
    )
    return _Hello(session_id, found.data if found is not None else b"", found is not None)


def _find_ticket(data: bytes) -> tuple[bool, bytes]:
    """Whether no ticket can follow any more, and the ticket if it is there."""
    at, handshake = 0, bytearray()
    while len(data) >= at + HEADER_BYTES:
        end = at + HEADER_BYTES + int.from_bytes(data[at + 3 : at + 5], "big")
        if data[at] != ContentType.HANDSHAKE:
            return True, b""
        if len(data) < end:
            break
        handshake += data[at + HEADER_BYTES : end]
        at = end
        while len(handshake) >= 4:
            size = 4 + int.from_bytes(handshake[1:4], "big")
            if len(handshake) < size:
                break
            if handshake[0] == HandshakeType.NEW_SESSION_TICKET:
                return True, _ticket(bytes(handshake[:size]))
            del handshake[:size]
    return False, b""


def _ticket(message: bytes) -> bytes:
    try:
        parsed = decode_handshake(message)
    except TLCPError:
        return b""
    return parsed.ticket if isinstance(parsed, NewSessionTicket) else b""
