"""What reassembly gives: conversations, their segments, and how long anything is waited for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tlcp.inspect.directions import Direction
from tlcp.inspect.packets import Endpoint, endpoints

__all__ = ["Conflict", "Conversation", "Limits", "Segment"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long something is waited for, and how much memory that may take.

    Attributes:
        conversation_bytes: held of one conversation, with what Python needs to hold them.
        total_bytes: held of all conversations.
        pieces: held of one conversation.
        hole_s: how long a hole may stay open.
        seen_hole_s: the same if the other side says that it has these bytes: then they were not
            captured, or are late in the capture.
        seen_hole_packets: as many packets of the conversation may come meanwhile.
        settle_s: how long an earlier first byte is waited for, where no SYN was seen.
        settle_packets: as many packets may come meanwhile.
        reset_s: how long a connection that was reset stays open for packets that come late.
        window: a segment further away, in bytes, belongs to something else.
        open: conversations open at once; the ones that were silent longest are given up.
        closed: closed conversations that are remembered, to know their late packets.
    """

    conversation_bytes: int = 1 << 22
    total_bytes: int = 1 << 28
    pieces: int = 4096
    hole_s: float = 60.0
    seen_hole_s: float = 1.0
    seen_hole_packets: int = 128
    settle_s: float = 1.0
    settle_packets: int = 32
    reset_s: float = 1.0
    window: int = 1 << 26
    open: int = 1 << 17
    closed: int = 1 << 14


class Segment(NamedTuple):
    """Bytes of one side, in their order.

    Attributes:
        sender: 0 is the side that opened: by its SYN, else by speaking first.
        time_s: when the packet with them was captured.
        data: the bytes; none where a hole is at the end.
        lost: bytes missing right before them.
    """

    sender: int
    time_s: float
    data: bytes
    lost: int


class Conflict(NamedTuple):
    """A second copy of some bytes differed from the first, which was taken."""

    sender: int
    time_s: float
    position: int
    length: int


class Conversation:
    """One TCP connection.

    Attributes:
        number: counted from 0 in the order of the first packets.
        endpoints: the side that opened, and the other.
        start_s: when the first packet was captured.
        last_s: when the latest one was.
        whole: it was seen from its SYN on.
        ending: "" while it is open; then "closed", "reset", "replaced" (by a new connection with
            the same ports), "silent" (too many others were open) or "end of capture".
        lost: bytes that are missing of each side.
        conflicts: copies that differed; the first 16.
        segments: what ``conversations`` collects; else empty.
        left_out: bytes that it did not collect, as its limit says.
    """

    __slots__ = (
        "armed",
        "conflicts",
        "due",
        "ending",
        "endpoints",
        "flow",
        "last_s",
        "left_out",
        "lost",
        "number",
        "opened",
        "packets",
        "plain",
        "reset_s",
        "segments",
        "sides",
        "start_s",
        "waiting_for",
        "waiting_packets",
        "waiting_s",
        "whole",
    )

    def __init__(self, number: int, flow: bytes, time_s: float) -> None:
        self.number = number
        self.endpoints: tuple[Endpoint, Endpoint] = endpoints(flow)
        self.start_s = self.last_s = time_s
        self.whole = False
        self.ending = ""
        self.lost = [0, 0]
        self.conflicts: list[Conflict] = []
        self.segments: list[Segment] = []
        self.left_out = 0
        # from here on for the assembler alone
        self.flow = flow
        self.sides = (Direction(0), Direction(1))
        self.opened = False
        self.plain = False  # both sides are settled, and nothing is held
        self.packets = 0  # until it was settled
        self.waiting_for = 0  # the first held piece, by its arrival
        self.waiting_s = math.inf  # since when it is that one
        self.waiting_packets = 0
        self.reset_s = math.inf  # when it was reset
        self.due = math.inf  # when something is given up
        self.armed = math.inf  # when the assembler looks at it again

    def __repr__(self) -> str:
        ends = f"{self.endpoints[0]} > {self.endpoints[1]}"
        return f"<Conversation {self.number} {ends} {self.ending or 'open'}>"

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    @property
    def settled(self) -> bool:
        """It is known where both sides begin, as far as they were seen."""
        first, second = self.sides
        return (first.settled or first.base is None) and (second.settled or second.base is None)

    @property
    def held(self) -> int:
        """How many pieces are held."""
        return len(self.sides[0].held) + len(self.sides[1].held)

    @property
    def held_bytes(self) -> int:
        """What the held pieces cost."""
        return self.sides[0].held_bytes + self.sides[1].held_bytes
