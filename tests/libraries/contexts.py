"""Contexts made from files, as programs make them."""

from __future__ import annotations

import ssl
from pathlib import Path

import tlcp
from peers.pki import PKI
from tlcp.context import TLCPContext

__all__ = ["client_context", "server_context", "tls_pair"]


def client_context(pki: PKI, *, ca: Path | None = None) -> TLCPContext:
    """A client that trusts the CA of the tests (or another) and has both pairs."""
    files = pki.client_files
    context = tlcp.create_default_context(cafile=ca or files.ca)
    context.load_cert_chain(
        sign=(files.sign_cert, files.sign_key), enc=(files.enc_cert, files.enc_key)
    )
    return context


def server_context(pki: PKI) -> TLCPContext:
    """A server that demands a certificate of its clients."""
    files = pki.server_files
    context = tlcp.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.ca)
    context.load_cert_chain(
        sign=(files.sign_cert, files.sign_key), enc=(files.enc_cert, files.enc_key)
    )
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_pair(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A standard TLS server's context for localhost, and its self-signed certificate."""
    certificate = _self_signed(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context, certificate


def _self_signed(directory: Path) -> Path:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "tls.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
