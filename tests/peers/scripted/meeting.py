"""Our connection and a scripted peer, brought together without a transport."""

from __future__ import annotations

from peers.scripted.peer import ScriptedPeer
from support.ends import Side, drain
from tlcp.connection import Connection


def meet(ours: Connection, peer: ScriptedPeer, side: Side | None = None) -> Side:
    """Carry bytes until both are silent; a peer that hangs up ends our stream.

    Each of the peer's TCP segments reaches us by itself.
    """
    side = side or Side()
    while True:
        said = ours.data_to_send()
        peer.feed(said)
        segments = peer.take()
        for segment in segments:
            if side.error is None:
                ours.receive_data(segment)
                drain(ours, side)
        if peer.hung_up and side.error is None:
            ours.receive_eof()
            drain(ours, side)
        if not said and not segments:
            return side
