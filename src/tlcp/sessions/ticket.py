"""Session tickets: a state, sealed, for the client to keep.

::

    struct {
        opaque name[16];                 names the key, in clear and authenticated
        opaque nonce[12];
        opaque sealed<16..>;             SM4-GCM of the state, with the tag; no length in front
    } ticket;

RFC 5077 4 recommends AES-CBC with a MAC and leaves the choice to the server: nobody else opens
its tickets.

Spec: RFC 5077 3, 4; not in GB/T 38636-2020
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tlcp.crypto.sm4 import NONCE_BYTES, TAG_BYTES, SM4Key
from tlcp.sessions.session import TicketKey, TicketKeys

__all__ = ["LONGEST_TICKET", "NAME_BYTES", "open_ticket", "seal_ticket"]

NAME_BYTES: Final = 16
#: A client must fit it into the 65535 bytes of its ClientHello's extensions, beside the others.
LONGEST_TICKET: Final = 2**16 - 1 - 4096


def seal_ticket(key: TicketKey, state: bytes, random: Callable[[int], bytes]) -> bytes:
    """Make a ticket of a state.

    Args:
        key: the newest.
        state: what the client is to bring back.
        random: source of the nonce.

    Raises:
        ValueError: the ticket would be longer than ``LONGEST_TICKET``; the state holds the
            client's certificates, and those may be large.
    """
    length = NAME_BYTES + NONCE_BYTES + len(state) + TAG_BYTES
    if length > LONGEST_TICKET:
        raise ValueError(f"a ticket of {length} bytes: a hello has room for {LONGEST_TICKET}")
    if len(key.name) != NAME_BYTES:
        raise ValueError(f"the name of a ticket key has {len(key.name)} bytes, expected 16")
    nonce = random(NONCE_BYTES)
    return key.name + nonce + SM4Key(key.key).gcm_encrypt(nonce, state, key.name)


def open_ticket(keys: TicketKeys, ticket: bytes) -> tuple[bytes, bool] | None:
    """Read the state back, and whether the newest key sealed it; if not, the server renews it.

    Anything that these keys did not seal is None.
    """
    head = NAME_BYTES + NONCE_BYTES
    if len(ticket) < head + TAG_BYTES:
        return None
    name, nonce = ticket[:NAME_BYTES], ticket[NAME_BYTES:head]
    key = keys.named(name)
    if key is None:
        return None
    state = SM4Key(key.key).gcm_decrypt(nonce, ticket[head:], name)
    return None if state is None else (state, keys.newest().name == name)
