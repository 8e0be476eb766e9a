"""ECC suites: the client encrypts the pre-master secret to the server's encryption certificate.

Spec: GB/T 38636-2020 6.4.5.4 (ECC), 6.4.5.8 (ECC)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tlcp.errors import DecodeError
from tlcp.handshake.kx import (
    PRE_MASTER_BYTES,
    ClientShare,
    HelloContext,
    check_exchange_signature,
    own_encryption_key,
    peer_encryption_certificate,
)
from tlcp.handshake.own_keys import own_key
from tlcp.wire.bodies import EccClientKeyExchange, EccServerKeyExchange
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.pair import VerifiedPair

__all__ = ["EccServerSide", "VerifiedEcc", "signed_bytes", "verify"]


def signed_bytes(hello: HelloContext, enc_certificate_der: bytes) -> bytes:
    """What the server signs: both randoms, and its encryption certificate behind its length.

    Spec: GB/T 38636-2020 6.4.5.4
    """
    return hello.randoms + len(enc_certificate_der).to_bytes(3, "big") + enc_certificate_der


@dataclass(frozen=True, slots=True)
class VerifiedEcc:
    """The server has signed for the certificate that the secret will be encrypted to.

    That certificate is SM2 in ECC suites, RSA in RSA suites: its key knows how.
    """

    hello: HelloContext
    enc: Certificate

    def respond(self, identity: Identity | None, random: Callable[[int], bytes]) -> ClientShare:
        """Draw the pre-master secret and encrypt it.  Spec: GB/T 38636-2020 6.4.5.8."""
        version = self.hello.client_version.to_bytes(2, "big")
        pre_master = version + random(PRE_MASTER_BYTES - len(version))
        ciphertext = self.enc.public_key.encrypt(pre_master, random=random)
        return ClientShare(EccClientKeyExchange(ciphertext).to_bytes(), pre_master)


def verify(hello: HelloContext, server: VerifiedPair, body: bytes) -> VerifiedEcc:
    """Check a ServerKeyExchange.

    Raises:
        DecodeError: malformed.
        DecryptError: wrong signature.
    """
    message = EccServerKeyExchange.from_bytes(body)
    enc = peer_encryption_certificate(server)
    check_exchange_signature(server, message.signature, signed_bytes(hello, enc.der))
    return VerifiedEcc(hello, enc)


class EccServerSide:
    """The server's side of one ECC exchange."""

    def __init__(
        self, hello: HelloContext, identity: Identity, random: Callable[[int], bytes]
    ) -> None:
        self._hello, self._identity, self._random = hello, identity, random

    def offer(self) -> bytes:
        """The body of ServerKeyExchange."""
        enc, _ = own_encryption_key(self._identity)
        with own_key("signing"):
            signature = self._identity.sign_key.sign(signed_bytes(self._hello, enc.der))
        return EccServerKeyExchange(signature).to_bytes()

    def accept(self, body: bytes, client: VerifiedPair | None) -> bytes:
        """Decrypt the pre-master secret.

        Whatever is wrong with the ciphertext, the handshake goes on with a random secret and
        fails at Finished, so that nobody learns why: an error here would be an oracle.

        Raises:
            DecodeError: the body is no length-prefixed ciphertext (says nothing of the secret).
        """
        ciphertext = EccClientKeyExchange.from_bytes(body).ciphertext
        if not ciphertext:
            raise DecodeError("ClientKeyExchange: the ciphertext is empty")
        substitute = self._random(PRE_MASTER_BYTES)
        _, key = own_encryption_key(self._identity)
        try:
            with own_key("encryption"):
                secret = key.decrypt(ciphertext)
        except ValueError:
            return substitute
        version = self._hello.client_version.to_bytes(2, "big")
        right = (len(secret) == PRE_MASTER_BYTES) & (secret[:2] == version)
        return secret if right else substitute
