"""Who is the client, where the capture begins after the TCP connection was opened.

Spec: GB/T 38636-2020 6.4.2
"""

from __future__ import annotations

from typing import Final

from tlcp.record.framing import HEADER_BYTES
from tlcp.registry import ContentType, HandshakeType

__all__ = ["opens"]

_OF_SERVER: Final = frozenset(
    (
        HandshakeType.SERVER_HELLO,
        HandshakeType.NEW_SESSION_TICKET,
        HandshakeType.SERVER_KEY_EXCHANGE,
        HandshakeType.CERTIFICATE_REQUEST,
        HandshakeType.SERVER_HELLO_DONE,
    )
)
_OF_CLIENT: Final = frozenset(
    (
        HandshakeType.CLIENT_HELLO,
        HandshakeType.CERTIFICATE_VERIFY,
        HandshakeType.CLIENT_KEY_EXCHANGE,
    )
)
_MAJORS: Final = (1, 3)  # of TLCP, and of TLS, whose messages have the same numbers
_LARGEST_MESSAGE: Final = 1 << 17  # bytes; what claims more is encrypted


def opens(data: bytes) -> bool | None:
    """Tell by the first message of a side whether it is the client.

    Args:
        data: the first bytes that were seen of it.

    Returns:
        True of the client, False of the server, None if they do not tell.
    """
    head = data[: HEADER_BYTES + 4]
    if len(head) < HEADER_BYTES + 4 or head[0] != ContentType.HANDSHAKE or head[1] not in _MAJORS:
        return None
    kind = head[HEADER_BYTES]
    if int.from_bytes(head[HEADER_BYTES + 1 :], "big") > _LARGEST_MESSAGE:
        return None
    if kind in _OF_CLIENT:
        return True
    return False if kind in _OF_SERVER else None
