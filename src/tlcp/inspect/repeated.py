"""Messages that one server sends again and again, parsed once.

Spec: GB/T 38636-2020 6.4.3, 6.4.4, 6.4.5
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tlcp.registry import HandshakeType
from tlcp.wire.messages import Alert, ChangeCipherSpec, Handshake, decode_handshake

__all__ = ["parse_alert", "parse_change_cipher_spec", "parse_handshake"]

_KEPT: Final = 256
_KEPT_BYTES: Final = 1 << 14  # longer messages are read each time
_REPEATED: Final = frozenset(
    map(
        int,
        (
            HandshakeType.CERTIFICATE,
            HandshakeType.CERTIFICATE_REQUEST,
            HandshakeType.SERVER_HELLO_DONE,
        ),
    )
)


def parse_handshake(data: bytes) -> Handshake:
    """One whole handshake message, header included.

    Raises:
        UnexpectedMessage: the type is unknown.
        DecodeError: the lengths or values are wrong; names message and field.
    """
    if data and data[0] in _REPEATED and len(data) <= _KEPT_BYTES:
        return _handshake(data)
    return decode_handshake(data)


@lru_cache(_KEPT)
def _handshake(data: bytes) -> Handshake:
    return decode_handshake(data)


@lru_cache(_KEPT)
def parse_alert(data: bytes) -> Alert:
    """An alert of two bytes."""
    return Alert.from_bytes(data)


def parse_change_cipher_spec(data: bytes) -> ChangeCipherSpec:
    """The body of a ChangeCipherSpec record.

    Raises:
        DecodeError: it has not one byte.
    """
    return _CHANGE if data == b"\1" else ChangeCipherSpec.from_bytes(data)


_CHANGE: Final = ChangeCipherSpec.from_bytes(b"\1")
