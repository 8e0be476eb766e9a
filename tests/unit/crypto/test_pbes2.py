"""Encrypted key files, as GmSSL and OpenSSL write them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from peers.files import encrypt_pkcs8, pkcs8
from tlcp.crypto.keyfile import dump_private_key, load_private_key
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError

KEY = SM2PrivateKey(bytes(range(1, 33)))
PASSWORD = b"correct horse"


def encrypted() -> bytes:
    """The key as GmSSL writes it, in PEM."""
    plain = pkcs8(KEY.dangerous_scalar(), KEY.public_point)
    return to_pem("ENCRYPTED PRIVATE KEY", encrypt_pkcs8(plain, PASSWORD.decode()))


def test_what_gmssl_writes() -> None:
    """PBKDF2 with HMAC-SM3, SM4-CBC; the helper makes keys that GmSSL itself reads."""
    pem = encrypted()
    assert load_private_key(pem, PASSWORD).public_point == KEY.public_point
    (block,) = split_pem(pem)
    assert load_private_key(block.der, PASSWORD).public_point == KEY.public_point


@pytest.mark.parametrize("prf", ["hmacWithSHA256", "hmacWithSHA1"])
@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-128-cbc", "sm4-cbc"])
def test_what_openssl_writes(prf: str, cipher: str, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    clear = tmp_path / "clear"
    clear.write_bytes(dump_private_key(KEY))
    words = ["openssl", "pkcs8", "-topk8", "-in", str(clear), "-v2", cipher, "-v2prf", prf]
    done = subprocess.run([*words, "-passout", "pass:x"], capture_output=True, check=True)
    assert b"ENCRYPTED" in done.stdout
    assert load_private_key(done.stdout, b"x").public_point == KEY.public_point


def test_passwords() -> None:
    pem = encrypted()
    with pytest.raises(ConfigError, match="no password is given"):
        load_private_key(pem)
    with pytest.raises(ConfigError, match=r"password is wrong|damaged|another kind"):
        load_private_key(pem, b"wrong")


def test_every_truncation_is_our_users_error() -> None:
    (block,) = split_pem(encrypted())
    for size in range(0, len(block.der), 7):
        with pytest.raises(ConfigError):
            load_private_key(block.der[:size], PASSWORD)
