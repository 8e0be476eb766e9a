"""A live capture in which nothing more comes: what is over is told when its time has passed."""

from __future__ import annotations

from itertools import groupby

from support.captured import TAKEN_S, connections, secrets_of
from support.capturing import ACK, RST, Talk
from tlcp.inspect.live import Live
from tlcp.inspect.report import ConnectionReport


def test_a_reset_ends_a_connection_without_another_packet() -> None:
    name, ended = "tongsuo-ecc-gcm", list[ConnectionReport]()
    live = Live(
        secrets_of(name),
        None,
        on_begin=lambda *_: None,
        on_handshake=lambda _: None,
        on_end=lambda report, _: ended.append(report),
    )
    talk = Talk(time_s=TAKEN_S).shake()
    for pieces in connections(name):
        for sender, group in groupby(pieces, lambda piece: piece.sender):
            talk.send(sender, b"".join(piece.data for piece in group))
    talk.send(0, flags=RST | ACK)
    for packet in talk.packets:
        live.feed(packet)
    assert not ended  # packets may come late
    live.tick(talk.time_s)
    assert not ended
    live.tick(talk.time_s + 2)
    assert [report.dissection.ended["client"] for report in ended] == ["reset"]
    live.finish()
    assert len(ended) == live.ended == 1
