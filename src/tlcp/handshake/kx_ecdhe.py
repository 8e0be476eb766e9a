"""ECDHE suites: the SM2 key exchange with the encryption keys of both sides.

The server is party A (its Z is hashed first), the client party B. No confirmation hashes are
sent; Finished confirms the key.

Spec: GB/T 38636-2020 6.4.5.4 (ECDHE), 6.4.5.8 (ECDHE); GB/T 32918.3
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tlcp.crypto.keys import KeyAgreement
from tlcp.dialects import Dialect
from tlcp.errors import IllegalParameter, InternalError
from tlcp.handshake.kx import (
    ClientShare,
    HelloContext,
    check_exchange_signature,
    own_encryption_key,
    peer_encryption_certificate,
)
from tlcp.handshake.own_keys import own_key
from tlcp.wire.bodies import (
    NAMED_CURVE,
    EcdheClientKeyExchange,
    EcdheClientKeyExchangeVector,
    EcdheParams,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.pair import VerifiedPair

__all__ = ["EcdheServerSide", "VerifiedEcdhe", "verify"]


def _params(point: bytes, dialect: Dialect) -> EcdheParams:
    return EcdheParams(NAMED_CURVE, dialect.curve, point)


def _check_curve_type(params: EcdheParams, sender: str) -> None:
    if params.curve_type != NAMED_CURVE:
        raise IllegalParameter(
            f"the {sender}'s key exchange has curve type {params.curve_type}",
            expected=f"{NAMED_CURVE} (named curve)",
        )


def _derive(
    agreement: KeyAgreement,
    peer: Certificate,
    params: EcdheParams,
    *,
    role: str,
    dialect: Dialect,
) -> bytes:
    sender = "client" if role == "server" else "server"
    initiator = (role == "client") == dialect.client_is_initiator
    try:
        with own_key("encryption"):
            return agreement.derive(
                peer_point=peer.public_point, peer_ephemeral_point=params.point, initiator=initiator
            )
    except ValueError:
        raise IllegalParameter(
            f"the {sender}'s ephemeral key ({len(params.point)} bytes) is no point of the SM2 "
            "curve, or not usable",
            expected="65 bytes: 04, x, y",
        ) from None


@dataclass(frozen=True, slots=True)
class VerifiedEcdhe:
    """The server has signed for its ephemeral point."""

    params: EcdheParams
    enc: Certificate
    dialect: Dialect

    def respond(self, identity: Identity | None, random: Callable[[int], bytes]) -> ClientShare:
        """Agree on the pre-master secret.  Spec: GB/T 38636-2020 6.4.5.8."""
        _, key = own_encryption_key(identity)
        with own_key("encryption"):
            agreement = key.begin_key_exchange()
        pre_master = _derive(agreement, self.enc, self.params, role="client", dialect=self.dialect)
        params = _params(agreement.ephemeral_point, self.dialect)
        form = EcdheClientKeyExchangeVector if self.dialect.point_vector else EcdheClientKeyExchange
        return ClientShare(form(params).to_bytes(), pre_master)


def verify(
    hello: HelloContext, server: VerifiedPair, body: bytes, dialect: Dialect
) -> VerifiedEcdhe:
    """Check a ServerKeyExchange; the curve's number is not checked, but signed as received.

    Raises:
        DecodeError: malformed.
        IllegalParameter: no named curve.
        DecryptError: wrong signature.
    """
    message = EcdheServerKeyExchange.from_bytes(body)
    _check_curve_type(message.params, "server")
    signed = hello.randoms + message.params.to_bytes()
    check_exchange_signature(server, message.signature, signed)
    return VerifiedEcdhe(message.params, peer_encryption_certificate(server), dialect)


class EcdheServerSide:
    """The server's side of one ECDHE exchange."""

    def __init__(self, hello: HelloContext, identity: Identity, dialect: Dialect) -> None:
        self._hello, self._identity, self._dialect = hello, identity, dialect
        _, key = own_encryption_key(identity)
        with own_key("encryption"):
            self._agreement = key.begin_key_exchange()

    def offer(self) -> bytes:
        """The body of ServerKeyExchange."""
        params = _params(self._agreement.ephemeral_point, self._dialect)
        with own_key("signing"):
            signature = self._identity.sign_key.sign(self._hello.randoms + params.to_bytes())
        return EcdheServerKeyExchange(params, signature).to_bytes()

    def accept(self, body: bytes, client: VerifiedPair | None) -> bytes:
        """Read the client's point, in either form, and agree on the pre-master secret.

        Raises:
            DecodeError: malformed.
            IllegalParameter: no named curve, or no usable point.
        """
        if client is None:  # the flow has refused a client without certificates
            raise InternalError("an ECDHE suite was negotiated without client certificates")
        params = decode_ecdhe_client_key_exchange(body).params
        _check_curve_type(params, "client")
        enc = peer_encryption_certificate(client)
        return _derive(self._agreement, enc, params, role="server", dialect=self._dialect)
