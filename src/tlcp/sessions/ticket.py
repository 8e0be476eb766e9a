"""Tickets: a session's state, sealed for the client to keep.

A ticket is name (16) || nonce (12) || SM4-GCM(state) (with its 16-byte tag), the name being
authenticated too.

Spec: RFC 5077 4 (a recommendation; nobody but the server reads its tickets)
"""

from __future__ import annotations

from collections.abc import Callable

from tlcp.crypto.sm4 import NONCE_BYTES, SM4Key
from tlcp.sessions.session import TicketKey, TicketKeys

__all__ = ["MAX_TICKET_BYTES", "NAME_BYTES", "open_ticket", "seal_ticket"]

NAME_BYTES = 16
MAX_TICKET_BYTES = 2**16 - 1


def seal_ticket(key: TicketKey, state: bytes, random: Callable[[int], bytes]) -> bytes:
    """Seal a state.

    Raises:
        ValueError: the ticket would be longer than a NewSessionTicket can be.
    """
    nonce = random(NONCE_BYTES)
    ticket = key.name + nonce + SM4Key(key.key).gcm_encrypt(nonce, state, key.name)
    if len(ticket) > MAX_TICKET_BYTES:
        raise ValueError(f"a ticket of {len(ticket)} bytes; at most {MAX_TICKET_BYTES} fit")
    return ticket


def open_ticket(keys: TicketKeys, ticket: bytes) -> tuple[bytes, bool] | None:
    """The state, and whether the newest key sealed it; None for anything that is no ticket of ours.

    Raises:
        Exception: whatever ``keys`` raises when it is out of reach.
    """
    name, nonce = ticket[:NAME_BYTES], ticket[NAME_BYTES : NAME_BYTES + NONCE_BYTES]
    if len(nonce) != NONCE_BYTES or (key := keys.named(name)) is None:
        return None
    state = SM4Key(key.key).gcm_decrypt(nonce, ticket[NAME_BYTES + NONCE_BYTES :], name)
    return None if state is None else (state, name == keys.newest().name)
