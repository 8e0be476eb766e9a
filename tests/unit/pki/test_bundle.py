"""Bundles for other stacks: their files, and that the lines name them."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tlcp.crypto.keyfile import load_private_key
from tlcp.crypto.pkcs12 import load_pkcs12
from tlcp.errors import ConfigError
from tlcp.pki.bundle import BUNDLES, make_bundle, needs_password
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.files import write_files
from tlcp.pki.lint import lint
from tlcp.x509.certificate import load_pem_certificates

CA = CertificateAuthority.create()
SUB = CA.issue_intermediate("Sub")
PAIR = SUB.issue_pair("server", ["localhost"])
ROOT = [CA.certificate]


@pytest.mark.parametrize("stack", BUNDLES)
def test_every_file_of_the_lines_is_there(stack: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    made = make_bundle(stack, "server", PAIR.identity, ROOT, folder, b"secret")
    write_files(folder, made.files)
    named = set(re.findall(rf"{folder}/([\w.]+)", "\n".join(made.lines)))
    if stack == "tlcp":
        assert f"--pki {folder} --name server" in made.lines[0]
        named = set(made.files)
    assert named
    assert named <= set(made.files)
    for name in made.files:
        secret = name.endswith((".key", "key.pem", ".p12"))
        mode = (folder / name).stat().st_mode & 0o777
        assert mode == 0o600 if secret else mode & 0o077 in (0, 0o044)


@pytest.mark.parametrize("stack", sorted(set(BUNDLES) - {"gmssl"}))
def test_lint_has_no_objection(stack: str, tmp_path: Path) -> None:
    made = make_bundle(stack, "server", PAIR.identity, ROOT, tmp_path, b"secret")
    files = [
        (name, data)
        for name, data in made.files.items()
        if name.lower() != "ca.crt" and not name.endswith(".p12")
    ]
    ca = next(data for name, data in made.files.items() if name.lower() == "ca.crt")
    report = lint(files, trusted=("ca", ca))
    (verdict,) = [one for one in report.verdicts if one.stack.name == stack.removeprefix("nginx-")]
    assert verdict.accepts, verdict.refused_by


def test_gmssl_gets_one_list_and_encrypted_keys(tmp_path: Path) -> None:
    made = make_bundle("gmssl", "server", PAIR.identity, ROOT, tmp_path, b"secret")
    listed = load_pem_certificates(made.files["double_certs.pem"])
    assert listed == (PAIR.sign_cert, PAIR.enc_cert, SUB.certificate)  # and no root
    assert load_pem_certificates(made.files["clientcert.pem"]) == (PAIR.sign_cert, SUB.certificate)
    for name, key in (("signkey.pem", PAIR.sign_key), ("enckey.pem", PAIR.enc_key)):
        assert load_private_key(made.files[name], b"secret").public_point == key.public_point
        with pytest.raises(ConfigError, match="encrypted"):
            load_private_key(made.files[name])
    # the password itself is in no line
    assert "secret" not in "\n".join(made.lines)


def test_kona_gets_a_key_store_with_both_entries(tmp_path: Path) -> None:
    made = make_bundle("kona", "server", PAIR.identity, ROOT, tmp_path, b"secret")
    store = load_pkcs12(made.files["keystore.p12"], b"secret")
    assert len(store.keys) == 2
    assert set(store.certificates) == {
        PAIR.sign_cert.der,
        PAIR.enc_cert.der,
        SUB.certificate.der,
    }
    assert "PRIVATE" not in repr(made)


@pytest.mark.parametrize("stack", BUNDLES)
def test_what_is_missing_is_said(stack: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs the CA"):
        make_bundle(stack, "server", PAIR.identity, [], tmp_path, b"secret")
    alone = replace(PAIR.identity, enc_cert=None, enc_key=None)
    with pytest.raises(ConfigError, match="both certificates"):
        make_bundle(stack, "server", alone, ROOT, tmp_path, b"secret")
    if needs_password(stack):
        for password in (None, b""):
            with pytest.raises(ConfigError, match="password"):
                make_bundle(stack, "server", PAIR.identity, ROOT, tmp_path, password)


def test_no_such_stack(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are nginx-tongsuo"):
        make_bundle("apache", "server", PAIR.identity, ROOT, tmp_path)


@pytest.mark.parametrize("stack", BUNDLES)
def test_a_directory_cannot_become_syntax(stack: str, tmp_path: Path) -> None:
    folder = tmp_path / 'a"b; include \\x; #'
    made = make_bundle(stack, "a b;c", PAIR.identity, ROOT, folder, b"secret")
    name = next(name for name in made.files if name.lower() in ("ca.crt", "cacert.pem"))
    whole = str(folder / name)
    if stack in ("gmssl", "tlcp"):
        words = [word for line in made.lines for word in shlex.split(line)]
        assert whole in words or {str(folder), "a b;c"} <= set(words)
    else:
        quoted = whole.replace("\\", "\\\\").replace('"', '\\"')
        assert f'"{quoted}"' in "\n".join(made.lines)
    with pytest.raises(ConfigError, match="cannot be named"):
        make_bundle(stack, "server", PAIR.identity, ROOT, tmp_path / "a\nb", b"secret")


def test_nginx_knows_no_way_to_write_a_dollar(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be named"):
        make_bundle("nginx-tongsuo", "server", PAIR.identity, ROOT, tmp_path / "$x")
