"""Targets of certificates and what revokes them.

Spec: RFC 5280; RFC 6960; GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from random import Random
from typing import Final

from assurance.fuzzing.der_mutator import Node, encode, mutate_der, parse
from assurance.fuzzing.judge import Broken, Target
from chains import cases_constraints, cases_paths, cases_policies, cases_rules
from chains.case import Case
from chains.making import NOW, private_key, sign
from revocation.making import answer, certificate, crl
from support.captured import CAPTURES
from support.own_connections import rsa_parties
from tlcp.errors import CertificateVerifyError, ConfigError, DecodeError
from tlcp.inspect.certificates_json import certificates_list
from tlcp.pki.describe import Thing, describe
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.chain import verify_chain
from tlcp.x509.crl import RevocationList, read_crls
from tlcp.x509.names import match_host
from tlcp.x509.ocsp import OcspCertId, build_ocsp_request, read_ocsp_request
from tlcp.x509.ocsp_response import OcspResponse
from tlcp.x509.peercert import as_dictionary
from tlcp.x509.revocation import RevocationPolicy
from tlcp.x509.trust import TrustStore

__all__ = ["CERTIFICATE", "CRL", "OCSP", "resigned"]

_RESIGN, _AS_CA = 1, 2
_Plain = Callable[[bytes, int], bytes]


def resigned(der: bytes, key: str, kind: str = "sm2") -> bytes:
    """The same certificate or list, with a signature that holds; as it is, if it is no such thing.

    Args:
        der: SEQUENCE of what is signed, algorithm, signature.
        key: the name of the key, as the chain cases name them.
        kind: of the key, "sm2" or "p256".
    """
    roots = parse(der)
    if not roots or len(roots[0].parts) != 3:
        return der
    signed, algorithm, _ = roots[0].parts
    name = {"sm2": "sm2-sm3", "p256": "ecdsa-sha256"}[kind]
    made = sign(private_key(key, kind), name, encode(signed))
    return encode(Node(0x30, b"", [signed, algorithm, Node(0x03, b"\0" + made)]))


@functools.cache
def _trust() -> TrustStore:
    return TrustStore([certificate("Root", "sm2")])


def _certificate(data: bytes) -> None:
    """The first byte says whether the signature is made good, and whether it is the CA."""
    if not data:
        return
    how, der = data[0], data[1:]
    as_ca = bool(how & _AS_CA)
    if how & _RESIGN:
        der = resigned(der, "Root" if as_ca else "Sub")
    read = Certificate.from_der(der)
    if read.der != der:
        raise Broken("der: it is kept otherwise than it came")
    _look_at(read)
    leaf = certificate("leaf", "sm2") if as_ca else read
    others = [read] if as_ca else [certificate("Sub", "sm2"), read]
    for policies in (None, ()):
        with contextlib.suppress(CertificateVerifyError):
            path = verify_chain(
                leaf, others, _trust(), now=NOW, purpose="server", policies=policies
            )
            if path[0] != leaf or path[-1] not in _trust().anchors:
                raise Broken("path: it does not go from the leaf to the root")
    with contextlib.suppress(CertificateVerifyError):
        match_host(read, "www.a.example")


def _look_at(read: Certificate) -> None:
    """All that is said of a certificate."""
    texts = (str(read), repr(read), read.subject_text, read.issuer_text, read.common_name)
    if any(not character.isprintable() for text in texts[:4] for character in text):
        raise Broken("text: control characters in what is shown")
    certificates_list((read.der,))
    as_dictionary(read)
    hash(read)
    for thing in describe(read.der, now=NOW):
        list(thing.rows("zh"))
        thing.title("en")
    with contextlib.suppress(CertificateVerifyError):
        read.public_key  # noqa: B018
    with contextlib.suppress(CertificateVerifyError):
        read.verify_signed_by(read)


def _cases() -> list[Case]:
    every = (cases_constraints, cases_policies, cases_rules, cases_paths)
    return [case for cases in every for case in cases.CASES[::6]]


def _certificate_seeds() -> list[bytes]:
    found = dict[bytes, None]()
    for case in _cases():
        for made in case.make("sm2").values():
            found[bytes((_RESIGN | (_AS_CA if made.is_ca else 0),)) + made.der] = None
    for name in ("leaf", "Sub", "Root", "Responder"):
        found[b"\0" + certificate(name, "sm2").der] = None
        found[b"\0" + certificate(name, "ecdsa").der] = None
    for one in rsa_parties()[1].certificate_list():
        found[b"\0" + one] = None
    for file in sorted((CAPTURES / "pki").glob("*.crt")):
        for own in load_pem_certificates(file.read_bytes()):
            found[b"\0" + own.der] = None
    return list(found)


def _mutate(data: bytes, most: int, draw: Random, plain: _Plain) -> bytes:
    """DER behind a byte."""
    head = data[:1] if draw.random() < 0.9 else bytes((draw.randrange(4),))
    return head + mutate_der(data[1:], most - 1, draw, plain)


CERTIFICATE: Final = Target(
    "certificate", _certificate_seeds, _certificate, (CertificateVerifyError, ConfigError), _mutate
)


# ---- revocation --------------------------------------------------------------------------------


def _crl(data: bytes) -> None:
    if not data:
        return
    der = resigned(data[1:], "Sub") if data[0] & _RESIGN else data[1:]
    for thing in _described(der):
        list(thing.rows("en"))
    read_crls(der, "the input")
    read = RevocationList.from_der(der)
    leaf, issuer = certificate("leaf", "sm2"), certificate("Sub", "sm2")
    read.is_by(issuer)
    read.covers(leaf)
    for mode in ("hard-fail", "soft-fail"):
        checker = RevocationPolicy(crls=(read,), mode=mode).checker()
        with contextlib.suppress(CertificateVerifyError):
            checker.check(leaf, issuer, now=NOW, which="certificate")


def _described(der: bytes) -> tuple[Thing, ...]:
    try:
        return describe(der, now=NOW)
    except ConfigError:
        return ()


def _crl_seeds() -> list[bytes]:
    serial = certificate("leaf", "sm2").serial_number
    lists = [crl("sm2"), crl("sm2", 1, 2, serial), crl("ecdsa", serial)]
    return [bytes((how,)) + one for one in lists for how in (0, 1)]


CRL: Final = Target("crl", _crl_seeds, _crl, (ConfigError, CertificateVerifyError), _mutate)


def _ocsp(data: bytes) -> None:
    """A response, stapled; and a request, to a responder."""
    with contextlib.suppress(ConfigError):
        read_ocsp_request(data)
    for thing in _described(data):
        list(thing.rows("zh"))
    leaf, issuer = certificate("leaf", "sm2"), certificate("Sub", "sm2")
    for mode in ("hard-fail", "soft-fail"):
        checker = RevocationPolicy(mode=mode).checker(data)
        with contextlib.suppress(CertificateVerifyError):
            checker.check(leaf, issuer, now=NOW, which="certificate")
    read = OcspResponse.from_der(data)
    read.is_by(issuer, NOW)
    read.about(leaf, issuer)


def _ocsp_seeds() -> list[bytes]:
    one = OcspCertId.of(1, certificate("Sub", "sm2"))
    return [
        answer("sm2"),
        answer("sm2", "revoked", hash_name="sm3"),
        answer("sm2", by="Responder", certificates=("Responder",)),
        answer("ecdsa", "unknown"),
        build_ocsp_request([one]),
        build_ocsp_request([one, one], b"n" * 16),
    ]


OCSP: Final = Target("ocsp", _ocsp_seeds, _ocsp, (DecodeError,), mutate_der)
