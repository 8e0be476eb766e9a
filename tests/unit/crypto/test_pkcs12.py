"""PKCS#12 with SM2 keys: RFC 7292."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import pkcs12

from tlcp.crypto.der import encode_element as element
from tlcp.crypto.keyfile import dump_private_key, encode_private_key
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import to_pem
from tlcp.crypto.pkcs12 import (
    Entry,
    Pkcs12,
    describe_pkcs12,
    dump_pkcs12,
    is_pkcs12,
    load_pkcs12,
)
from tlcp.crypto.pkcs12_mac import make_mac
from tlcp.crypto.pkcs12_structures import (
    ContentInfo,
    ContentInfos,
    MacData,
    Pfx,
    as_tlv,
    inner,
)
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError
from unit.x509.minting import mint_world

WORLD = mint_world()
PASSWORD = "密码 pass".encode()
FAST = Protection(iterations=10)
PAIR = (
    Entry(WORLD.sign.key, WORLD.sign.der, "signing, 签名"),
    Entry(WORLD.enc.key, WORLD.enc.der),
)
CAS = (WORLD.sub.der,)


@cache
def ours() -> bytes:
    return dump_pkcs12(PAIR, PASSWORD, cas=CAS, protection=FAST)


def scalars(found: Pkcs12) -> list[bytes]:
    assert all(isinstance(key, SM2PrivateKey) for key in found.keys)
    return [encode_private_key(key)[1] for key in found.keys]


KEYS = [encode_private_key(entry.key)[1] for entry in PAIR]


@pytest.mark.parametrize("mac", ["sha1", "sha256", "sm3"])
@pytest.mark.parametrize("protection", [FAST, Protection("sm4-cbc", "sm3", 10)], ids=["AES", "SM4"])
def test_a_pair_and_its_cas(protection: Protection, mac: str) -> None:
    data = dump_pkcs12(PAIR, PASSWORD, cas=CAS, protection=protection, mac=mac)
    found = load_pkcs12(data, PASSWORD)
    assert scalars(found) == KEYS
    assert found.certificates == (WORLD.sign.der, WORLD.enc.der, *CAS)
    assert is_pkcs12(data)
    for scalar in (entry.key.dangerous_scalar() for entry in PAIR):  # type: ignore[union-attr]
        assert scalar not in data
        assert scalar.hex() not in repr(found) + repr(PAIR)


def test_how_it_is_protected_in_words() -> None:
    assert describe_pkcs12(ours()) == (
        "AES-256-CBC under a password (PBES2: PBKDF2 with HMAC-SHA-256, 10 iterations); "
        "MAC with HMAC-SHA-256"
    )


def refused(data: bytes, password: bytes | None = PASSWORD) -> str:
    with pytest.raises(ConfigError) as caught:
        load_pkcs12(data, password)
    return str(caught.value)


def test_passwords() -> None:
    assert "none is given" in refused(ours(), None)
    assert "the password is wrong" in refused(ours(), b"wrong")
    assert "the password is wrong" in refused(ours(), b"")
    with pytest.raises(ConfigError, match="this one is empty"):
        dump_pkcs12(PAIR, b"")
    with pytest.raises(ConfigError, match="no MAC with md5"):
        dump_pkcs12(PAIR, PASSWORD, mac="md5")


def test_every_truncation_is_refused_and_any_byte_after() -> None:
    data = ours()
    for end in range(len(data)):
        assert "cut off" in refused(data[:end])
        assert not is_pkcs12(data[:end])
    refused(data + b"\0")


def test_every_changed_byte_is_refused() -> None:
    """What the MAC does not cover is the MAC itself and lengths around it."""
    data = ours()
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 1
        refused(bytes(changed))


def pfx(**changes: object) -> bytes:
    """Our file with something else in the outermost structure."""
    parts = asn1.decode_der(Pfx, ours())
    fields = {
        "version": parts.version,
        "auth_safe": parts.auth_safe,
        "mac_data": parts.mac_data,
    }
    return asn1.encode_der(Pfx(**{**fields, **changes}))  # type: ignore[arg-type]


def test_damage_is_told_from_a_wrong_password() -> None:
    mac = asn1.decode_der(Pfx, ours()).mac_data
    assert mac is not None
    salted = MacData(mac=mac.mac, salt=b"another", iterations=mac.iterations)
    assert "the password is right, but its MAC is not" in refused(pfx(mac_data=salted))
    assert "the password is wrong" in refused(pfx(mac_data=salted), b"wrong")


def test_a_file_without_mac() -> None:
    data = pfx(mac_data=None)
    assert scalars(load_pkcs12(data, PASSWORD)) == KEYS
    assert describe_pkcs12(data).endswith("no MAC")
    assert "none is given" in refused(data, None)
    assert "the password is wrong" in refused(data, b"wrong")


def test_iterations_of_the_mac_are_bounded() -> None:
    mac = asn1.decode_der(Pfx, ours()).mac_data
    assert mac is not None
    many = MacData(mac=mac.mac, salt=mac.salt, iterations=2**31 - 1)
    assert "asks for 2147483647 iterations" in refused(pfx(mac_data=many))


def test_the_work_for_all_parts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ours()  # three parts of 10 iterations
    monkeypatch.setattr("tlcp.crypto.pbe._MAX_WORK", 30)
    load_pkcs12(data, PASSWORD)
    monkeypatch.setattr("tlcp.crypto.pbe._MAX_WORK", 29)
    assert "costs too much to read: more than 29 iterations" in refused(data)


def test_other_files_are_named() -> None:
    assert "version 4" in refused(pfx(version=4))
    assert "got something else" in refused(b"")
    assert "got something else" in refused(to_pem("CERTIFICATE", b"0"))
    assert "got something else" in refused(KEYS[0])
    inside = ContentInfo(
        type=asn1.decode_der(Pfx, ours()).auth_safe.type, content=as_tlv(b"\x04\x01\x00")
    )
    assert "is damaged" in refused(pfx(auth_safe=inside, mac_data=None))
    empty = ContentInfo(type=inside.type, content=as_tlv(b"\x04\x02\x30\x00"))
    assert load_pkcs12(pfx(auth_safe=empty, mac_data=None)) == Pkcs12((), ())
    assert inner(ContentInfos(items=[])) == b"\x30\x00"


# ---- BER ---------------------------------------------------------------------------------------


def as_ber(der: bytes, *, piece: int = 100) -> bytes:
    """The same element with indefinite lengths, octet strings in pieces, sets reversed."""
    tag, begin = der[0], 2 + (der[1] & 0x7F if der[1] > 0x80 else 0)
    contents = der[begin:]
    if tag in (0x04, 0x80) and len(contents) > piece:
        cut = [contents[at : at + piece] for at in range(0, len(contents), piece)]
        return bytes([tag | 0x20, 0x80]) + b"".join(element(0x04, c) for c in cut) + bytes(2)
    if not tag & 0x20:
        return der
    inside = [as_ber(one, piece=piece) for one in elements(contents)]
    if tag == 0x31:
        inside.reverse()
    return bytes([tag, 0x80]) + b"".join(inside) + bytes(2)


def elements(contents: bytes) -> list[bytes]:
    found = []
    while contents:
        size, begin = contents[1], 2
        if size > 0x80:
            begin += size & 0x7F
            size = int.from_bytes(contents[2:begin])
        found.append(contents[: begin + size])
        contents = contents[begin + size :]
    return found


def whole_in_ber(der: bytes, password: bytes) -> bytes:
    """A file whose contents are in BER, too, with a MAC over them as they are."""
    parts = asn1.decode_der(Pfx, der)
    safe = as_ber(bytes(parts.auth_safe.content.data))
    info = ContentInfo(type=parts.auth_safe.type, content=as_tlv(element(0x04, safe)))
    mac = make_mac(safe, password, "sha1", 5, lambda size: bytes(range(size)))
    return as_ber(asn1.encode_der(Pfx(version=3, auth_safe=info, mac_data=mac)))


@pytest.mark.parametrize("words", [(), ("-legacy",)], ids=["PBES2", "RC2-40 and triple DES"])
def test_ber(words: tuple[str, ...], parts: Path, tmp_path: Path) -> None:
    for data in (as_ber(export(parts, *words)), whole_in_ber(export(parts, *words), b"x")):
        path = tmp_path / "ber.p12"
        path.write_bytes(data)
        legacy = ("-legacy",) if words else ()
        read = openssl("pkcs12", "-in", str(path), "-passin", "pass:x", "-nodes", *legacy)
        assert read.count(b"BEGIN CERTIFICATE") == 2  # so it is BER that others read
        assert is_pkcs12(data)
        found = load_pkcs12(data, b"x")
        assert scalars(found) == KEYS[:1]
        assert set(found.certificates) == {WORLD.sign.der, WORLD.sub.der}
        assert "password is wrong" in refused(data, b"y")
        for end in range(len(data)):
            assert not is_pkcs12(data[:end])


def test_ber_of_ours() -> None:
    found = load_pkcs12(as_ber(ours(), piece=7), PASSWORD)
    assert scalars(found) == KEYS


# ---- files of OpenSSL ------------------------------------------------------------------------


def openssl(*words: str) -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    done = subprocess.run(["openssl", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    (folder / "key").write_bytes(dump_private_key(WORLD.sign.key))
    (folder / "cert").write_bytes(to_pem("CERTIFICATE", WORLD.sign.der))
    (folder / "ca").write_bytes(to_pem("CERTIFICATE", WORLD.sub.der))
    return folder


def export(parts: Path, *words: str, under: str = "x") -> bytes:
    names = ("-inkey", str(parts / "key"), "-in", str(parts / "cert"))
    more = ("-certfile", str(parts / "ca"), "-passout", f"pass:{under}")
    return openssl("pkcs12", "-export", *names, *more, *words)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((), id="default"),
        pytest.param(("-legacy",), id="legacy: RC2-40 and triple DES"),
        pytest.param(("-descert", "-legacy"), id="triple DES"),
        pytest.param(("-keypbe", "sm4-cbc", "-certpbe", "sm4-cbc", "-macalg", "sm3"), id="SM"),
        pytest.param(("-keypbe", "aes-128-cbc", "-certpbe", "aes-256-cbc"), id="AES"),
        pytest.param(("-certpbe", "NONE"), id="certificates in clear"),
        pytest.param(("-keypbe", "NONE"), id="key in clear"),
        pytest.param(("-macalg", "sha1"), id="SHA-1"),
        pytest.param(("-nomac",), id="no MAC"),
        pytest.param(("-nomaciter", "-noiter"), id="no iterations"),
        pytest.param(("-name", "名字"), id="name"),
    ],
)
def test_what_openssl_writes(words: tuple[str, ...], parts: Path) -> None:
    data = export(parts, *words)
    found = load_pkcs12(data, b"x")
    assert scalars(found) == KEYS[:1]
    assert sorted(found.certificates) == sorted((WORLD.sign.der, WORLD.sub.der))
    assert describe_pkcs12(data)
    assert "password is wrong" in refused(data, b"y")
    for end in range(0, len(data), 11):
        assert "cut off" in refused(data[:end], b"x")


def test_iterations_of_rc2_are_bounded(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are done by a library that does not count them."""
    whole = asn1.decode_der(Pfx, export(parts, "-legacy"))
    data = asn1.encode_der(Pfx(version=3, auth_safe=whole.auth_safe, mac_data=None))
    assert len(load_pkcs12(data, b"x").certificates) == 2
    monkeypatch.setattr("tlcp.crypto.pbe.MAX_KDF_ITERATIONS", 2047)
    assert "PKCS#12 file asks for 2048 iterations" in refused(data, b"x")


