"""The frame of a certificate: cut like the library cuts it, and nothing but DER is taken."""

from __future__ import annotations

import pytest
from cryptography.hazmat import asn1

from support.ends import world
from tlcp.x509.der import CertificateDer, TBSCertificate
from tlcp.x509.skeleton import cut_certificate

DERS = [*world().server.certificate_list(), world().ca.certificate.der]


@pytest.mark.parametrize("der", DERS)
def test_the_parts_are_the_librarys(der: bytes) -> None:
    cut = cut_certificate(der)
    outer = asn1.decode_der(CertificateDer, der)
    tbs = asn1.decode_der(TBSCertificate, cut.tbs)
    assert cut.tbs == asn1.encode_der(outer.tbs)
    assert cut.algorithm == asn1.encode_der(outer.signature_algorithm)
    assert cut.signature == outer.signature.as_bytes()
    assert (cut.issuer, cut.subject) == (
        asn1.encode_der(tbs.issuer),
        asn1.encode_der(tbs.subject),
    )
    assert cut.key_info == asn1.encode_der(tbs.subject_public_key_info)


def test_every_truncation_and_what_follows_is_refused() -> None:
    der = DERS[0]
    for size in range(len(der)):
        with pytest.raises(ValueError, match=r"byte|missing|longer|length"):
            cut_certificate(der[:size])
    with pytest.raises(ValueError, match="follow"):
        cut_certificate(der + b"\0")


def test_whatever_byte_changes_the_parts_agree_with_the_library_or_are_refused() -> None:
    """No difference between the two readers: what both take, both cut alike."""
    der, taken = DERS[0], 0
    for place in range(len(der)):
        for flip in (0x01, 0x80, 0xFF):
            changed = der[:place] + bytes((der[place] ^ flip,)) + der[place + 1 :]
            try:
                cut = cut_certificate(changed)
            except ValueError:
                continue
            try:
                outer = asn1.decode_der(CertificateDer, changed)
                tbs = asn1.decode_der(TBSCertificate, asn1.encode_der(outer.tbs))
            except ValueError:
                continue
            taken += 1
            assert cut.tbs == asn1.encode_der(outer.tbs)
            assert cut.signature == outer.signature.as_bytes()
            assert cut.subject == asn1.encode_der(tbs.subject)
            assert cut.key_info == asn1.encode_der(tbs.subject_public_key_info)
    assert taken > 1000


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"\x30\x82", b"\x30\x80"),  # indefinite length
        (b"\x30\x82", b"\x30\x84"),  # too many bytes of length
        (b"\x30\x82", b"\x31\x82"),  # a SET
    ],
)
def test_other_forms_of_the_outermost_value(found: bytes, instead: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte 0|byte 1"):
        cut_certificate(DERS[0].replace(found, instead, 1))


def test_lengths_in_a_longer_form_than_needed() -> None:
    der = DERS[0]
    size = int.from_bytes(der[2:4], "big")
    longer = b"\x30\x83" + size.to_bytes(3, "big") + der[4:]
    with pytest.raises(ValueError, match="DER's form"):
        cut_certificate(longer)
