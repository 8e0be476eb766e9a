from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import random
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.pki.build import build_certificate, build_name, key_usage
from tlcp.x509.certificate import Certificate
from tlcp.x509.der import CertificateDer
from unit.x509.minting import (
    NOW,
    SERVER,
    SIGN,
    captured,
    key,
    mint,
    mint_ca,
    mint_leaf,
)

# Private scalars of the test PKI of the captures; see tests/vectors/captures/README.md.
SCALARS = {
    "server-sign": "f6b13cc22b5c5f10c083d5f9fc8c1ef65fd7d0e436c63d0933293242bb9df6c6",
    "server-enc": "4d3d39f76cdddec9bec2fa6664bd700dc90c619d3c4b9c5520a6d9c3009a3765",
    "client-sign": "6b447a5c7d41c6e870eacb0a1f438807f390709cef65f8a4ca59cb167e1e0bd0",
    "client-enc": "24e7f317ed514b0f31dda742225ec0804a47cf4bfd39632c3158bfe45815e7c4",
}


def problem_of(der: bytes) -> CertificateProblem:
    with pytest.raises(CertificateVerifyError) as caught:
        Certificate.from_der(der)
    return caught.value.problem


def foreign(
    public_key: ec.EllipticCurvePublicKey,
    hash_: hashes.SHA224 | hashes.SHA256 = hashes.SHA256(),  # noqa: B008
) -> bytes:
    """Make a certificate of a curve that TLCP does not use."""
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other kind")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    made = builder.public_key(public_key).sign(signer, hash_)
    return made.public_bytes(serialization.Encoding.DER)


def test_captured_certificate_is_read_in_full() -> None:
    cert = captured("server-sign")
    assert cert.subject.rfc4514_string() == "CN=localhost,O=Peers,C=CN"
    assert cert.issuer.rfc4514_string() == "CN=Peers SM2 Root CA,O=Peers,C=CN"
    assert cert.issuer_der == captured("ca").subject_der == captured("client-enc").issuer_der
    assert cert.serial_number == 0x1670DE3485D442DD
    assert cert.version == 3
    assert cert.not_before == datetime.datetime(2026, 11, 23, 9, 15, 5, tzinfo=datetime.UTC)
    assert cert.not_after == datetime.datetime(2036, 11, 20, 9, 15, 5, tzinfo=datetime.UTC)
    assert cert.public_point.hex().startswith("040694ba26517ed3fc89654dd74e194d3566b20c")
    assert cert.key_usage == frozenset({"digitalSignature", "nonRepudiation"})
    assert cert.extended_key_usage is not None
    assert SERVER in cert.extended_key_usage
    assert (cert.is_ca, cert.path_length) == (False, None)
    assert cert.dns_names == ("localhost",)
    assert cert.ip_addresses == (ipaddress.ip_address("127.0.0.1"),)
    assert cert.common_name == "localhost"
    assert (cert.self_issued, cert.self_signed) == (False, False)
    assert cert.critical_unknown == ()
    assert cert.authority_key_id == captured("ca").subject_key_id
    assert cert.subject_key_id is not None
    assert cert.subject_key_id.hex() == "052def4acc554ffb85ad66e1dc1e36c6f6d927a6"


def test_captured_root() -> None:
    root = captured("ca")
    assert root.is_ca
    assert root.self_issued
    assert root.self_signed
    assert root.extended_key_usage is None
    assert root.key_usage == frozenset({"keyCertSign", "cRLSign"})
    assert (root.dns_names, root.ip_addresses) == ((), ())


@pytest.mark.parametrize("name", SCALARS)
def test_captured_certificates_verify_and_match_their_keys(name: str) -> None:
    cert = captured(name)
    cert.verify_signed_by(captured("ca"))
    own = SM2PrivateKey(bytes.fromhex(SCALARS[name]))
    assert cert.public_point == own.public_point
    cert.public_key.verify(own.sign(b"hello"), b"hello")


