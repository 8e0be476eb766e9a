"""CAs from files and directories of every kind."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.pem import to_pem
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.trust import read_ca_directory, read_cas
from unit.x509.minting import key, mint_ca, mint_leaf

ONE, TWO = mint_ca("One"), mint_ca("Two")


def other_kind() -> bytes:
    """The DER of a CA certificate with a P-256 key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "P-256")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), 1, now, now.replace(year=2027))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


OTHER = other_kind()


@pytest.mark.parametrize(
    ("data", "usable", "others"),
    [
        (certificate_pem(ONE.der), [ONE], 0),
        (ONE.der, [ONE], 0),
        (ONE.der + TWO.der, [ONE, TWO], 0),
        (b"text before\n" + certificate_pem(ONE.der, TWO.der) + b"text after\n", [ONE, TWO], 0),
        (certificate_pem(OTHER), [], 1),
        (certificate_pem(OTHER, ONE.der, OTHER), [ONE], 2),
        (OTHER + ONE.der, [ONE], 1),
        (ONE.der + b"\0", [ONE], 0),
        (ONE.der + TWO.der[:-1], [ONE], 0),
        (to_pem("X509 CERTIFICATE", ONE.der) + dump_private_key(key("k")), [ONE], 0),
        (certificate_pem(ONE.der).replace(b"\n", b"\r\n"), [ONE], 0),
        (certificate_pem(b"\x30\x03\x02\x01\x01", ONE.der), [ONE], 1),
    ],
)
def test_what_is_taken_and_what_is_passed_over(
    data: bytes, usable: list[object], others: int
) -> None:
    found, rest = read_cas(data, "here")
    assert found == [party.cert for party in usable]  # type: ignore[attr-defined]
    assert rest == others


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "here holds no certificate"),
        (b"no certificate", "here holds no certificate"),
        (ONE.der[:-1], "here holds no certificate"),
        (ONE.der[:1], "here holds no certificate"),
        (dump_private_key(key("k")), "here holds no certificate"),
        (certificate_pem(ONE.der[:-1]), "no certificate that can be read"),
        (certificate_pem(ONE.der[:40] + b"\xff" + ONE.der[41:]), "no certificate that can be read"),
        (certificate_pem(ONE.der)[:-10], "another's end|no END line"),
        (certificate_pem(ONE.der).replace(b"MII", b"M?I"), "not valid base64"),
    ],
)
def test_content_that_holds_none(data: bytes, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        read_cas(data, "here")


def test_a_certificate_whose_point_is_off_the_curve_is_no_ca() -> None:
    changed = bytearray(ONE.der)
    changed[changed.index(key("One").public_point) + 40] ^= 1
    with pytest.raises(ConfigError, match="no certificate that can be read"):
        read_cas(bytes(changed), "here")
    assert read_cas(certificate_pem(bytes(changed), TWO.der), "here") == ([TWO.cert], 1)


def test_a_directory_gives_its_cas_and_nothing_else(tmp_path: Path) -> None:
    leaf = mint_leaf("leaf", ONE)
    (tmp_path / "one.crt").write_bytes(certificate_pem(ONE.der))
    (tmp_path / "0a1b2c3d.0").write_bytes(certificate_pem(TWO.der, OTHER))
    (tmp_path / "leaf.crt").write_bytes(certificate_pem(leaf.der))
    (tmp_path / "leaf.key").write_bytes(dump_private_key(key("leaf")))
    (tmp_path / "broken.pem").write_bytes(certificate_pem(ONE.der)[:-30])
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "three.crt").write_bytes(certificate_pem(mint_ca("Three").der))
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    assert read_ca_directory(tmp_path) == ([TWO.cert, ONE.cert], 1)


def test_an_empty_directory_is_no_error_and_a_missing_one_is(tmp_path: Path) -> None:
    assert read_ca_directory(tmp_path) == ([], 0)
    with pytest.raises(FileNotFoundError):
        read_ca_directory(tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        read_ca_directory(tmp_path / "file")


def test_lines_of_any_length_and_a_byte_order_mark() -> None:
    body = base64.b64encode(ONE.der)
    one_line = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----"
    assert read_cas(b"\xef\xbb\xbf" + one_line, "here") == ([ONE.cert], 0)
