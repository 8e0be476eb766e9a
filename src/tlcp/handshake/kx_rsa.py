"""RSA suites: as ECC, with RSA certificates: the pre-master secret is encrypted to one of them.

PKCS#1 v1.5 is what Bleichenbacher's attack needs: a server that lets anyone tell well padded
ciphertexts from others decrypts for the attacker. So whatever is wrong with a ciphertext, nothing
here fails, branches on it or takes another path; the handshake ends at Finished.

Spec: GB/T 38636-2020 6.4.5.4 (RSA), 6.4.5.8 (RSA).  Interop: Tongsuo signs with SHA-256 always
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import cast

from tlcp.crypto.keys import PrivateRSAKey
from tlcp.errors import DecodeError, InternalError
from tlcp.handshake.kx import PRE_MASTER_BYTES, HelloContext
from tlcp.handshake.kx_ecc import signed_bytes
from tlcp.handshake.own_keys import own_key
from tlcp.wire.bodies import EccClientKeyExchange, EccServerKeyExchange
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.pair import VerifiedPair

__all__ = ["RsaServerSide"]


class RsaServerSide:
    """The server's side of one RSA exchange; a client's is that of ECC with other keys."""

    def __init__(
        self, hello: HelloContext, identity: Identity, random: Callable[[int], bytes]
    ) -> None:
        self._hello, self._identity, self._random = hello, identity, random

    def offer(self) -> bytes:
        """The body of ServerKeyExchange."""
        enc, _ = _own_encryption_key(self._identity)
        with own_key("signing"):
            signature = self._identity.sign_key.sign(signed_bytes(self._hello, enc.der))
        return EccServerKeyExchange(signature).to_bytes()

    def accept(self, body: bytes, client: VerifiedPair | None) -> bytes:
        """Decrypt the pre-master secret, or go on with a random one.

        Raises:
            DecodeError: the body is no length-prefixed ciphertext (says nothing of the secret).

        Spec: RFC 5246 7.4.7.1
        """
        ciphertext = EccClientKeyExchange.from_bytes(body).ciphertext
        if not ciphertext:
            raise DecodeError("ClientKeyExchange: the ciphertext is empty")
        _, key = _own_encryption_key(self._identity)
        substitute = self._random(PRE_MASTER_BYTES)
        try:
            with own_key("encryption"):
                secret = key.decrypt(ciphertext)
        except ValueError:
            secret = b""
        # From here on the same steps for every secret: its head is compared, then one is picked.
        head = secret[:PRE_MASTER_BYTES].ljust(PRE_MASTER_BYTES, b"\0")
        version = self._hello.client_version.to_bytes(2, "big")
        right = hmac.compare_digest(head[:2], version) & (len(secret) == PRE_MASTER_BYTES)
        return (substitute, head)[right]


def _own_encryption_key(identity: Identity) -> tuple[Certificate, PrivateRSAKey]:
    if identity.enc_cert is None or identity.enc_key is None:
        raise InternalError("the key exchange needs an encryption pair that is not configured")
    return identity.enc_cert, cast(PrivateRSAKey, identity.enc_key)