def test_fingerprint_is_sm3_of_the_der() -> None:
    if shutil.which("openssl") is None:
        pytest.skip(reason="needs the openssl command")
    cert = captured("ca")
    command = ["openssl", "dgst", "-sm3", "-binary"]
    done = subprocess.run(command, input=cert.der, check=True, capture_output=True)
    assert cert.fingerprint_sm3 == done.stdout


def test_str_is_short_and_repr_tells_the_issuer() -> None:
    cert = captured("server-enc")
    assert str(cert) == "CN=localhost"
    assert repr(cert) == (
        "<Certificate CN=localhost, serial 190bdd8148b5686f, "
        "issuer CN=Peers SM2 Root CA,O=Peers,C=CN>"
    )


def test_equal_by_der() -> None:
    assert captured("ca") == captured("ca")
    assert len({captured("ca"), captured("ca"), captured("server-enc")}) == 2
    assert captured("ca") != captured("ca").der


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        captured("ca").der = b""


def test_every_truncation_and_any_extra_byte_is_malformed() -> None:
    der = captured("server-sign").der
    for end in range(len(der)):
        assert problem_of(der[:end]) is CertificateProblem.MALFORMED
    assert problem_of(der + b"\0") is CertificateProblem.MALFORMED


@pytest.mark.parametrize("seed", range(4))
def test_mutations_raise_nothing_but_certificate_errors(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    der = captured(draw.choice(("ca", "server-sign", "client-enc"))).der
    root = captured("ca")
    read, problems = 0, set[CertificateProblem]()
    for _ in range(2500):
        changed = bytearray(der)
        for _ in range(draw.choice((1, 1, 2, 5))):
            at = draw.randrange(len(changed))
            kind = draw.randrange(4)
            if kind == 0:
                changed[at] = draw.randrange(256)
            elif kind == 1:
                changed[at] ^= 1 << draw.randrange(8)
            elif kind == 2:
                del changed[at : at + draw.randrange(1, 4)]
            else:
                changed[at:at] = draw.randbytes(draw.randrange(1, 4))
        if bytes(changed) == der:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd serial numbers and names only warn
            try:
                cert = Certificate.from_der(bytes(changed))
            except CertificateVerifyError as error:
                problems.add(error.problem)
                continue
        read += 1
        assert touch_all(cert) <= {CertificateProblem.MALFORMED, CertificateProblem.UNSUPPORTED_KEY}
        with pytest.raises(CertificateVerifyError):
            cert.verify_signed_by(root)
    assert read > 100
    assert problems == {CertificateProblem.MALFORMED}


def touch_all(cert: Certificate) -> set[CertificateProblem]:
    """Use every property; collect what the four that may fail raise."""
    problems = set()
    for name in dir(Certificate):
        if name.startswith("_") or callable(getattr(Certificate, name)):
            continue
        try:
            getattr(cert, name)
        except CertificateVerifyError as error:
            assert name in ("public_point", "public_key", "key_kind", "verifying_key"), name
            problems.add(error.problem)
    assert str(cert) is not None
    assert repr(cert)
    return problems


def test_signature_of_another_key_is_bad() -> None:
    root, impostor = mint_ca("Root"), mint_ca("Root", key_name="impostor")
    leaf = mint_leaf("localhost", root)
    leaf.cert.verify_signed_by(root.cert)
    with pytest.raises(CertificateVerifyError) as caught:
        leaf.cert.verify_signed_by(impostor.cert)
    assert caught.value.problem is CertificateProblem.BAD_SIGNATURE


def test_issuer_with_another_kind_of_key_is_unsupported() -> None:
    issuer = Certificate.from_der(foreign(ec.generate_private_key(ec.SECP256R1()).public_key()))
    with pytest.raises(CertificateVerifyError, match="with SM2, has an ECDSA key") as caught:
        captured("server-sign").verify_signed_by(issuer)
    assert caught.value.problem is CertificateProblem.UNSUPPORTED_KEY


def test_signature_of_odd_bits_is_bad() -> None:
    root = mint_ca("Root")
    leaf = next(leaf for leaf in (mint_leaf("x", root) for _ in range(99)) if not leaf.der[-1] & 1)
    at = leaf.der.index(bytes.fromhex("06082a811ccf55018375"), 200) + 12
    assert leaf.der[at : at + 2] == b"\x00\x30"
    with pytest.raises(CertificateVerifyError) as caught:
        Certificate.from_der(leaf.der[:at] + b"\x01" + leaf.der[at + 1 :])
    assert caught.value.problem is CertificateProblem.MALFORMED


def test_null_parameters_are_accepted() -> None:
    root = mint_ca("Root")
    leaf = mint_leaf("localhost", root, null_parameters=True)
    assert bytes.fromhex("300c06082a811ccf550183750500") in leaf.der
    leaf.cert.verify_signed_by(root.cert)


def test_other_parameters_of_the_signature_algorithm_are_refused() -> None:
    root = mint_ca("Root")
    null, other = b"\x83\x75\x05\x00", b"\x83\x75\x04\x00"
    der = mint_leaf("x", root, null_parameters=True).der.replace(null, other)
    whole = asn1.decode_der(CertificateDer, der)
    signature = asn1.BitString(root.key.sign(asn1.encode_der(whole.tbs)), 0)
    cert = Certificate.from_der(asn1.encode_der(dataclasses.replace(whole, signature=signature)))
    with pytest.raises(CertificateVerifyError) as caught:
        cert.verify_signed_by(root.cert)
    assert caught.value.problem is CertificateProblem.BAD_SIGNATURE


def test_parameters_are_absent_when_we_write() -> None:
    assert mint_ca("Root").der.count(bytes.fromhex("300a06082a811ccf55018375")) == 2


def test_signature_algorithms_must_agree() -> None:
    der = captured("ca").der
    at = der.rindex(bytes.fromhex("06082a811ccf55018375")) + 9
    with pytest.raises(CertificateVerifyError, match="two signature algorithm fields") as caught:
        Certificate.from_der(der[:at] + b"\x74" + der[at + 1 :])
    assert caught.value.problem is CertificateProblem.MALFORMED


def test_other_signature_algorithm_is_unsupported() -> None:
    cert = Certificate.from_der(
        foreign(ec.generate_private_key(ec.SECP256R1()).public_key(), hashes.SHA224())
    )
    with pytest.raises(CertificateVerifyError) as caught:
        cert.verify_signed_by(captured("ca"))
    assert caught.value.problem is CertificateProblem.UNSUPPORTED_KEY
    assert "ecdsa-with-SHA224" in str(caught.value)
    assert not cert.self_signed


def test_key_of_another_curve_is_unsupported_and_named() -> None:
    cert = Certificate.from_der(foreign(ec.generate_private_key(ec.SECP384R1()).public_key()))
    with pytest.raises(CertificateVerifyError, match=r"secp384r1|1\.3\.132\.0\.34") as caught:
        _ = cert.public_point
    assert caught.value.problem is CertificateProblem.UNSUPPORTED_KEY


def test_rsa_certificate_is_read_but_its_key_is_unsupported(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip(reason="needs the openssl command")
    out = tmp_path / "rsa.crt"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=r -keyout /dev/null -out"
    subprocess.run([*command.split(), str(out)], check=True, capture_output=True)
    cert = Certificate.from_pem(out.read_bytes())
    with pytest.raises(CertificateVerifyError, match="rsaEncryption") as caught:
        _ = cert.public_point
    assert caught.value.problem is CertificateProblem.UNSUPPORTED_KEY


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        pytest.param(b"\x03" + b"\x01" * 32, CertificateProblem.UNSUPPORTED_KEY, id="compressed"),
        pytest.param(b"\x06" + b"\x01" * 64, CertificateProblem.UNSUPPORTED_KEY, id="hybrid"),
        pytest.param(b"\x04" + b"\x01" * 63, CertificateProblem.UNSUPPORTED_KEY, id="short"),
        pytest.param(b"\x04" + b"\x01" * 64, CertificateProblem.MALFORMED, id="off the curve"),
    ],
)
def test_points_that_are_not_ours(point: bytes, problem: CertificateProblem) -> None:
    name = build_name("x")
    der = build_certificate(
        subject=name,
        subject_point=point,
        issuer=name,
        signer=key("any"),
        serial_number=1,
        not_before=NOW,
        not_after=NOW,
    )
    cert = Certificate.from_der(der)
    assert cert.version == 1
    with pytest.raises(CertificateVerifyError) as caught:
        _ = cert.public_key
    assert caught.value.problem is problem


