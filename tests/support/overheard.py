"""Connections of our own ends, overheard: what went over the wire, and their report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from support.captured import Piece
from support.ends import NOW, Side, drain, run, world
from tlcp.connection import Connection
from tlcp.inspect.model import Ending
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.secrets import Secrets
from tlcp.x509.trust import TrustStore

__all__ = ["Overheard", "converse", "overhear"]

Tamper = Callable[[str, bytes], bytes]


@dataclass
class Overheard:
    """The pieces of a connection, and what may open it."""

    pieces: list[Piece] = field(default_factory=list)
    secrets: Secrets = field(default_factory=Secrets)

    def wire(self, sender: str, data: bytes) -> bytes:
        """Listen."""
        self.pieces.append(Piece(("client", "server").index(sender), NOW.timestamp(), data))
        return data

    def report(
        self,
        trust: TrustStore | None = None,
        host: str | None = None,
        ended: Ending = "fin",
        name: str = "1",
    ) -> ConnectionReport:
        """Examine what was heard."""
        examiner = Examiner(self.secrets, name=name)
        for piece in self.pieces:
            examiner.feed(piece)
        return examiner.finish(
            trust=trust or world().trust, host=host, client_end=ended, server_end=ended
        )


def overhear(one: Connection, other: Connection, tamper: Tamper | None = None) -> Overheard:
    """Carry bytes between two ends, changed on the way if asked, and hear what arrives."""
    heard = Overheard()

    def wire(sender: str, data: bytes) -> bytes:
        return heard.wire(sender, tamper(sender, data) if tamper is not None else data)

    run(one, other, wire)
    return heard


def converse(client: Connection, server: Connection) -> Overheard:
    """A handshake, a question, an answer, and both close."""
    heard = overhear(client, server)
    client.send_data(b"question")
    run(client, server, heard.wire)
    server.send_data(b"answer")
    run(server, client, heard.wire)
    client.close()
    run(client, server, heard.wire)
    drain(server, Side())
    server.close()
    run(server, client, heard.wire)
    return heard
