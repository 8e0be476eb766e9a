"""Whole conversations of a capture, one after the other, for whoever needs no callbacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from tlcp.inspect.conversation import Conversation, Limits, Segment
from tlcp.inspect.directions import PIECE_COST
from tlcp.inspect.packets import TCPPacket
from tlcp.inspect.streams import Assembler

__all__ = ["conversations"]


def conversations(
    packets: Iterable[TCPPacket],
    limits: Limits | None = None,
    *,
    keep_bytes: int = 1 << 24,
    keep_total: int = 1 << 30,
) -> Iterator[Conversation]:
    """Give each conversation when it is over, with its segments.

    Args:
        packets: in the order of the capture.
        limits: how long something is waited for.
        keep_bytes: kept of one conversation; what is more is only counted, in ``left_out``.
        keep_total: the same for all that are open together.
    """
    over: deque[Conversation] = deque()
    sizes: dict[int, int] = {}
    total = 0

    def collect(conversation: Conversation, segment: Segment) -> None:
        nonlocal total
        size, kept = len(segment.data), sizes.get(conversation.number, 0)
        cost = size + PIECE_COST
        if conversation.left_out or kept + cost > keep_bytes or total + cost > keep_total:
            conversation.left_out += size
            return
        sizes[conversation.number] = kept + cost
        total += cost
        conversation.segments.append(segment)

    def close(conversation: Conversation) -> None:
        nonlocal total
        total -= sizes.pop(conversation.number, 0)
        over.append(conversation)

    assembler = Assembler(_nothing, collect, close, limits)
    for packet in packets:
        assembler.feed(packet)
        while over:
            yield over.popleft()
    assembler.finish()
    yield from over


def _nothing(_: Conversation) -> None:
    """Do nothing when a conversation begins."""
