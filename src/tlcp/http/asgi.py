"""What an ASGI application learns about the connection: the "tls" extension of its scope.

Spec: the TLS extension of ASGI, version 0.2
"""

from __future__ import annotations

import ssl
from typing import Any

from cryptography import x509

from tlcp.registry import TLCP_VERSION

__all__ = ["tls_extension"]

_TLS_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def tls_extension(ssl_object: Any) -> dict[str, Any]:
    """The value of ``scope["extensions"]["tls"]`` for a server's connection.

    Args:
        ssl_object: what a transport calls so: a ``TLCPObject``, or an ``ssl.SSLObject`` where one
            port serves both protocols.

    Returns:
        ``tls_version`` (0x0101 is TLCP) and ``cipher_suite``, numbers, the latter None over TLS;
        ``server_cert``, None; ``client_cert_name``, the subject as RFC 4514 writes it, and
        ``client_cert_chain``, PEM, the client's signing certificate first and then what issued
        it: None and an empty list if the client sent none, or one that was not verified (as with
        ``verify_mode = CERT_NONE`` in the ECDHE suites); ``client_cert_error``, None: a
        certificate that is refused ends the handshake. And, beyond the extension,
        ``client_enc_cert``: the encryption certificate as PEM, or None.
    """
    negotiated = getattr(ssl_object, "negotiated", None)
    chain, enc = _client_certificates(ssl_object)
    version = _TLS_VERSIONS.get(ssl_object.version() or "") if negotiated is None else TLCP_VERSION
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in chain],
        "client_cert_name": _name(chain[0]) if chain else None,
        "client_cert_error": None,
        "tls_version": version,
        "cipher_suite": negotiated.suite.id if negotiated is not None else None,
        "client_enc_cert": ssl.DER_cert_to_PEM_cert(enc) if enc is not None else None,
    }


def _client_certificates(ssl_object: Any) -> tuple[list[bytes], bytes | None]:
    """DER of the signing certificate and the CAs that came with it, and of the other one."""
    pair = getattr(ssl_object, "peer_certificates", None)
    if pair is not None and not pair.verified:
        return [], None  # asked for by the key exchange, believed by nobody
    if pair is not None:
        chain = [pair.sign.der, *(c.der for c in pair.intermediates)]
        return chain, pair.enc.der if pair.enc is not None else None
    der = ssl_object.getpeercert(binary_form=True)
    return ([der] if der else []), None


def _name(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()
