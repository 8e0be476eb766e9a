"""What a client that is not authenticated can leave with a server, and the memory that it takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from support.ends import NOW, Side, drain, world
from support.mutants import record
from tlcp.connection import Connection
from tlcp.registry import ContentType
from tlcp.wire.messages import Certificate, ClientHello, Extension

__all__ = ["BOUND_BYTES", "LEFT", "held_by_one", "hello"]

#: What one connection may hold before its client is authenticated; ``docs/limits.md`` says so.
BOUND_BYTES = 384 << 10
_ENDS = 8
_PIECE_BYTES = 4096


def held_by_one(feed: bytes, make: Callable[[], Connection]) -> int:
    """Bytes that a connection holds after these bytes of its peer, on average over a few."""
    _fed(make(), feed)  # what is made once and kept for all
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        ends = [_fed(make(), feed) for _ in range(_ENDS)]
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) // len(ends)
    finally:
        tracemalloc.stop()


def _fed(end: Connection, feed: bytes) -> Connection:
    side = Side()
    for at in range(0, len(feed), _PIECE_BYTES):
        end.receive_data(feed[at : at + _PIECE_BYTES])
        drain(end, side)
    if side.error is not None:
        raise side.error
    end.data_to_send()
    return end


def hello(**changes: object) -> bytes:
    """A ClientHello of one suite, with changes."""
    base = {
        "version": 0x0101,
        "random": bytes(32),
        "session_id": b"",
        "cipher_suites": (0xE053,),
        "compression_methods": b"\0",
        "extensions": None,
    }
    return ClientHello(**(base | changes)).encode()  # type: ignore[arg-type]


HELLO = record(ContentType.HANDSHAKE, hello())
PADDING = Extension(0xFFFE, bytes((1 << 16) - 200))
LONG_HELLO = b"".join(
    record(ContentType.HANDSHAKE, hello(extensions=(PADDING,))[at : at + 16384])
    for at in range(0, 1 << 16, 16384)
)
#: What a client that is not authenticated can leave with a server.
LEFT = {
    "nothing": b"",
    "half a record": HELLO[:5] + bytes(1),
    "half a record, the longest": record(ContentType.HANDSHAKE, bytes(16384))[:-1],
    "half a message, the longest": b"".join(
        record(ContentType.HANDSHAKE, part)
        for part in (b"\1\0\xff\xfc" + bytes(16380), bytes(16384), bytes(16384), bytes(16383))
    ),
    "a hello": HELLO,
    "a hello, the longest": LONG_HELLO,
    "a hello and half of a list, the longest": LONG_HELLO
    + record(ContentType.HANDSHAKE, b"\x0b\0\xff\xfc" + bytes(16380))
    + record(ContentType.HANDSHAKE, bytes(16384)) * 2
    + record(ContentType.HANDSHAKE, bytes(16383)),
}


def _stolen_list() -> bytes:
    """Somebody's real pair, which is no secret, and as many other certificates as are taken."""
    identity = world().client
    others = [world().stranger.issue_pair(f"other{n}", now=NOW) for n in range(15)]
    ders = [identity.sign_cert.der]
    if identity.enc_cert is not None:
        ders.append(identity.enc_cert.der)
    for other in others:
        ders += [other.identity.sign_cert.der]
        ders += [other.identity.enc_cert.der] if other.identity.enc_cert is not None else []
    return Certificate(tuple(ders[:32])).encode()


LEFT["a stolen list of certificates"] = LONG_HELLO + record(ContentType.HANDSHAKE, _stolen_list())
