"""The seam between the flows and the key exchanges, and the choice of one by suite.

A client proves the server's share first (``verify``) and only what that returns can make the
client's own share, so an unverified ServerKeyExchange cannot be used by mistake.

Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

from cryptography.exceptions import InvalidSignature

from tlcp.crypto.keys import PrivateKey
from tlcp.errors import DecryptError, InternalError
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.pair import VerifiedPair

__all__ = [
    "PRE_MASTER_BYTES",
    "ClientShare",
    "HelloContext",
    "ServerExchange",
    "VerifiedExchange",
    "check_exchange_signature",
    "own_encryption_key",
    "peer_encryption_certificate",
]

PRE_MASTER_BYTES = 48


class HelloContext(NamedTuple):
    """What both hellos fixed: client_version (a number), and the two 32-byte randoms."""

    client_version: int
    client_random: bytes
    server_random: bytes

    @property
    def randoms(self) -> bytes:
        """client_random || server_random, the first part of what the server signs."""
        return self.client_random + self.server_random


@dataclass(frozen=True, slots=True, repr=False)
class ClientShare:
    """A client's part: the body of ClientKeyExchange, and the pre-master secret."""

    body: bytes
    pre_master: bytes


class VerifiedExchange(Protocol):
    """A server's part whose signature holds."""

    def respond(self, identity: Identity | None, random: Callable[[int], bytes]) -> ClientShare:
        """Make the client's part."""


class ServerExchange(Protocol):
    """The server's side of one key exchange."""

    def offer(self) -> bytes:
        """The signed body of ServerKeyExchange."""

    def accept(self, body: bytes, client: VerifiedPair | None) -> bytes:
        """Read the body of ClientKeyExchange; returns the 48-byte pre-master secret."""


def check_exchange_signature(server: VerifiedPair, signature: bytes, signed: bytes) -> None:
    """Check the server's signature in ServerKeyExchange with its signing certificate.

    Raises:
        DecryptError: it does not verify.

    Spec: GB/T 38636-2020 6.4.5.4
    """
    try:
        server.sign.public_key.verify(signature, signed)
    except InvalidSignature:
        raise DecryptError(
            "the signature in the server's ServerKeyExchange is wrong",
            expected=f"a signature by the server's signing certificate ({server.sign})"
            " over both randoms and its key exchange parameters",
            hint="The server may have its signing and encryption keys swapped, "
            "or someone changed the handshake on the way",
        ) from None


def peer_encryption_certificate(peer: VerifiedPair) -> Certificate:
    """The peer's encryption certificate; asking for it with ``need_enc`` has made sure of it."""
    if peer.enc is None:
        raise InternalError("the key exchange needs an encryption certificate that was not checked")
    return peer.enc


def own_encryption_key(identity: Identity | None) -> tuple[Certificate, PrivateKey]:
    """Our SM2 encryption certificate and key; ``Config`` offers no suite that lacks them."""
    if identity is None or identity.enc_cert is None or identity.enc_key is None:
        raise InternalError("the key exchange needs an encryption pair that is not configured")
    return identity.enc_cert, cast(PrivateKey, identity.enc_key)