def test_duplicate_extension_is_malformed() -> None:
    with pytest.raises(CertificateVerifyError, match="Duplicate") as caught:
        mint("x", extensions=[key_usage(*SIGN), key_usage(*SIGN)])
    assert caught.value.problem is CertificateProblem.MALFORMED


@pytest.mark.parametrize("value", [b"", b"\x30\x03\x82\x01", b"\x30\x03\x82\x01\xff"])
def test_garbage_in_a_known_extension_is_malformed(value: bytes) -> None:
    extension = x509.UnrecognizedExtension(x509.OID_SUBJECT_ALTERNATIVE_NAME, value)
    with pytest.raises(CertificateVerifyError) as caught:
        mint("x", extensions=[(extension, False)])
    assert caught.value.problem is CertificateProblem.MALFORMED


def test_unknown_extensions() -> None:
    oid = x509.ObjectIdentifier("1.2.3.4")
    odd = x509.UnrecognizedExtension(oid, b"\x05\x00")
    assert mint("x", extensions=[(odd, True)]).cert.critical_unknown == ("1.2.3.4",)
    assert mint("x", extensions=[(odd, False)]).cert.critical_unknown == ()
    policies = x509.CertificatePolicies([x509.PolicyInformation(oid, None)])
    assert mint("x", extensions=[(policies, True)]).cert.critical_unknown == ()
    poison = x509.PrecertPoison()
    assert mint("x", extensions=[(poison, True)]).cert.critical_unknown == (
        "ctPoison (1.3.6.1.4.1.11129.2.4.3)",
    )


