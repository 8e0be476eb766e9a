"""RSA certificates: keys, signatures, chains, pairs, our own identity, and mixtures with SM2."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from chains.case import Case
from chains.making import NOW as case_now
from chains.making import ca, leaf, root
from support import ends
from support.rsa_pki import RsaCA, pem, rsa_certificate, rsa_key, rsa_key_pem
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.rsa import RSAPublicKey
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.suites import KeyKind
from tlcp.x509 import signatures
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import verify_chain
from tlcp.x509.identity import Identity
from tlcp.x509.pair import verify_pair
from tlcp.x509.trust import TrustStore, read_ca_directory, read_cas
from unit.x509.minting import mint_leaf

CA = RsaCA.create()
PARTY = CA.issue_party("a server")
SIGN, ENC = PARTY.identity.sign_cert, PARTY.identity.enc_cert
assert ENC is not None
LIST = PARTY.identity.certificate_list()
NOW = datetime.datetime.now(datetime.UTC)
SM2 = ends.world()


def problem_of(error: pytest.ExceptionInfo[CertificateVerifyError]) -> CertificateProblem:
    return error.value.problem


def test_the_key_is_read() -> None:
    assert isinstance(SIGN.public_key, RSAPublicKey)
    assert SIGN.key_kind is KeyKind.RSA
    assert SM2.server.sign_cert.key_kind is KeyKind.SM2
    with pytest.raises(CertificateVerifyError, match="rsaEncryption"):
        _ = SIGN.public_point


def test_a_pair_under_an_rsa_root_is_verified() -> None:
    signatures.forget()
    for _ in range(2):
        pair = verify_pair(
            LIST,
            role="server",
            trust=CA.trust,
            now=NOW,
            host="localhost",
            need_enc=True,
            kind=KeyKind.RSA,
        )
        assert pair.sign_chain == (SIGN, CA.certificate)
        assert pair.enc_chain == (ENC, CA.certificate)


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_every_hash(hash_: hashes.SHA256 | hashes.SHA384 | hashes.SHA512) -> None:
    key = rsa_key("leaf")
    leaf = rsa_certificate(
        "x", key.public_key(), "sign", CA.certificate.common_name, CA.key, hash_=hash_
    )
    assert verify_chain(leaf, (), CA.trust, now=NOW, purpose="server")[-1] is CA.certificate


def test_a_wrong_signature() -> None:
    forged = rsa_certificate(
        "x", rsa_key("x").public_key(), "sign", CA.certificate.common_name, rsa_key("forger")
    )
    with pytest.raises(CertificateVerifyError) as caught:
        verify_chain(forged, (), CA.trust, now=NOW, purpose="server")
    assert problem_of(caught) is CertificateProblem.BAD_SIGNATURE
    changed = bytearray(SIGN.der)
    changed[-1] ^= 1
    with pytest.raises(CertificateVerifyError) as caught:
        Certificate.from_der(bytes(changed)).verify_signed_by(CA.certificate)
    assert problem_of(caught) is CertificateProblem.BAD_SIGNATURE


def _odd(
    padding_: padding.PSS | None, hash_: hashes.HashAlgorithm, bits: int = 2048
) -> Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "odd")])
    key = rsa_key("odd", bits)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    made = builder.public_key(key.public_key()).sign(
        key,
        hash_,  # type: ignore[arg-type]
        rsa_padding=padding_,
    )
    return Certificate.from_der(made.public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize(
    "odd",
    [
        _odd(padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        _odd(None, hashes.SHA224()),
    ],
    ids=["PSS", "SHA-224"],
)
def test_other_signatures_are_not_supported(odd: Certificate) -> None:
    with pytest.raises(CertificateVerifyError) as caught:
        odd.verify_signed_by(odd)
    assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY


def test_short_keys_are_not_supported() -> None:
    with pytest.raises(CertificateVerifyError, match="1024 bits; want 2048") as caught:
        _ = _odd(None, hashes.SHA256(), 1024).public_key
    assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY


# ---- mixtures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1], ids=["signing", "encryption"])
def test_a_pair_of_two_kinds_is_refused_in_either_suite(place: int) -> None:
    mixed = list(LIST)
    mixed[place] = SM2.server.certificate_list()[place]
    for kind in KeyKind:
        with pytest.raises(CertificateVerifyError, match=f"for {kind.value} keys") as caught:
            verify_pair(
                mixed,
                role="server",
                trust=TrustStore([CA.certificate, SM2.ca.certificate]),
                now=NOW,
                host=None,
                need_enc=True,
                kind=kind,
            )
        assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY
        wrong = place if kind is KeyKind.RSA else 1 - place
        assert caught.value.which == ("signing certificate", "encryption certificate")[wrong]


def test_an_rsa_ca_vouches_for_no_sm2_certificate() -> None:
    leaf, ca = SM2.server.sign_cert, CA.certificate
    with pytest.raises(CertificateVerifyError, match="has an RSA key") as caught:
        leaf.verify_signed_by(ca)
    assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY
    crossed = _signed_by_rsa(leaf)
    crossed.verify_signed_by(ca)  # so it is; that it does not count, verify_chain says
    root = rsa_certificate("A root", CA.key.public_key(), "ca", "A root", CA.key)
    day = datetime.timedelta(days=1)
    below = mint_leaf(
        "x", None, issuer_name=root.subject, not_before=NOW - day, not_after=NOW + day
    )
    crossed = _signed_by_rsa(below.cert)
    with pytest.raises(CertificateVerifyError, match="is signed with") as caught:
        verify_chain(crossed, (), TrustStore([root]), now=NOW, purpose="server")
    assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY
    path = verify_chain(crossed, (), TrustStore([root]), now=NOW, purpose="server", mixed=True)
    assert path == (crossed, root)


def _signed_by_rsa(leaf: Certificate) -> Certificate:
    """The same certificate with the algorithm and a right signature of the RSA root."""
    old = bytes.fromhex("300a06082a811ccf55018375")
    new = bytes.fromhex("300d06092a864886f70d01010b0500")
    tbs = leaf.tbs_der
    if old not in tbs:
        old = bytes.fromhex("300c06082a811ccf550183750500")
    inner = tbs[4:].replace(old, new)
    tbs = b"\x30\x82" + len(inner).to_bytes(2, "big") + inner
    signature = CA.key.sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    bits = b"\x03\x82\x01\x01\x00" + signature
    body = tbs + new + bits
    return Certificate.from_der(b"\x30\x82" + len(body).to_bytes(2, "big") + body)


def test_an_rsa_certificate_is_not_verified_by_an_sm2_key() -> None:
    with pytest.raises(CertificateVerifyError, match="has an SM2 key") as caught:
        SIGN.verify_signed_by(SM2.ca.certificate)
    assert problem_of(caught) is CertificateProblem.UNSUPPORTED_KEY


# ---- our own side ------------------------------------------------------------------------------


def test_identity_from_files_and_from_a_bundle(tmp_path: Path) -> None:
    PARTY.save(tmp_path, "server")
    sign, sign_key, enc, enc_key = (tmp_path / f"server.{end}" for end in PARTY.files)
    identity = Identity.load(sign, sign_key, enc, enc_key)
    assert identity.key_kind is KeyKind.RSA
    assert identity.certificate_list() == LIST
    bundle = tmp_path / "all.pem"
    bundle.write_bytes(b"".join(reversed(PARTY.files.values())))
    assert Identity.from_bundle(bundle).certificate_list() == LIST


def from_pem(**changes: bytes) -> Identity:
    files = PARTY.files | {name.replace("_", "."): data for name, data in changes.items()}
    return Identity.from_pem(*(files[f"{u}.{e}"] for u in ("sign", "enc") for e in ("crt", "key")))


def sm2_key_pem() -> bytes:
    assert isinstance(SM2.server.sign_key, SM2PrivateKey)
    return dump_private_key(SM2.server.sign_key)


def test_keys_that_do_not_fit() -> None:
    other = rsa_key_pem(rsa_key("somebody else"))
    with pytest.raises(ConfigError, match="signing key does not match"):
        from_pem(sign_key=other)
    with pytest.raises(ConfigError, match="encryption key does not match"):
        from_pem(enc_key=other)
    with pytest.raises(ConfigError, match="keys look swapped"):
        from_pem(sign_key=PARTY.files["enc.key"], enc_key=PARTY.files["sign.key"])
    with pytest.raises(ConfigError, match="expected an RSA private key, got an SM2 key"):
        from_pem(sign_key=sm2_key_pem())


def test_the_two_certificates_must_be_of_one_kind() -> None:
    sign = certificate_pem(SM2.server.sign_cert.der)
    with pytest.raises(ConfigError, match="an SM2 key, the encryption certificate an RSA key"):
        from_pem(sign_crt=sign, sign_key=sm2_key_pem())
    with pytest.raises(ConfigError, match="must be of one kind"):
        replace(PARTY.identity, enc_cert=SM2.server.enc_cert, enc_key=SM2.server.enc_key)


def test_cas_are_taken_where_rsa_is_enabled(tmp_path: Path) -> None:
    data = pem(CA.certificate) + certificate_pem(SM2.ca.certificate.der)
    assert read_cas(data, "here") == ([SM2.ca.certificate], 1)
    assert read_cas(data, "here", rsa=True) == ([CA.certificate, SM2.ca.certificate], 0)
    (tmp_path / "ca.pem").write_bytes(data)
    assert len(read_ca_directory(tmp_path, rsa=True)[0]) == 2


def test_ecdsa_cas_are_taken_with_them() -> None:
    certs = [root(type="p256"), ca("A", type="p384"), leaf("A", type="rsa")]
    made = Case("", "", certs).make("ecdsa")
    data, aside = certificate_pem(made["Root"].der, made["A"].der), list[bytes]()
    assert read_cas(data, "here", aside=aside) == ([], 2)
    assert aside == [made["Root"].der, made["A"].der]
    cas, others = read_cas(data, "here", rsa=True)
    assert others == 0
    path = verify_chain(made["leaf"], (), TrustStore(cas), now=case_now, purpose="server")
    assert [one.common_name for one in path] == ["leaf", "A"]


def test_a_key_in_hardware_will_do() -> None:
    class Card:
        def __init__(self, key: rsa.RSAPrivateKey) -> None:
            self._key = key

        @property
        def public_der(self) -> bytes:
            return self._key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )

        def sign(self, message: bytes) -> bytes:
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())

        def decrypt(self, ciphertext: bytes) -> bytes:
            return self._key.decrypt(ciphertext, padding.PKCS1v15())

    identity = Identity(SIGN, Card(rsa_key("a server sign")), ENC, Card(rsa_key("a server enc")))
    assert identity.key_kind is KeyKind.RSA
