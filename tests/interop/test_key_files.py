"""Key files of Tongsuo, GmSSL 3.1.1 and OpenSSL in ours, and ours in theirs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from peers import tongsuo_keys
from peers.files import der
from peers.gmssl import TIMEOUT, find_gmssl
from peers.pki import PKI
from tlcp.crypto.envelope import open_envelope, seal_envelope
from tlcp.crypto.keyfile import dump_private_key, encode_private_key, load_private_key
from tlcp.crypto.pbes2 import CIPHER_NAMES, FOR_GMSSL, PRF_NAMES, Protection
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12, load_pkcs12
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey
from tlcp.errors import ConfigError

KEY = SM2PrivateKey(bytes(range(1, 33)))
ENC = SM2PrivateKey(bytes(range(33, 65)))
PASSWORD = b"correct horse"


def openssl(*words: str, data: bytes = b"") -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def gmssl(*words: str, data: bytes = b"") -> bytes:
    program, environment = find_gmssl()
    done = subprocess.run(
        [program, *words], input=data, env=environment, capture_output=True, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def fast(cipher: str, prf: str) -> Protection:
    return Protection(cipher, prf, 1000)


# ---- ours in theirs --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pkcs8", "sec1"])
def test_openssl_and_tongsuo_read_keys_in_the_clear(form: str) -> None:
    pem = dump_private_key(KEY, form)  # type: ignore[arg-type]
    assert openssl("pkey", "-pubout", "-outform", "DER", data=pem)[-65:] == KEY.public_point
    assert tongsuo_keys.public_key(pem)[-65:] == KEY.public_point


@pytest.mark.parametrize("prf", ["sha1", "sha256"])
@pytest.mark.parametrize("cipher", CIPHER_NAMES)
def test_openssl_and_tongsuo_read_encrypted_keys(cipher: str, prf: str) -> None:
    pem = dump_private_key(KEY, password=PASSWORD, protection=fast(cipher, prf))
    words = ("pkey", "-passin", f"pass:{PASSWORD.decode()}", "-pubout", "-outform", "DER")
    assert openssl(*words, data=pem)[-65:] == KEY.public_point
    assert tongsuo_keys.public_key(pem, PASSWORD)[-65:] == KEY.public_point


def test_openssl_reads_what_is_written_by_default() -> None:
    pem = dump_private_key(KEY, password=PASSWORD)
    words = ("pkey", "-passin", f"pass:{PASSWORD.decode()}", "-pubout", "-outform", "DER")
    assert openssl(*words, data=pem)[-65:] == KEY.public_point


def test_gmssl_reads_and_uses_a_key_written_for_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(dump_private_key(KEY, password=PASSWORD, protection=FOR_GMSSL))
    signature = gmssl("sm2sign", "-key", str(path), "-pass", PASSWORD.decode(), data=b"a message")
    KEY.public_key.verify(signature, b"a message")


# ---- theirs in ours --------------------------------------------------------------------------


def test_a_key_of_gmssl(tmp_path: Path) -> None:
    path, public = tmp_path / "key.pem", tmp_path / "public.pem"
    gmssl("sm2keygen", "-pass", PASSWORD.decode(), "-out", str(path), "-pubout", str(public))
    key = load_private_key(path.read_bytes(), PASSWORD)
    assert openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER", "-pubout")[-65:] == (
        key.public_point
    )


@pytest.mark.parametrize("cipher", [*CIPHER_NAMES, ""], ids=[*CIPHER_NAMES, "PBE-SHA1-3DES"])
def test_an_encrypted_key_of_tongsuo(cipher: str) -> None:
    clear = dump_private_key(KEY)
    pem = tongsuo_keys.rewrite(clear, password=PASSWORD, cipher=cipher)
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    assert load_private_key(pem, PASSWORD).public_point == KEY.public_point


@pytest.mark.parametrize("form", ["pkcs8", "sec1"])
def test_a_key_of_tongsuo_in_the_clear(form: str) -> None:
    pem = tongsuo_keys.rewrite(dump_private_key(KEY), form=form)
    assert load_private_key(pem).public_point == KEY.public_point


def test_a_key_of_openssl_encrypted_the_old_way() -> None:
    words = ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:pässwort")
    pem = openssl(*words, data=dump_private_key(KEY))
    assert load_private_key(pem, "pässwort".encode()).public_point == KEY.public_point


@pytest.mark.parametrize("prf", PRF_NAMES)
@pytest.mark.parametrize("cipher", CIPHER_NAMES)
def test_ours_reads_its_own(cipher: str, prf: str) -> None:
    pem = dump_private_key(KEY, password=PASSWORD, protection=fast(cipher, prf))
    again = load_private_key(pem, PASSWORD)
    assert SM2PublicKey(again.public_point) == KEY.public_key


# ---- envelopes ------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", [b"", bytes([16]) * 16])
def test_an_envelope_made_by_gmssl_and_openssl(fill: bytes, tmp_path: Path) -> None:
    """No peer has the format whole; here one encrypts the SM4 key, another one ours with it."""
    public, scalar, sm4_key = tmp_path / "public.pem", ENC.dangerous_scalar(), bytes(range(16))
    public.write_bytes(openssl("pkey", "-pubout", data=dump_private_key(KEY)))
    words = ("enc", "-sm4-ecb", "-nopad", "-K", sm4_key.hex())
    envelope = der(
        0x30,
        der(0x30, der(0x06, bytes.fromhex("2a811ccf55016801"))),
        gmssl("sm2encrypt", "-pubkey", str(public), data=sm4_key),
        der(0x03, b"\0", ENC.public_point),
        der(0x03, b"\0", openssl(*words, data=scalar + fill)),
    )
    assert open_envelope(envelope, KEY).dangerous_scalar() == scalar


def test_an_envelope_of_ours_opened_by_gmssl_and_openssl(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(dump_private_key(KEY, password=PASSWORD, protection=FOR_GMSSL))
    envelope = seal_envelope(ENC, KEY.public_key)
    start = envelope.index(b"\x05\x00") + 2
    encrypted = envelope[start : start + 2 + envelope[start + 1]]
    sm4_key = gmssl("sm2decrypt", "-key", str(path), "-pass", PASSWORD.decode(), data=encrypted)
    words = ("enc", "-d", "-sm4-ecb", "-nopad", "-K", sm4_key.hex())
    assert openssl(*words, data=envelope[-32:]) == ENC.dangerous_scalar()


# ---- PKCS#12 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_cipher", "certificate_cipher"),
    [("", ""), ("sm4-cbc", "sm4-cbc"), ("aes-256-cbc", "aes-128-cbc"), ("", "PBE-SHA1-3DES")],
    ids=["what it takes itself: triple DES and RC2-40", "SM4", "AES", "triple DES"],
)
def test_a_pkcs12_file_of_tongsuo(key_cipher: str, certificate_cipher: str, pki: PKI) -> None:
    data = tongsuo_keys.make_pkcs12(
        dump_private_key(pki.server.sign_key),
        pki.server.sign_cert.der,
        (pki.authority.certificate.der,),
        PASSWORD,
        key_cipher=key_cipher,
        certificate_cipher=certificate_cipher,
    )
    found = load_pkcs12(data, PASSWORD)
    assert [encode_private_key(key) for key in found.keys] == [
        encode_private_key(pki.server.sign_key)
    ]
    certificates = {pki.server.sign_cert.der, pki.authority.certificate.der}
    assert set(found.certificates) == certificates
    with pytest.raises(ConfigError, match="password is wrong"):
        load_pkcs12(data, b"wrong")


@pytest.mark.parametrize("cipher", CIPHER_NAMES)
def test_tongsuo_reads_a_pkcs12_file_of_ours(cipher: str, pki: PKI) -> None:
    entries = [
        Entry(pki.server.sign_key, pki.server.sign_cert.der, "signing"),
        Entry(pki.server.enc_key, pki.server.enc_cert.der, "encryption"),
    ]
    cas = (pki.authority.certificate.der,)
    data = dump_pkcs12(entries, PASSWORD, cas=cas, protection=fast(cipher, "sha256"))
    public, certificate, others = tongsuo_keys.read_pkcs12(data, PASSWORD)
    assert public[-65:] == pki.server.sign_key.public_point
    assert certificate == pki.server.sign_cert.der
    assert set(others) == {pki.server.enc_cert.der, *cas}
    with pytest.raises(tongsuo_keys.TongsuoRefused):
        tongsuo_keys.read_pkcs12(data, b"wrong")
