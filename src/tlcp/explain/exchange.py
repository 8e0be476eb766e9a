"""ServerKeyExchange, ClientKeyExchange and CertificateVerify.

Spec: GB/T 38636-2020 6.4.5.4, 6.4.5.8, 6.4.5.9
"""

from __future__ import annotations

from tlcp.explain.told import Field
from tlcp.explain.values import short_hex
from tlcp.suites import CipherSuite, KeyExchangeKind, KeyKind
from tlcp.wire.bodies import (
    NAMED_CURVE,
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheClientKeyExchange,
    EcdheParams,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.messages import CertificateVerify, ClientKeyExchange, ServerKeyExchange

__all__ = ["tell_certificate_verify", "tell_client_key_exchange", "tell_server_key_exchange"]

#: the client encrypts the secret, the server signs for the certificate that it encrypts to
_ENCRYPTED = (KeyExchangeKind.ECC, KeyExchangeKind.RSA)
_CURVES = {
    41: "SM2",
    0: "SM2 in TASSL",
    249: "SM2 in old stacks",
    30: "SM2 in GmSSL 2",
    31: "SM2 in GmSSL 2",
}


def tell_server_key_exchange(
    message: ServerKeyExchange, suite: CipherSuite | None, server: str
) -> tuple[Field, ...]:
    """Explain a ServerKeyExchange.

    Args:
        message: the message.
        suite: the one agreed on, None if that is not known.
        server: who signs.

    Spec: GB/T 38636-2020 6.4.5.4
    """
    if suite is not None and suite.key_exchange in _ENCRYPTED:
        ecc = EccServerKeyExchange.from_bytes(message.body)
        what = "both randoms and the encryption certificate"
        return (_signature(ecc.signature, server, what, "6.4.5.4", suite),)
    if suite is not None and suite.key_exchange is KeyExchangeKind.ECDHE:
        ecdhe = EcdheServerKeyExchange.from_bytes(message.body)
        return (
            *_params(ecdhe.params, "server"),
            _signature(ecdhe.signature, server, "both randoms and this point", "6.4.5.4"),
        )
    return (_undecoded(message.body, suite),)


def tell_client_key_exchange(
    message: ClientKeyExchange, suite: CipherSuite | None, server: str
) -> tuple[Field, ...]:
    """Explain a ClientKeyExchange.

    Args:
        message: the message.
        suite: the one agreed on, None if that is not known.
        server: who can decrypt it.

    Spec: GB/T 38636-2020 6.4.5.8
    """
    if suite is not None and suite.key_exchange in _ENCRYPTED:
        body = EccClientKeyExchange.from_bytes(message.body)
        meaning = (
            f"{suite.key_kind.value} ciphertext, {len(body.ciphertext)} bytes, of the pre-master "
            f"secret: only the encryption key of {server} opens it (6.4.5.8)"
        )
        return (Field("ciphertext", short_hex(body.ciphertext), meaning),)
    if suite is not None and suite.key_exchange is KeyExchangeKind.ECDHE:
        share = decode_ecdhe_client_key_exchange(message.body)
        bare = isinstance(share, EcdheClientKeyExchange)
        form, meaning = "with length", "the letter of the standard, and GmSSL (6.4.5.8)"
        if bare:
            form, meaning = "bare", "no length before it, as most stacks send it (6.4.5.8)"
        return (Field("form", form, meaning), *_params(share.params, "client"))
    return (_undecoded(message.body, suite),)


def tell_certificate_verify(
    message: CertificateVerify, suite: CipherSuite | None, client: str
) -> tuple[Field, ...]:
    """Explain a CertificateVerify.

    Args:
        message: the message.
        suite: the one agreed on, None if that is not known.
        client: who signs.

    Spec: GB/T 38636-2020 6.4.5.9
    """
    rsa = suite is not None and suite.key_kind is KeyKind.RSA
    name = "SHA-256" if rsa else "SM3"
    what = f"the {name} hash of all messages so far, which proves that it holds the key"
    return (_signature(message.signature, client, what, "6.4.5.9", suite),)


def _signature(
    signature: bytes, who: str, what: str, section: str, suite: CipherSuite | None = None
) -> Field:
    kind = suite.key_kind.value if suite is not None else "SM2"
    meaning = f"{kind} signature of {who} (signing key) over {what} ({section})"
    return Field("signature", short_hex(signature), meaning)


def _params(params: EcdheParams, end: str) -> tuple[Field, ...]:
    kind = "named_curve" if params.curve_type == NAMED_CURVE else "unknown"
    curve = f"{params.named_curve} ({_CURVES.get(params.named_curve, 'unknown')})"
    party = "A" if end == "server" else "B"
    point = (
        f"ephemeral point of the {end}, {len(params.point)} bytes: "
        f"party {party} of the SM2 key exchange (GB/T 32918.3)"
    )
    return (
        Field("curve_type", f"{params.curve_type} ({kind})"),
        Field("named_curve", curve, "not checked: stacks disagree on the number"),
        Field("point", short_hex(params.point), point),
    )


def _undecoded(body: bytes, suite: CipherSuite | None) -> Field:
    why = f"the form of {suite.name}" if suite else "its form depends on the suite, unknown here"
    return Field("body", short_hex(body), f"{len(body)} bytes, not decoded: {why}")