def test_openssl_with_an_empty_password_and_with_others(parts: Path) -> None:
    for password in ("", "密码", "ä" * 40):
        found = load_pkcs12(export(parts, under=password), password.encode())
        assert scalars(found) == KEYS[:1]


def test_what_is_not_encrypted_needs_no_password(parts: Path) -> None:
    data = export(parts, "-nomac", "-keypbe", "NONE", "-certpbe", "NONE")
    assert scalars(load_pkcs12(data)) == KEYS[:1]
    assert describe_pkcs12(data) == "not encrypted; no MAC"


def test_a_mac_that_is_not_supported_is_named(parts: Path) -> None:
    assert "2.16.840.1.101.3.4.2.3" in refused(export(parts, "-macalg", "sha512"), b"x")


def test_openssl_reads_ours(tmp_path: Path) -> None:
    path = tmp_path / "pair.p12"
    path.write_bytes(dump_pkcs12(PAIR, b"x", cas=CAS, protection=FAST))
    text = openssl("pkcs12", "-in", str(path), "-passin", "pass:x", "-nodes").decode()
    assert text.count("BEGIN PRIVATE KEY") == 2
    assert text.count("BEGIN CERTIFICATE") == 3
    for entry in PAIR:
        body = dump_private_key(entry.key).decode().split("-----")[2]
        assert body.strip() in text


def test_cryptography_agrees_on_the_certificates() -> None:
    """A reader that is not ours checks the MAC and opens what holds no SM2 key."""
    found = pkcs12.load_pkcs12(dump_pkcs12((), b"x", cas=CAS, protection=FAST), b"x")
    (only,) = found.additional_certs
    assert only.certificate.serial_number == WORLD.sub.cert.serial_number
