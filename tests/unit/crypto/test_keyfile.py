from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tlcp.crypto.keyfile import (
    dump_private_key,
    encode_private_key,
    load_any_private_key,
    load_private_key,
    load_private_keys,
)
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from tlcp.x509.contents import read_parts

# RFC 5915 and PKCS#8 by hand, from the private key of GM/T 0003.5, so that a mistake shared by
# our reader and writer shows.
D = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
POINT = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
CURVE = bytes.fromhex("06082a811ccf5501822d")
EC_OID = bytes.fromhex("06072a8648ce3d0201")
PUBLIC = b"\xa1\x44\x03\x42\x00" + POINT
SEC1 = b"\x30\x77\x02\x01\x01\x04\x20" + D + b"\xa0\x0a" + CURVE + PUBLIC
INNER = b"\x30\x6b\x02\x01\x01\x04\x20" + D + PUBLIC
ALGORITHM = b"\x30\x13" + EC_OID + CURVE
PKCS8 = b"\x30\x81\x87\x02\x01\x00" + ALGORITHM + b"\x04\x6d" + INNER


def sequence(body: bytes) -> bytes:
    return (
        b"\x30" + (bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])) + body
    )


def refused(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load_private_key(data)
    assert D.hex() not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PKCS8, id="PKCS#8 DER"),
        pytest.param(SEC1, id="SEC1 DER"),
        pytest.param(to_pem("PRIVATE KEY", PKCS8), id="PKCS#8 PEM"),
        pytest.param(to_pem("EC PRIVATE KEY", SEC1), id="SEC1 PEM"),
        pytest.param(to_pem("SM2 PRIVATE KEY", SEC1), id="SEC1 PEM of OpenSSL 3"),
        pytest.param(
            to_pem("EC PARAMETERS", CURVE) + to_pem("EC PRIVATE KEY", SEC1), id="parameters first"
        ),
        pytest.param(
            to_pem("EC PRIVATE KEY", SEC1) + to_pem("CERTIFICATE", b"0"), id="certificate after"
        ),
        pytest.param(
            b"Bag Attributes: text\n" + to_pem("PRIVATE KEY", PKCS8).replace(b"\n", b"\r\n"),
            id="text around, CRLF",
        ),
        pytest.param(
            sequence(b"\x02\x01\x01\x04\x20" + D + b"\xa0\x0a" + CURVE), id="SEC1 without public"
        ),
        pytest.param(
            sequence(
                b"\x02\x01\x01\x04\x20" + D + b"\xa0\x0a" + CURVE
                + b"\xa1\x24\x03\x22\x00\x03" + POINT[1:33]
            ),
            id="SEC1 with compressed public",
        ),
        pytest.param(
            b"\x30\x81\x93\x02\x01\x00" + ALGORITHM + b"\x04\x79" + SEC1, id="PKCS#8, curve twice"
        ),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_key(data: bytes) -> None:
    key = load_private_key(data)
    assert key.dangerous_scalar() == D
    assert key.public_point == POINT


def test_short_number_is_padded() -> None:
    scalar = b"\x05"
    data = sequence(b"\x02\x01\x01\x04\x01" + scalar + b"\xa0\x0a" + CURVE)
    assert load_private_key(data).dangerous_scalar() == scalar.rjust(32, b"\0")


def test_dump_is_the_known_pkcs8() -> None:
    (block,) = split_pem(dump_private_key(SM2PrivateKey(D)))
    assert (block.label, block.der) == ("PRIVATE KEY", PKCS8)


@pytest.mark.parametrize("whole", [PKCS8, SEC1], ids=["PKCS#8", "SEC1"])
def test_every_truncation_and_any_extra_byte_is_refused(whole: bytes) -> None:
    for end in range(len(whole)):
        refused(whole[:end])
        refused(to_pem("PRIVATE KEY", whole[:end]))
        refused(to_pem("EC PRIVATE KEY", whole[:end]))
    refused(whole + b"\0")


def test_public_key_of_another_is_refused() -> None:
    other = SM2PrivateKey.generate().public_point
    assert "public key in its file is another's" in refused(PKCS8.replace(POINT, other))


@pytest.mark.parametrize("scalar", [b"\0" * 32, b"\xff" * 32], ids=["zero", "above the order"])
def test_number_out_of_range_is_refused(scalar: bytes) -> None:
    data = sequence(b"\x02\x01\x01\x04\x20" + scalar + b"\xa0\x0a" + CURVE)
    assert "out of range" in refused(data)


@pytest.mark.parametrize("size", [0, 33])
def test_number_of_wrong_size_is_refused(size: int) -> None:
    body = b"\x02\x01\x01\x04" + bytes([size]) + b"\x01" * size + b"\xa0\x0a" + CURVE
    assert "not an EC key of 32 bytes" in refused(sequence(body))


def test_other_version_is_refused() -> None:
    assert "not an EC key" in refused(SEC1.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1))


def test_sec1_without_curve_is_refused_on_its_own() -> None:
    assert "no curve" in refused(to_pem("EC PRIVATE KEY", INNER))


