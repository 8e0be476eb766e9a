"""The connections of ``vectors/captures`` as pieces of TCP streams, and cut in many ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.pcap import Stream, read_streams
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.inspect.report import ConnectionReport, Examiner
from tlcp.inspect.secrets import Secrets
from tlcp.x509.trust import TrustStore

CAPTURES = Path(__file__).parent.parent / "vectors" / "captures"
TAKEN_S = 1795454400.0  # 2026-11-23 17:20 UTC, when the captures were taken
SERVER_ENC_KEY = SM2PrivateKey(
    bytes.fromhex("4d3d39f76cdddec9bec2fa6664bd700dc90c619d3c4b9c5520a6d9c3009a3765")
)
TRUST = TrustStore.from_pem_file(CAPTURES / "pki" / "ca.crt")


class Piece(NamedTuple):
    """A piece of a stream, as TCP delivers it."""

    sender: int
    time_s: float
    data: bytes
    lost: int = 0


def captures() -> list[str]:
    """The names of all captures."""
    return sorted(path.stem for path in CAPTURES.glob("*.pcap"))


def records_of(data: bytes) -> list[bytes]:
    """A stream cut at the borders of its records."""
    records = []
    while data:
        end = 5 + int.from_bytes(data[3:5], "big")
        records.append(data[:end])
        data = data[end:]
    return records


def in_order(stream: Stream) -> list[Piece]:
    """One piece for each record, in an order in which they can have been sent."""
    client, server = records_of(bytes(stream.client)), records_of(bytes(stream.server))
    hello = next((i for i, r in enumerate(server) if r[0] == 22 and r[5] == 14), -1) + 1
    ends = [next(i for i, r in enumerate(side) if r[0] == 20) + 2 for side in (client, server)]
    flights = [
        (0, client[:1]),
        (1, server[:hello]),
        *([(0, client[1 : ends[0]])] if hello else []),
        (1, server[hello : ends[1]]),
        *([] if hello else [(0, client[1 : ends[0]])]),
        (0, client[ends[0] :]),
        (1, server[ends[1] :]),
    ]
    return [Piece(side, TAKEN_S, record) for side, flight in flights for record in flight]


def secrets_of(name: str, *, key: bool = False) -> Secrets:
    """The key log of a capture, or the server's encryption key."""
    secrets, keys = Secrets(), CAPTURES / f"{name}.keys"
    if key or not keys.exists():
        secrets.add_key(SERVER_ENC_KEY)
    else:
        secrets.add_key_log_file(keys)
    return secrets


def connections(name: str) -> Iterator[list[Piece]]:
    """The pieces of each connection of a capture."""
    for stream in read_streams(CAPTURES / f"{name}.pcap"):
        yield in_order(stream)


def examine_all(name: str, secrets: Secrets | None = None) -> list[ConnectionReport]:
    """The reports of a capture's connections."""
    known = secrets if secrets is not None else secrets_of(name)
    return [
        examine_pieces(pieces, known, name=str(number))
        for number, pieces in enumerate(connections(name), 1)
    ]


def examine_pieces(
    pieces: list[Piece], secrets: Secrets | None = None, *, name: str = "1"
) -> ConnectionReport:
    """The report of one connection, both TCP streams ended by FIN."""
    examiner = Examiner(secrets, name=name)
    for piece in pieces:
        examiner.feed(piece)
    return examiner.finish(trust=TRUST, client_end="fin", server_end="fin")
