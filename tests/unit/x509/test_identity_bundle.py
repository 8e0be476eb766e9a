"""One PEM file, or several, with all of one side in any order."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.keys import PrivateKey
from tlcp.crypto.pem import to_pem
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.identity import Identity
from unit.x509.minting import ENC, SIGN, key, mint_leaf, mint_world
from unit.x509.test_trust import OTHER

WORLD = mint_world()
SIGN_CERT, ENC_CERT = certificate_pem(WORLD.sign.der), certificate_pem(WORLD.enc.der)
SIGN_KEY, ENC_KEY = dump_private_key(WORLD.sign.key), dump_private_key(WORLD.enc.key)
CA = certificate_pem(WORLD.sub.der)
BLOCKS = {"sign cert": SIGN_CERT, "enc cert": ENC_CERT, "sign key": SIGN_KEY, "enc key": ENC_KEY}


def bundle(folder: Path, *blocks: bytes) -> Identity:
    path = folder / "all.pem"
    path.write_bytes(b"\n".join(blocks))
    return Identity.from_bundle(path)


@pytest.mark.parametrize("order", [*itertools.permutations([*BLOCKS, "CA"])])
def test_any_order(order: tuple[str, ...], tmp_path: Path) -> None:
    identity = bundle(tmp_path, *((BLOCKS | {"CA": CA})[block] for block in order))
    assert (identity.sign_cert, identity.enc_cert) == (WORLD.sign.cert, WORLD.enc.cert)
    assert isinstance(identity.sign_key, PrivateKey)
    assert identity.sign_key.public_point == WORLD.sign.key.public_point
    assert identity.enc_key is not None
    assert isinstance(identity.enc_key, PrivateKey)
    assert identity.enc_key.public_point == WORLD.enc.key.public_point
    assert identity.chain == (WORLD.sub.cert,)


def test_the_keys_may_have_a_file_of_their_own(tmp_path: Path) -> None:
    certificates, keys = tmp_path / "certificates.pem", tmp_path / "keys.pem"
    certificates.write_bytes(ENC_CERT + CA + SIGN_CERT)
    keys.write_bytes(ENC_KEY + SIGN_KEY)
    assert Identity.from_bundle(certificates, keys).enc_cert == WORLD.enc.cert


def test_a_client_that_only_signs(tmp_path: Path) -> None:
    identity = bundle(tmp_path, SIGN_CERT, SIGN_KEY, CA)
    assert identity.enc_cert is None
    assert identity.chain == (WORLD.sub.cert,)


def test_text_between_the_blocks_and_parameters_are_skipped(tmp_path: Path) -> None:
    words = b"subject=CN = localhost\nBag Attributes\n"
    parameters = to_pem("EC PARAMETERS", bytes.fromhex("06082a811ccf5501822d"))
    identity = bundle(tmp_path, words, parameters, SIGN_KEY, words, SIGN_CERT, ENC_CERT, ENC_KEY)
    assert identity.enc_cert == WORLD.enc.cert


@pytest.mark.parametrize("missing", BLOCKS)
def test_a_block_that_is_missing(missing: str, tmp_path: Path) -> None:
    rest = [pem for name, pem in BLOCKS.items() if name != missing]
    if missing == "enc key":  # the certificate is then one of the chain: nothing uses it
        assert bundle(tmp_path, *rest).enc_key is None
        return
    with pytest.raises(ConfigError, match=r"all\.pem"):
        bundle(tmp_path, *rest)


def test_keys_that_belong_to_nobody(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no signing certificate with its key"):
        bundle(tmp_path, SIGN_CERT, ENC_CERT, dump_private_key(key("somebody else")))
    with pytest.raises(ConfigError, match="fits none of the certificates"):
        bundle(tmp_path, SIGN_CERT, SIGN_KEY, ENC_CERT, dump_private_key(key("somebody else")))


def test_one_key_in_both_certificates(tmp_path: Path) -> None:
    sign = mint_leaf("localhost", WORLD.sub, usages=SIGN, key_name="one")
    enc = mint_leaf("localhost", WORLD.sub, usages=ENC, key_name="one")
    one = dump_private_key(key("one"))
    for order in itertools.permutations([certificate_pem(sign.der), certificate_pem(enc.der), one]):
        identity = bundle(tmp_path, *order)
        assert (identity.sign_cert, identity.enc_cert) == (sign.cert, enc.cert)


def test_a_certificate_of_another_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"all\.pem.*secp256r1|all\.pem.*SM2"):
        bundle(tmp_path, SIGN_CERT, SIGN_KEY, certificate_pem(OTHER))


@pytest.mark.parametrize(
    "content", [b"", b"no PEM", SIGN_CERT + SIGN_KEY[:-10], SIGN_KEY, certificate_pem(b"\x30\x00")]
)
def test_content_that_is_no_bundle(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        bundle(tmp_path, content)


def test_the_text_never_shows_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        bundle(tmp_path, SIGN_CERT, SIGN_KEY.replace(b"MI", b"M!", 1))
    assert not any(line.decode() in str(caught.value) for line in SIGN_KEY.splitlines()[1:-1])