def other_keys() -> dict[str, bytes]:
    plain = serialization.NoEncryption()
    der = serialization.Encoding.DER
    p256, small_rsa = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    pkcs8, old = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
    ed = ed25519.Ed25519PrivateKey.generate()
    return {
        "PRIVATE KEY:secp256r1": p256.private_bytes(der, pkcs8, plain),
        "EC PRIVATE KEY:secp256r1": p256.private_bytes(der, old, plain),
        "PRIVATE KEY:RSA key of 2048 bits": small_rsa.private_bytes(der, pkcs8, plain),
        "RSA PRIVATE KEY:RSA key of 2048 bits": small_rsa.private_bytes(der, old, plain),
        "PRIVATE KEY:Ed25519": ed.private_bytes(der, pkcs8, plain),
    }


def test_key_of_another_kind_is_named() -> None:
    for title, der in other_keys().items():
        label, _, name = title.partition(":")
        assert name in refused(to_pem(label, der)), title
        assert name in refused(der) or label == "EC PRIVATE KEY", title


def test_encrypted_key_says_what_to_do() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(b"secret")
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        data = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, lock)
        assert "no password is given" in refused(data)
        with pytest.raises(ConfigError, match="secp256r1"):
            load_private_key(data, b"secret")
    old = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, lock
    )
    assert "openssl pkcs8 -topk8" in refused(old)


def test_file_without_a_key_says_what_it_holds() -> None:
    assert "holds CERTIFICATE" in refused(to_pem("CERTIFICATE", b"0"))
    assert "neither PEM nor" in refused(b"hello")
    assert "PUBLIC KEY" in refused(to_pem("PUBLIC KEY", b"0"))


def test_two_keys_in_one_file_are_refused() -> None:
    assert "holds 2 private keys" in refused(to_pem("PRIVATE KEY", PKCS8) * 2)


def test_all_keys_of_a_file_in_their_order() -> None:
    other = SM2PrivateKey.generate()
    pem = b"text\n" + dump_private_key(other, "sec1") + to_pem("CERTIFICATE", b"0")
    keys = load_private_keys(pem + dump_private_key(SM2PrivateKey(D)))
    assert [split_pem(dump_private_key(key)) for key in keys] == [
        split_pem(dump_private_key(other)),
        split_pem(to_pem("PRIVATE KEY", PKCS8)),
    ]
    assert len(load_private_keys(SEC1)) == 1
    with pytest.raises(ConfigError, match="holds CERTIFICATE"):
        load_private_keys(to_pem("CERTIFICATE", b"0"))


def test_the_work_for_all_keys_of_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = dump_private_key(SM2PrivateKey(D), password=b"x", protection=Protection(iterations=10))
    damaged = to_pem("ENCRYPTED PRIVATE KEY", b"0")
    monkeypatch.setattr("tlcp.crypto.pbe._MAX_WORK", 29)
    assert len(load_private_keys(sealed * 2, b"x")) == 2
    with pytest.raises(ConfigError, match="costs too much to read: more than 29 iterations"):
        load_private_keys(sealed + damaged + sealed * 2, b"x")
    with pytest.raises(ConfigError, match="costs too much to read"):
        read_parts(sealed * 3, b"x")


def test_sec1_is_written_as_known() -> None:
    assert split_pem(dump_private_key(SM2PrivateKey(D), "sec1")) == split_pem(
        to_pem("EC PRIVATE KEY", SEC1)
    )


def test_what_cannot_be_written() -> None:
    key = SM2PrivateKey(D)
    with pytest.raises(ConfigError, match="SEC1 keys are not encrypted"):
        dump_private_key(key, "sec1", password=b"x")
    with pytest.raises(ConfigError, match="password is empty"):
        dump_private_key(key, password=b"")


def test_rsa_keys_are_written_too() -> None:
    (der,) = (der for title, der in other_keys().items() if title.startswith("RSA"))
    key = load_any_private_key(der)
    for pem in (dump_private_key(key), dump_private_key(key, password=b"x")):
        again = load_any_private_key(pem, b"x")
        assert encode_private_key(again) == encode_private_key(key)
    with pytest.raises(ConfigError, match="SEC1 is for elliptic curves"):
        dump_private_key(key, "sec1")


def openssl(*arguments: str) -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip(reason="needs the openssl command")
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def test_openssl_reads_ours(tmp_path: Path) -> None:
    path = tmp_path / "our.key"
    path.write_bytes(dump_private_key(SM2PrivateKey(D)))
    text = openssl("pkey", "-in", str(path), "-noout", "-text", "-check").decode()
    assert "Key is valid" in text
    assert "SM2" in text
    assert D.hex() in text.replace(":", "").replace("\n", "").replace(" ", "")


def test_ours_reads_openssl(tmp_path: Path) -> None:
    path = tmp_path / "their.key"
    path.write_bytes(openssl("genpkey", "-algorithm", "SM2"))
    point = openssl("pkey", "-in", str(path), "-pubout", "-outform", "DER")[-65:]
    sec1 = openssl("ec", "-in", str(path))
    assert b"PRIVATE KEY" in sec1.splitlines()[0]
    with_parameters = openssl("ecparam", "-name", "SM2", "-genkey")
    assert b"PARAMETERS" in with_parameters
    for data in (
        path.read_bytes(),
        sec1,
        openssl("pkey", "-in", str(path), "-outform", "DER"),
        openssl("ec", "-in", str(path), "-outform", "DER"),
    ):
        assert load_private_key(data).public_point == point
    assert load_private_key(with_parameters).public_point != point
