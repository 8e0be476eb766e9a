"""TCP segments to streams: in order, the first copy of each byte, every hole stated.

A segment whose turn has not come is held. That is so while bytes before it are missing, and while
its sender had read more of the other side than was seen here: so an answer never comes before
its question, however the packets were mixed. What is missing for too long is given up, as
``Limits`` says; then the next segment states how many bytes are lost.

Nothing here waits or looks at a clock: time is that of the packets.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from tlcp.inspect.conversation import Conflict, Conversation, Limits, Segment
from tlcp.inspect.directions import Direction, Piece
from tlcp.inspect.packets import TCPPacket

__all__ = ["Assembler"]

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_HALF, _MASK = 1 << 31, (1 << 32) - 1
_RECENT = 256  # delivered segments that are remembered, to be compared with further copies
_MAX_CONFLICTS = 16  # told of one conversation
_SPARE = 1024  # entries of the agenda that may be out of date
_STRAYS = 8  # packets in a row that fit nowhere, until they are believed


OnConversation = Callable[[Conversation], object]
OnSegment = Callable[[Conversation, Segment], object]
_Entry = tuple[Conversation, Direction, Direction]


class Assembler:
    """Packets in, one by one; conversations and their segments out, through three callbacks.

    Args:
        on_open: gets a conversation when it is known which side opened it.
        on_segment: gets its bytes.
        on_close: gets it when it is over.
        limits: of time and memory.
        opens: where no SYN was seen: whether the first bytes of a side are those of the one that
            opened, or None if that cannot be told; then the side that speaks first did.
    """

    def __init__(
        self,
        on_open: OnConversation,
        on_segment: OnSegment,
        on_close: OnConversation,
        limits: Limits | None = None,
        opens: Callable[[bytes], bool | None] | None = None,
    ) -> None:
        self._opens = opens
        self._on_open = on_open
        self._on_segment = on_segment
        self._on_close = on_close
        self._limits = limits or Limits()
        self._flows: dict[bytes, _Entry] = {}
        self._open: dict[int, Conversation] = {}
        self._closed: deque[Conversation] = deque()
        self._holding: dict[int, Conversation] = {}  # in the order in which they began to hold
        self._held_bytes = 0
        self._recent: deque[tuple[Direction, int, bytes]] = deque(maxlen=_RECENT)
        self._agenda: list[tuple[float, int, Conversation]] = []
        self._next_due = math.inf
        self._clock = -math.inf
        self._count = 0  # conversations
        self._arrivals = 0
        self.ignored = 0  # packets that belong to no conversation, or to one that is over

    # ------------------------------------------------------------------ the way of most packets

    def feed(self, packet: TCPPacket) -> None:
        """Take one packet."""
        self.feed_all((packet,))

    def feed_all(self, packets: Iterable[TCPPacket]) -> None:
        """Take packets, as long as there are any."""
        find, on_segment, remember = self._flows.get, self._on_segment, self._recent.append
        make = tuple.__new__
        for packet in packets:
            time_s, flow, sequence, acknowledgement, flags, data, missing = packet
            if time_s > self._clock:
                self._clock = time_s
                if time_s >= self._next_due:
                    self.tick(time_s)
            entry = find(flow)
            if entry is None:
                self._first(packet)
                continue
            conversation, side, other = entry
            if (
                conversation.plain
                and sequence == side.expected
                and flags & 0x17 == _ACK
                and not missing
                # what it has read was seen here
                and (acknowledgement - other.expected - 1) & _MASK >= _HALF - 1
            ):
                conversation.last_s = time_s
                if data and not side.finished:
                    position, size = side.next, len(data)
                    side.next = position + size
                    side.expected = (sequence + size) & _MASK
                    remember((side, position, data))
                    side.strays = 0
                    on_segment(conversation, make(Segment, (side.sender, time_s, data, side.gap)))
                    side.gap = 0
            else:
                self._other(packet, conversation, side, other)

    def finish(self) -> None:
        """Say that no packet follows: give up all holes and close every conversation."""
        for conversation in list(self._open.values()):
            was_reset = conversation.reset_s < math.inf
            self._close(conversation, "reset" if was_reset else "end of capture")

    def tick(self, now_s: float) -> None:
        """Give up what was waited for too long; a live capture may call it when nothing comes."""
        self._clock = max(self._clock, now_s)
        while self._agenda and self._agenda[0][0] <= self._clock:
            when, _, conversation = heappop(self._agenda)
            if conversation.ending or conversation.armed != when:
                continue
            conversation.armed = math.inf
            if self._clock >= conversation.due:
                self._overdue(conversation)
            if not conversation.ending:
                self._plan(conversation)
        self._next_due = self._agenda[0][0] if self._agenda else math.inf

    # ------------------------------------------------------------------ beginnings

    def _first(self, packet: TCPPacket) -> None:
        """Take a packet of a flow that is not known."""
        if not packet.data and not packet.missing and not packet.flags & _SYN:
            self.ignored += 1  # the rest of a conversation that is over, or before its data
            return
        flow = packet.flow
        reverse = _reversed(flow)
        if packet.flags & _SYN and packet.flags & _ACK:
            flow, reverse = reverse, flow
        if len(self._open) >= self._limits.open:
            self._evict()
        conversation = Conversation(self._count, flow, packet.time_s)
        self._count += 1
        self._open[conversation.number] = conversation
        self._enter(conversation)
        self._other(packet, *self._flows[packet.flow])

    def _enter(self, conversation: Conversation) -> None:
        first, second = conversation.sides
        self._flows[conversation.flow] = (conversation, first, second)
        self._flows[_reversed(conversation.flow)] = (conversation, second, first)

    def _announce(self, conversation: Conversation) -> None:
        if not conversation.opened:
            conversation.opened = True
            self._on_open(conversation)

    def _evict(self) -> None:
        # many at once, because finding them takes a look at all
        count = max(1, self._limits.open // 8)
        for conversation in sorted(self._open.values(), key=_last_s)[:count]:
            self._close(conversation, "silent")
            self._forget(conversation)

    def _replace(self, packet: TCPPacket, conversation: Conversation) -> None:
        """Begin a new conversation with the ports of an old one."""
        if not conversation.ending:
            self._close(conversation, "replaced")
        self._forget(conversation)
        self._first(packet)

    def _syn(self, packet: TCPPacket, conversation: Conversation, side: Direction) -> bool:
        """Take a SYN; False if it is not for this conversation."""
        answer = bool(packet.flags & _ACK)
        if side.isn == packet.sequence:
            return True
        if conversation.ending or side.settled or side.isn is not None:
            return answer and not conversation.ending
        first = (packet.sequence + 1) & _MASK
        if side.base is None:
            side.begin(first)
        position = side.position(first)
        if side.held and not -self._limits.window < position <= side.held[0].position:
            return False
        side.isn = packet.sequence
        side.settle(position)
        if answer:
            self._answered(conversation, side, packet.acknowledgement)
        if not conversation.opened and (side.sender == 1) is not answer:
            self._turn(conversation)
        conversation.whole = True
        self._announce(conversation)
        return True

    def _answered(self, conversation: Conversation, side: Direction, sequence: int) -> None:
        """The answer to a SYN that was not seen tells where the other side begins."""
        first, second = conversation.sides
        other = second if side is first else first
        if other.base is None:
            other.begin(sequence)
        position = other.position(sequence)
        if not other.settled and abs(position - other.next) <= self._limits.window:
            other.isn = sequence - 1 & _MASK
            other.settle(position)

    def _turn(self, conversation: Conversation) -> None:
        """Swap the sides: who spoke first here did not open the connection."""
        first, second = conversation.sides
        first.sender, second.sender = 1, 0
        conversation.sides = (second, first)
        conversation.endpoints = (conversation.endpoints[1], conversation.endpoints[0])
        conversation.flow = _reversed(conversation.flow)
        self._enter(conversation)

    def _settle(self, conversation: Conversation) -> None:
        """Wait no longer for earlier bytes of a conversation without a SYN."""
        for side in conversation.sides:
            if side.base is not None and not side.settled:
                first = min(side.held[0].position, 0) if side.held else 0
                side.settle(first)
        if not conversation.opened and self._opens is not None:
            told = [
                self._opens(side.held[0].data) if side.held else None for side in conversation.sides
            ]
            if told[0] is False or (told[0] is None and told[1]):
                self._turn(conversation)
        self._announce(conversation)

    # ------------------------------------------------------------------ all other packets

    def _other(
        self, packet: TCPPacket, conversation: Conversation, side: Direction, other: Direction
    ) -> None:
        flags = packet.flags
        if flags & _SYN and not self._syn(packet, conversation, side):
            if flags & _ACK:
                self.ignored += 1
            else:
                self._replace(packet, conversation)
            return
        if conversation.ending:
            self._late(packet, conversation, side)
            return
        conversation.last_s = packet.time_s
        conversation.packets += 1
        needs = self._acknowledged(packet, other) if flags & _ACK else -1
        if flags & _RST:
            conversation.reset_s = min(conversation.reset_s, self._clock)
        elif packet.data or packet.missing or flags & _FIN:
            self._keep(packet, conversation, side, needs)
        self._advance(conversation)

    def _late(self, packet: TCPPacket, conversation: Conversation, side: Direction) -> None:
        """Take a packet of a conversation that is closed: a copy, or the middle of a new one."""
        known = side.base is not None
        near = known and abs(side.position(packet.sequence) - side.next) <= self._limits.window
        if near or not packet.data:
            self.ignored += 1
        else:
            self._replace(packet, conversation)

    def _acknowledged(self, packet: TCPPacket, other: Direction) -> int:
        """Note what the sender has read of the other side; return its position, or -1."""
        if other.base is None:
            # nothing was seen of the other side: here it goes on, or earlier
            other.begin(packet.acknowledgement)
        position = other.position(packet.acknowledgement)
        if position - other.next > self._limits.window:
            return -1
        if position > other.acked:
            other.acked = position
        return position

    def _keep(
        self, packet: TCPPacket, conversation: Conversation, side: Direction, needs: int
    ) -> None:
        """Hold what a packet brings; ``_advance`` delivers it, perhaps at once."""
        sequence = (packet.sequence + 1) & _MASK if packet.flags & _SYN else packet.sequence
        if side.base is None:
            side.begin(sequence)
        position = side.position(sequence)
        if abs(position - side.next) > self._limits.window:
            if not self._believe(conversation, side, position):
                self.ignored += 1
                return
            position = side.next
        side.strays = 0
        if side.finished:
            return
        stop = position + len(packet.data) + packet.missing
        position, data = self._news(conversation, side, position, packet)
        self._arrivals += 1
        arrival, time_s = self._arrivals, packet.time_s
        before = side.held_bytes
        if data or stop > max(position, side.next):
            missing = stop - position - len(data)
            piece = Piece(position, arrival, time_s, data, missing, needs, False)
            for at, length in side.hold(piece):
                self._conflict(conversation, side, at, length, time_s)
        if packet.flags & _FIN and stop >= side.next:
            side.hold(Piece(stop, arrival, time_s, b"", 0, needs, True))
        self._held_bytes += side.held_bytes - before

    def _news(
        self, conversation: Conversation, side: Direction, position: int, packet: TCPPacket
    ) -> tuple[int, bytes]:
        """Cut off what was delivered before; return the rest and where it begins."""
        data, old = packet.data, side.next - position
        if not side.settled or old <= 0:
            return position, data
        if len(data) <= 1 and old == 1:
            # keeps the connection alive; its byte, if any, means nothing
            return side.next, b""
        if data:
            self._compare(conversation, side, position, data, packet.time_s)
        old = min(old, len(data))
        return position + old, data[old:]

    def _believe(self, conversation: Conversation, side: Direction, position: int) -> bool:
        """Say whether to go on at a place far away, which takes several packets in a row."""
        side.strays += 1
        if side.strays < _STRAYS:
            return False
        self._flush(conversation)
        # at its old place everything is lost up to here; behind it, nobody can say how much
        self._lose(conversation, side, max(position - side.next, 0))
        side.base = ((side.base or 0) + position - side.next) & _MASK
        side.advance(side.next)
        side.acked = side.excused = side.next
        return True

    def _compare(
        self, conversation: Conversation, side: Direction, position: int, data: bytes, time_s: float
    ) -> None:
        """Compare a further copy with what was delivered, as far as that is remembered."""
        end = position + len(data)
        for owner, at, known in reversed(self._recent):
            if owner is not side or at >= end:
                continue
            start, stop = max(at, position), min(at + len(known), end)
            if start < stop:
                copy = data[start - position : stop - position]
                if copy != known[start - at : stop - at]:
                    self._conflict(conversation, side, start, stop - start, time_s)
            if at <= position:
                break  # what was delivered earlier lies before it

    def _conflict(
        self, conversation: Conversation, side: Direction, at: int, length: int, time_s: float
    ) -> None:
        if len(conversation.conflicts) < _MAX_CONFLICTS:
            conversation.conflicts.append(Conflict(side.sender, time_s, at, length))

    # ------------------------------------------------------------------ delivery

    def _advance(self, conversation: Conversation) -> None:
        """Deliver what can be, give up what must be, close what is over."""
        limits = self._limits
        if not conversation.settled and conversation.packets > limits.settle_packets:
            self._settle(conversation)
        self._drain(conversation)
        if conversation.held:
            self._wait(conversation)
            while self._too_much(conversation):
                self._give_up(conversation)
            self._note_holding(conversation)
        elif self._holding:
            self._holding.pop(conversation.number, None)
        while self._held_bytes > limits.total_bytes and self._holding:
            self._relieve(next(iter(self._holding.values())))
        if not conversation.ending:
            self._plan(conversation)

    def _note_holding(self, conversation: Conversation) -> None:
        if conversation.held:
            self._holding[conversation.number] = conversation
        else:
            self._holding.pop(conversation.number, None)

    def _wait(self, conversation: Conversation) -> None:
        """Count how long the first held piece waits; delivery of others does not matter."""
        head = _head(conversation)
        arrival = head[1].arrival if head else 0
        if arrival != conversation.waiting_for:
            conversation.waiting_for = arrival
            conversation.waiting_s, conversation.waiting_packets = self._clock, 0
        conversation.waiting_packets += 1

    def _too_much(self, conversation: Conversation) -> bool:
        limits = self._limits
        return bool(conversation.held) and (
            conversation.held > limits.pieces
            or conversation.held_bytes > limits.conversation_bytes
            or (
                conversation.waiting_packets > limits.seen_hole_packets
                and self._is_seen_hole(conversation)
            )
        )

    def _is_seen_hole(self, conversation: Conversation) -> bool:
        """Say whether the bytes that are waited for have reached the other side."""
        head = _head(conversation)
        if head is None:
            return False
        side, piece = head
        return piece.position <= side.next or side.acked > side.next

    def _plan(self, conversation: Conversation) -> None:
        """Work out when to look again, and whether the short way may be taken."""
        limits, (first, second) = self._limits, conversation.sides
        if first.finished and second.finished:
            self._close(conversation, "closed")
            return
        holds = bool(first.held or second.held)
        due = conversation.reset_s + limits.reset_s
        if not conversation.settled:
            due = min(due, conversation.start_s + limits.settle_s)
        elif holds:
            seen = self._is_seen_hole(conversation)
            patience = limits.seen_hole_s if seen else limits.hole_s
            due = min(due, conversation.waiting_s + patience)
        conversation.due = due
        conversation.plain = first.settled and second.settled and not holds
        if due < conversation.armed:
            conversation.armed = due
            if len(self._agenda) > 2 * len(self._open) + _SPARE:
                self._tidy()
            heappush(self._agenda, (due, conversation.number, conversation))
            self._next_due = self._agenda[0][0]

    def _tidy(self) -> None:
        """Drop what is out of date, for time may stand still and never come to it."""
        self._agenda = [
            entry for entry in self._agenda if not entry[2].ending and entry[2].armed == entry[0]
        ]
        heapify(self._agenda)

    def _overdue(self, conversation: Conversation) -> None:
        if conversation.reset_s + self._limits.reset_s <= self._clock:
            self._close(conversation, "reset")
        elif not conversation.settled:
            self._settle(conversation)
            self._advance(conversation)
        else:
            self._give_up(conversation)
            self._advance(conversation)

    def _drain(self, conversation: Conversation) -> None:
        """Deliver all whose turn has come."""
        first, second = conversation.sides
        while True:
            ready = None
            for side, other in ((first, second), (second, first)):
                if not side.held or not side.settled:
                    continue
                piece = side.held[0]
                waits = other.settled or other.held  # else nothing of the other side may ever come
                if piece.position > side.next or (
                    waits and piece.needs > other.next and piece.needs > other.excused
                ):
                    continue
                if ready is None or piece.arrival < ready.held[0].arrival:
                    ready = side
            if ready is None:
                return
            self._deliver(conversation, ready)

    def _deliver(self, conversation: Conversation, side: Direction) -> None:
        before = side.held_bytes
        piece = side.pop()
        self._announce(conversation)
        if piece.fin:
            side.finished = True
            side.advance(side.next + 1)
            while side.held:  # nothing can follow a FIN
                side.pop()
            self._held_bytes -= before - side.held_bytes
            return
        self._held_bytes -= before - side.held_bytes
        cut = side.next - piece.position
        data = piece.data[cut:]
        stop = piece.position + len(piece.data) + piece.missing
        if data:
            self._recent.append((side, side.next, data))
            side.advance(side.next + len(data))
            lost, side.gap = side.gap, 0
            self._on_segment(conversation, Segment(side.sender, piece.time_s, data, lost))
        if side.held:
            stop = min(stop, side.held[0].position)
        self._lose(conversation, side, stop - side.next)

    def _lose(self, conversation: Conversation, side: Direction, count: int) -> None:
        if count > 0:
            side.gap += count
            conversation.lost[side.sender] += count
            side.advance(side.next + count)

    def _give_up(self, conversation: Conversation) -> None:
        """Wait no longer for what the oldest held piece waits for."""
        if not conversation.settled:
            self._settle(conversation)
        head = _head(conversation)
        if head is not None:
            side, piece = head
            if piece.position > side.next:
                self._lose(conversation, side, piece.position - side.next)
            else:
                other = conversation.sides[1 - side.sender]
                other.excused = max(other.excused, piece.needs)
        self._drain(conversation)

    def _flush(self, conversation: Conversation) -> None:
        """Deliver all that is held."""
        if not conversation.settled:
            self._settle(conversation)
        self._drain(conversation)
        while conversation.held:
            self._give_up(conversation)

    def _relieve(self, conversation: Conversation) -> None:
        """Free the memory of a conversation, because all together hold too much."""
        self._flush(conversation)
        self._holding.pop(conversation.number, None)
        if not conversation.ending:
            self._plan(conversation)

    # ------------------------------------------------------------------ ends

    def _close(self, conversation: Conversation, ending: str) -> None:
        self._flush(conversation)
        self._holding.pop(conversation.number, None)
        for side in conversation.sides:
            unseen = side.acked - side.next
            if conversation.sides[1 - side.sender].finished or unseen == 1:
                # a FIN is acknowledged as one byte more: where the other side ended it did too, and
                # nobody sends a record's last byte alone
                unseen -= 1
            if side.settled and not side.finished:
                self._lose(conversation, side, unseen)
            if side.gap:
                lost, side.gap = side.gap, 0
                self._on_segment(conversation, Segment(side.sender, conversation.last_s, b"", lost))
        self._announce(conversation)
        conversation.ending = ending
        conversation.plain = False
        del self._open[conversation.number]
        self._closed.append(conversation)
        if len(self._closed) > self._limits.closed:
            self._forget(self._closed.popleft())
        self._on_close(conversation)

    def _forget(self, conversation: Conversation) -> None:
        for flow in (conversation.flow, _reversed(conversation.flow)):
            entry = self._flows.get(flow)
            if entry is not None and entry[0] is conversation:
                del self._flows[flow]


def _head(conversation: Conversation) -> tuple[Direction, Piece] | None:
    """Return the side whose first held piece came first of both, and that piece."""
    heads = [(side.held[0].arrival, side) for side in conversation.sides if side.held]
    if not heads:
        return None
    side = min(heads, key=_arrival)[1]
    return side, side.held[0]


def _arrival(head: tuple[int, Direction]) -> int:
    return head[0]


def _last_s(conversation: Conversation) -> float:
    return conversation.last_s


def _reversed(flow: bytes) -> bytes:
    size = (len(flow) - 4) // 2
    return flow[size : 2 * size] + flow[:size] + flow[-2:] + flow[-4:-2]
