"""A chain with a root, a CA and two leaves, of SM2 or ECDSA keys; lists and answers about them."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID

from chains.making import DAY, NOW, Cert, Kind, build, ca, leaf, private_key, root, type_of
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.crl import Revocation, build_crl
from tlcp.pki.ocsp import OcspAnswer, build_ocsp_response
from tlcp.pki.signing import ECDSASigner, Signer
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.crl import RevocationList
from tlcp.x509.ocsp import OcspCertId
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

ACCESS = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP,
            x509.UniformResourceIdentifier("http://ocsp.example/"),
        )
    ]
)
POINT = "http://crl.example/sub.crl"
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier(POINT)], None, None, None)]
)
_URLS = tuple((one.oid.dotted_string, False, one.public_bytes()) for one in (ACCESS, POINTS))
RESPONDER: dict[str, Any] = {"uses": ("digitalSignature",), "eku": ("ocsp",), "san": ()}
CERTS: dict[str, Cert] = {
    "Root": root(),
    "Sub": ca("Sub", "Root"),
    "leaf": leaf("Sub", raw=_URLS),
    "Stranger": root("Stranger"),
    "Sub2": ca("Sub2", "Root", dn="CN=Sub"),  # of the same name, with another key
    "NoCrl": ca("NoCrl", "Root", dn="CN=Sub", key="Sub", uses=("keyCertSign",)),
    "Responder": Cert("Responder", "Sub", **RESPONDER),
    "ByRoot": Cert("ByRoot", "Root", **RESPONDER),
    "Expired": Cert("Expired", "Sub", end=-0.5, **RESPONDER),
    "NoPurpose": leaf("Sub", dn="CN=NoPurpose"),
    "NoSigning": Cert("NoSigning", "Sub", uses=("keyEncipherment",), eku=("ocsp",)),
}


@functools.cache
def certificate(name: str, kind: Kind) -> Certificate:
    """One of the certificates above."""
    one = CERTS[name]
    return build(one, CERTS, kind)


def signer(name: str, kind: Kind) -> Signer:
    """The key of one of them."""
    cert = CERTS[name]
    key = private_key(cert.key or cert.name, type_of(cert, kind))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECDSASigner(key)
    assert isinstance(key, SM2PrivateKey)
    return key


def crl(kind: Kind, *serials: int, by: str = "Sub", key: str = "", **more: Any) -> bytes:
    """A list, which holds from a day ago to a day from now and has these serial numbers."""
    chosen: dict[str, Any] = {
        "issuer": certificate(by, kind).subject,
        "signer": signer(key or by, kind),
        "this_update": NOW - DAY,
        "next_update": NOW + DAY,
        "revoked": [Revocation(serial, NOW - DAY) for serial in serials],
        "crl_number": 1,
    } | more
    return build_crl(**chosen)


def answer(
    kind: Kind,
    status: Any = "good",
    *,
    by: str = "Sub",
    about: str = "leaf",
    issuer: str = "Sub",
    hash_name: str = "sha1",
    begin: float = -1,
    end: float | None = 1,
    certificates: tuple[str, ...] = (),
    **more: Any,
) -> bytes:
    """An OCSP response about one certificate."""
    serial = certificate(about, kind).serial_number
    revoked_at = NOW - DAY if status == "revoked" else None
    one = OcspAnswer(
        OcspCertId.of(serial, certificate(issuer, kind), hash_name),
        status,
        NOW + begin * DAY,
        None if end is None else NOW + end * DAY,
        revoked_at=revoked_at,
        **more,
    )
    return build_ocsp_response(
        responder=certificate(by, kind),
        signer=signer(by, kind),
        answers=[one],
        produced_at=NOW + begin * DAY,
        certificates=[certificate(name, kind) for name in certificates],
    )


@dataclass
class Responder:
    """Answers in place of HTTP, and counts."""

    says: bytes | OSError
    asked: int = 0

    def __call__(self, url: str, request: bytes) -> bytes:
        self.asked += 1
        assert url == "http://ocsp.example/"
        assert request
        if isinstance(self.says, OSError):
            raise self.says
        return self.says


def ask(
    kind: Kind,
    *,
    lists: tuple[bytes, ...] = (),
    stapled: bytes | None = None,
    now: datetime.datetime = NOW,
    sub: str = "Sub",
    **policy: Any,
) -> None:
    """Verify the leaf's chain with what there is about revocation.

    Raises:
        CertificateVerifyError: it is refused.
    """
    found = [RevocationList.from_der(der) for der in lists]
    verify_chain(
        certificate("leaf", kind),
        [certificate(sub, kind)],
        TrustStore([certificate("Root", kind)]),
        now=now,
        purpose="server",
        which="signing certificate",
        revocation=RevocationPolicy(crls=found, **policy).checker(stapled),
    )
