"""Certificates for the tests of this folder, good and bad, minted on the spot."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.build import (
    Extension,
    build_certificate,
    build_name,
    key_identifier,
    key_usage,
    subject_alternative_name,
)
from tlcp.x509.certificate import Certificate

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
CAPTURED_PKI = Path(__file__).parents[2] / "vectors" / "captures" / "pki"

SIGN = ("digitalSignature", "nonRepudiation")
ENC = ("keyEncipherment", "dataEncipherment", "keyAgreement")
CA = ("keyCertSign", "cRLSign")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def seeded(seed: str) -> Callable[[int], bytes]:
    """Make a random source that gives the same bytes in every run."""
    state = hashlib.sha256(seed.encode()).digest()

    def draw(count: int) -> bytes:
        nonlocal state
        out = b""
        while len(out) < count:
            state = hashlib.sha256(state).digest()
            out += state
        return out[:count]

    return draw


@cache
def key(name: str) -> SM2PrivateKey:
    return SM2PrivateKey.generate(random=seeded(name))


@dataclass(frozen=True)
class Party:
    """A certificate with its private key."""

    cert: Certificate
    key: SM2PrivateKey

    @property
    def der(self) -> bytes:
        return self.cert.der


def mint(
    name: str,
    issuer: Party | None = None,
    *,
    key_name: str = "",
    usages: Sequence[str] | None = None,
    extensions: Sequence[Extension | None] = (),
    issuer_name: x509.Name | None = None,
    signer: SM2PrivateKey | None = None,
    not_before: datetime.datetime = NOW - DAY,
    not_after: datetime.datetime = NOW + DAY,
    key_ids: bool = True,
    null_parameters: bool = False,
) -> Party:
    """Mint any certificate; self-signed when there is no issuer."""
    own = key(key_name or name)
    subject = build_name(name, organization="Test")
    above = issuer.cert.subject_key_id if issuer else None
    wanted: list[Extension | None] = [*extensions]
    if usages is not None:
        wanted.append(key_usage(*usages))
    if key_ids:
        wanted.append((key_identifier(own.public_point), False))
    if key_ids and above:
        wanted.append((x509.AuthorityKeyIdentifier(above, None, None), False))
    der = build_certificate(
        subject=subject,
        subject_point=own.public_point,
        issuer=issuer_name or (issuer.cert.subject if issuer else subject),
        signer=signer or (issuer.key if issuer else own),
        serial_number=int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) + 1,
        not_before=not_before,
        not_after=not_after,
        extensions=[extension for extension in wanted if extension],
        null_parameters=null_parameters,
    )
    return Party(Certificate.from_der(der), own)


def mint_ca(
    name: str,
    issuer: Party | None = None,
    *,
    ca: bool = True,
    path_length: int | None = None,
    usages: Sequence[str] | None = CA,
    extensions: Sequence[Extension] = (),
    key_name: str = "",
    signer: SM2PrivateKey | None = None,
    not_before: datetime.datetime = NOW - DAY,
    not_after: datetime.datetime = NOW + DAY,
    key_ids: bool = True,
) -> Party:
    constraints = (x509.BasicConstraints(ca=ca, path_length=path_length), True)
    return mint(
        name,
        issuer,
        key_name=key_name,
        usages=usages,
        extensions=[constraints, *extensions],
        signer=signer,
        not_before=not_before,
        not_after=not_after,
        key_ids=key_ids,
    )


def mint_leaf(
    name: str,
    issuer: Party | None,
    *,
    usages: Sequence[str] | None = SIGN,
    purposes: Sequence[x509.ObjectIdentifier] = (SERVER, CLIENT),
    hosts: Sequence[str] = ("localhost", "127.0.0.1"),
    extensions: Sequence[Extension] = (),
    key_name: str = "",
    issuer_name: x509.Name | None = None,
    signer: SM2PrivateKey | None = None,
    not_before: datetime.datetime = NOW - DAY,
    not_after: datetime.datetime = NOW + DAY,
    null_parameters: bool = False,
) -> Party:
    more: list[Extension | None] = [subject_alternative_name(hosts)]
    if purposes:
        more.append((x509.ExtendedKeyUsage(purposes), False))
    return mint(
        name,
        issuer,
        key_name=key_name or f"{name} {usages}",
        usages=usages,
        extensions=[*more, *extensions],
        issuer_name=issuer_name,
        signer=signer,
        not_before=not_before,
        not_after=not_after,
        null_parameters=null_parameters,
    )


def captured(name: str) -> Certificate:
    """Read a certificate that real stacks used in the captures."""
    return Certificate.from_pem((CAPTURED_PKI / f"{name}.crt").read_bytes())


@dataclass(frozen=True)
class World:
    """A root, a CA below it, and a good pair."""

    root: Party
    sub: Party
    sign: Party
    enc: Party


def mint_world() -> World:
    root = mint_ca("Root")
    sub = mint_ca("Sub", root)
    return World(root, sub, mint_leaf("localhost", sub), mint_leaf("localhost", sub, usages=ENC))