def test_encipher_only_beside_key_agreement() -> None:
    cert = mint("x", usages=("keyAgreement", "encipherOnly")).cert
    assert cert.key_usage == frozenset({"keyAgreement", "encipherOnly"})
    assert mint("y", usages=("keyAgreement", "decipherOnly")).cert.key_usage == frozenset(
        {
            "keyAgreement",
            "decipherOnly",
        }
    )


def test_generalized_time_before_2050_is_read() -> None:
    """Interop: certificates of demo.gmssl.cn."""
    der = captured("ca").der
    utc, general = b"\x17\x0d261123091505Z", b"\x18\x0f20261123091505Z"
    assert utc in der
    assert Certificate.from_der(grow(der, utc, general)).not_before == captured("ca").not_before


def grow(der: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes in the validity and mend the three lengths around it (all in long form)."""
    at, more = der.index(old), len(new) - len(old)
    changed = bytearray(der[:at] + new + der[at + len(old) :])
    for place in (2, 6):
        length = int.from_bytes(changed[place : place + 2]) + more
        changed[place : place + 2] = length.to_bytes(2)
    changed[at - 1] += more
    return bytes(changed)


@pytest.mark.parametrize("text", [b"*.example.cn", "国密".encode(), b"a_b@c", b"\xb9\xfa"])
def test_printable_string_with_other_letters_is_read(text: bytes) -> None:
    """Interop: deployed CAs write such names; they are shown, and compared as they are."""
    plain = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * len(text))])
    der = mint_leaf("x" * len(text), None, issuer_name=plain).der
    bad = der.replace(b"\x0c" + bytes([len(text)]) + b"x" * len(text),
                      b"\x13" + bytes([len(text)]) + text)  # fmt: skip
    assert bad != der
    cert = Certificate.from_der(bad)
    assert cert.common_name == text.decode("utf-8", "replace")
    assert text in cert.subject_der
    assert cert.dns_names == ("localhost",)
