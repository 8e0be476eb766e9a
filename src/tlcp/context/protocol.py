"""The two kinds of context."""

from __future__ import annotations

import enum

__all__ = ["PROTOCOL_TLCP_CLIENT", "PROTOCOL_TLCP_SERVER", "Protocol"]


class Protocol(enum.IntEnum):
    """What a context is for; the twins of ``ssl.PROTOCOL_TLS_CLIENT`` and ``_SERVER``."""

    PROTOCOL_TLCP_CLIENT = 0x0101_0010
    PROTOCOL_TLCP_SERVER = 0x0101_0011


PROTOCOL_TLCP_CLIENT = Protocol.PROTOCOL_TLCP_CLIENT
PROTOCOL_TLCP_SERVER = Protocol.PROTOCOL_TLCP_SERVER
