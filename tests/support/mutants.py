"""Ends that misbehave: ``Connection`` with its outgoing messages changed on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tlcp.connection import Connection
from tlcp.registry import ContentType, HandshakeType
from tlcp.x509.identity import Identity

__all__ = ["CCS", "dropped", "edited", "forged_identity", "inserted", "repeated", "swapped"]

#: How ChangeCipherSpec stands in a list of messages to send.
CCS = b"ChangeCipherSpec"

#: (how many messages went before, this one) -> what to send instead
Change = Callable[[int, bytes], Sequence[bytes]]


class _Mutant(Connection):
    """Sends what ``change`` makes of each message; its own transcript knows nothing of it."""

    change: Change

    def send_handshake(self, raw: bytes) -> None:
        self._send_changed(raw)

    def send_change_cipher_spec(self) -> None:
        self._send_changed(CCS)

    def _send_changed(self, message: bytes) -> None:
        count = self.__dict__.setdefault("_count", 0)
        self.__dict__["_count"] = count + 1
        for item in type(self).change(count, message):
            if item == CCS:
                super().send_change_cipher_spec()
            else:
                super().send_handshake(item)


def _mutant(change: Change) -> type[_Mutant]:
    return type("Mutant", (_Mutant,), {"change": staticmethod(change)})


def dropped(index: int) -> type[_Mutant]:
    """Leaves out its message number ``index`` (from 0; ChangeCipherSpec counts)."""
    return _mutant(lambda count, message: [] if count == index else [message])


def repeated(index: int) -> type[_Mutant]:
    """Sends one message twice."""
    return _mutant(lambda count, message: [message] * (2 if count == index else 1))


def inserted(index: int, extra: bytes) -> type[_Mutant]:
    """Sends a foreign message before its message number ``index``."""
    return _mutant(lambda count, message: [extra, message] if count == index else [message])


def swapped(index: int) -> type[_Mutant]:
    """Sends message number ``index`` after the one that follows it."""
    held: list[bytes] = []

    def change(count: int, message: bytes) -> Sequence[bytes]:
        if count == index:
            held.append(message)
            return []
        if count == index + 1:
            return [message, *held]
        return [message]

    return _mutant(change)


def edited(kind: HandshakeType, edit: Callable[[bytes], bytes]) -> type[_Mutant]:
    """Changes the body of one kind of message; its length field is mended."""

    def change(_: int, message: bytes) -> Sequence[bytes]:
        if message == CCS or message[0] != kind:
            return [message]
        body = edit(message[4:])
        return [message[:1] + len(body).to_bytes(3, "big") + body]

    return _mutant(change)


def record(content_type: ContentType, data: bytes, version: bytes = b"\1\1") -> bytes:
    """A record in clear."""
    return bytes((content_type,)) + version + len(data).to_bytes(2, "big") + data


def forged_identity(base: Identity, **fields: object) -> Identity:
    """An identity with fields changed past its checks, as an enemy would have it."""
    forged = object.__new__(Identity)
    for name in ("sign_cert", "sign_key", "enc_cert", "enc_key", "chain"):
        object.__setattr__(forged, name, fields.get(name, getattr(base, name)))
    object.__setattr__(forged, "_lists", {})  # what it has made ready of the honest one
    return forged
