"""``tlcp pki key``: what a file is, and keys from one form into another."""

from __future__ import annotations

import base64
import json
import os
import pty
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from cli.tools import LIMIT_S, command, environment
from tlcp.cli.app import program
from tlcp.crypto.envelope import open_envelope
from tlcp.crypto.keyfile import dump_private_key, load_private_key, load_private_keys
from tlcp.crypto.pem import split_pem
from tlcp.crypto.pkcs12 import load_pkcs12
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.x509.identity import Identity

PAIR = ("server.sign.crt", "server.sign.key", "server.enc.crt", "server.enc.key")


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Path:
    """A directory with the server's files, and a password file."""
    for name in (*PAIR, "ca.crt"):
        shutil.copy(folder / name, tmp_path)
    (tmp_path / "secret").write_text("correct horse\nand nothing else\n")
    return tmp_path


def tlcp(*words: str | Path) -> Result:
    """Run it, and look that no private key is in what it prints."""
    result = CliRunner().invoke(program, ["pki", "key", *map(str, words)])
    for word in words:
        path = Path(word)
        data = path.read_bytes() if path.suffix == ".key" and path.exists() else b""
        for block in split_pem(data) if b"-----END" in data else ():
            assert base64.b64encode(block.der).decode()[:40] not in result.output
            assert block.der.hex() not in result.output
    return result


def good(*words: str | Path) -> Result:
    result = tlcp(*words)
    assert result.exit_code == 0, result.output
    return result


def told(*words: str | Path) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads(good(*words, "--json").stdout)["parts"]
    return parts


def scalar(path: Path, password: bytes | None = None) -> bytes:
    return load_private_key(path.read_bytes(), password).dangerous_scalar()


def test_it_tells_what_belongs_together(place: Path) -> None:
    output = good(*(place / name for name in PAIR)).output
    assert f"{place}/server.sign.key: private key (PKCS#8, PEM)" in output
    assert f"belongs to  {place}/server.sign.crt: CN=a server,O=TLCP,C=CN, signing" in output
    assert f"belongs to  {place}/server.enc.crt: CN=a server,O=TLCP,C=CN, encryption" in output
    assert "encrypted   no" in output
    parts = told(place / "server.enc.key", place / "server.sign.crt", place / "server.enc.crt")
    assert [part["kind"] for part in parts] == ["private key", "certificate", "certificate"]
    assert [c["file"] for c in parts[0]["certificates"]] == [str(place / "server.enc.crt")]


def test_it_tells_what_does_not_belong_together(place: Path) -> None:
    """Exit code 1, so that a script notices it, too."""
    key, other = place / "server.sign.key", place / "server.enc.crt"
    told_apart = tlcp(key, other)
    assert told_apart.exit_code == 1, told_apart.output
    assert "belongs to  none of the certificates among the files" in told_apart.output
    assert "key         none of the keys among the files" in told_apart.output
    as_json = tlcp(key, other, "--json")
    assert as_json.exit_code == 1
    assert [part["stray"] for part in json.loads(as_json.stdout)["parts"]] == [True, True]
    assert tlcp(key, place / "ca.crt").exit_code == 1  # nor is it the CA's
    # beside its own certificate others do no harm, nor does a CA without its key
    both = good(key, place / "server.sign.crt", other, place / "ca.crt").output
    assert "none of the certificates" not in both
    assert both.count("none of the keys") == 1
    good(other)
    good(key)


def test_what_cannot_be_told_is_not_told(place: Path) -> None:
    sealed, envelope = place / "sealed.key", place / "envelope"
    secret = ("--new-password-file", place / "secret")
    good(place / "server.sign.key", "--to", "pkcs8", *secret, "--out", sealed)
    assert "none of" not in good(sealed, place / "server.enc.crt").output  # not opened
    to = ("--to", "envelope", "--recipient", place / "server.sign.crt", "--out", envelope)
    good(place / "server.enc.key", *to)
    # the signing key is there to open the envelope
    assert (
        "none of" not in good(envelope, place / "server.sign.key", place / "server.enc.crt").output
    )
    assert tlcp(envelope, place / "server.sign.crt").exit_code == 1


def test_the_fingerprint_is_that_of_openssl(place: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    command = ["openssl", "pkey", "-in", str(place / "server.sign.key")]
    command += ["-pubout", "-outform", "DER"]
    public = subprocess.run(command, capture_output=True, check=True).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sm3", "-r"], input=public, capture_output=True, check=True
    ).stdout
    (part,) = told(place / "server.sign.key")
    assert part["public_key_sm3"] == digest.split()[0].decode()


@pytest.mark.parametrize("form", ["pkcs8", "sec1"])
def test_keys_in_the_clear(form: str, place: Path) -> None:
    out = place / "new.key"
    result = good(place / "server.sign.key", "--to", form, "--out", out)
    assert "not encrypted: guard the file" in result.stderr
    assert scalar(out) == scalar(place / "server.sign.key")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    (part,) = told(out)
    assert part["form"] == {"pkcs8": "PKCS#8", "sec1": "SEC1"}[form]


def test_an_encrypted_key_and_back(place: Path) -> None:
    sealed, clear = place / "sealed.key", place / "clear.key"
    secret = ("--new-password-file", place / "secret")
    good(place / "server.sign.key", "--to", "pkcs8", *secret, "--out", sealed)
    assert scalar(sealed, b"correct horse") == scalar(place / "server.sign.key")
    output = good(sealed).output
    assert "AES-256-CBC under a password" in output
    assert "no password is given" in output
    opened = good(sealed, "--key-password-file", place / "secret").output
    assert "not read" not in opened
    words = ("--key-password-file", place / "secret", "--to", "pkcs8", "--out", clear)
    good(sealed, *words)
    assert clear.read_bytes() == (place / "server.sign.key").read_bytes()


def test_the_terminal_is_asked_for_the_new_password_and_shows_none(place: Path) -> None:
    out, sign = place / "sealed.key", place / "server.sign.key"
    ours, theirs = pty.openpty()
    words = command("pki", "key", sign, "--to", "pkcs8", "--encrypt", "--out", out)
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(), start_new_session=True
    ) as process:
        os.close(theirs)
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        shown = b""
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            while chunk := _read(terminal):
                before, shown = shown.count(b": "), shown + chunk
                for _ in range(shown.count(b": ") - before):  # asked, and asked again
                    terminal.write(b"from a terminal\n")
        process.wait(LIMIT_S)
        timer.cancel()
    assert process.returncode == 0, shown
    assert b"from a terminal" not in shown
    assert scalar(out, b"from a terminal") == scalar(sign)


def _read(terminal: IO[bytes]) -> bytes:
    try:
        return terminal.read(1024)
    except OSError:  # Linux says so when the other end has gone
        return b""


def test_a_key_for_gmssl(place: Path) -> None:
    out = place / "gmssl.key"
    secret = ("--new-password-file", place / "secret", "--cipher", "sm4-cbc", "--prf", "sm3")
    good(place / "server.sign.key", "--to", "pkcs8", *secret, "--out", out)
    (part,) = told(out)
    assert part["encryption"].startswith("SM4-CBC under a password (PBES2: PBKDF2 with HMAC-SM3")


def test_a_wrong_password_is_a_finding(place: Path) -> None:
    sealed, wrong = place / "sealed.key", place / "wrong"
    wrong.write_text("wrong")
    secret = ("--new-password-file", place / "secret")
    good(place / "server.sign.key", "--to", "pkcs8", *secret, "--out", sealed)
    result = tlcp(sealed, "--key-password-file", wrong)
    assert result.exit_code == 1
    assert "the password is wrong" in result.output


def test_a_pair_as_pkcs12(place: Path) -> None:
    out = place / "pair.p12"
    files = [place / name for name in (*reversed(PAIR), "ca.crt")]
    good(*files, "--to", "pkcs12", "--new-password-file", place / "secret", "--out", out)
    found = load_pkcs12(out.read_bytes(), b"correct horse")
    assert len(found.certificates) == 3
    first = found.keys[0]
    assert isinstance(first, SM2PrivateKey)
    assert first.dangerous_scalar() == scalar(place / "server.sign.key")  # for who takes one
    identity = Identity.from_bundle(out, password=b"correct horse")
    assert identity.enc_cert is not None
    assert len(identity.chain) == 1
    (shut,) = told(out)
    assert shut["kind"] == "bundle"
    kinds = [part["kind"] for part in told(out, "--key-password-file", place / "secret")]
    assert kinds == ["private key"] * 2 + ["certificate"] * 3


def test_an_envelope_and_back(place: Path) -> None:
    envelope, out = place / "enc.envelope", place / "out.key"
    recipient = ("--recipient", place / "server.sign.crt")
    good(place / "server.enc.key", "--to", "envelope", *recipient, "--out", envelope)
    sign = load_private_key((place / "server.sign.key").read_bytes())
    key = open_envelope(envelope.read_bytes(), sign)
    assert key.dangerous_scalar() == scalar(place / "server.enc.key")
    assert "opened      no" in good(envelope).output
    both = good(envelope, place / "server.sign.key", place / "server.enc.crt").output
    assert "opened      yes" in both
    assert f"belongs to  {place}/server.enc.crt" in both
    good(envelope, place / "server.sign.key", "--to", "pkcs8", "--out", out)
    assert scalar(out) == scalar(place / "server.enc.key")


def test_both_keys_of_one_file(place: Path) -> None:
    both, out = place / "both.pem", place / "both.new"
    both.write_bytes(b"".join((place / name).read_bytes() for name in PAIR[1::2]))
    good(both, "--to", "sec1", "--out", out)
    assert len(load_private_keys(out.read_bytes())) == 2


def test_overwriting_needs_force(place: Path) -> None:
    words = (place / "server.sign.key", "--to", "sec1", "--out", place / "server.enc.key")
    before = (place / "server.enc.key").read_bytes()
    result = tlcp(*words)
    assert result.exit_code == 2
    assert "exists already; nothing was written. --force replaces it" in result.output
    assert (place / "server.enc.key").read_bytes() == before
    good(*words, "--force")
    assert scalar(place / "server.enc.key") == scalar(place / "server.sign.key")


def test_what_is_not_written(place: Path) -> None:
    """Each of them leaves no file."""
    sign, out = place / "server.sign.key", place / "out"
    to = ("--out", out, "--to")
    secret = ("--new-password-file", place / "secret")
    (place / "empty").write_text("\n")
    cases: dict[str, tuple[str | Path, ...]] = {
        "--to and --out go together": (sign, "--to", "pkcs8"),
        "needs --recipient": (sign, *to, "envelope"),
        "--cipher and --prf need": (sign, *to, "pkcs8", "--cipher", "sm4-cbc"),
        "needs a password": (sign, place / "server.sign.crt", *to, "pkcs12"),
        "has no certificate among them": (sign, *to, "pkcs12", *secret),
        "SEC1 keys are not encrypted": (sign, *to, "sec1", *secret),
        "password is empty": (sign, *to, "pkcs8", "--new-password-file", place / "empty"),
        "no private key in these": (place / "ca.crt", *to, "pkcs8"),
        "got one for encryption": (
            sign, *to, "envelope", "--recipient", place / "server.enc.crt",
        ),
        "expected one certificate": (sign, *to, "envelope", "--recipient", sign),
        "not under a password": (
            sign, *to, "envelope", "--recipient", place / "server.sign.crt", *secret,
        ),
        "the files hold 2 keys": (
            sign, place / "server.enc.key", *to, "envelope",
            "--recipient", place / "server.sign.crt",
        ),
        "asks at a terminal": (sign, *to, "pkcs8", "--encrypt"),
        "does not belong into a file called": (
            sign, "--to", "pkcs8", "--out", place / "key.crt",
        ),
        "nothing that is known here": (place / "secret", *to, "pkcs8"),
    }  # fmt: skip
    for text, words in cases.items():
        result = tlcp(*words)
        assert result.exit_code == 2, (text, result.output)
        assert text in " ".join(result.output.split()), (text, result.output)
        assert not out.exists()
        assert not (place / "key.crt").exists()


def test_an_envelope_that_none_of_the_keys_opens(place: Path) -> None:
    envelope, out = place / "enc.envelope", place / "out"
    recipient = ("--recipient", place / "server.sign.crt")
    good(place / "server.enc.key", "--to", "envelope", *recipient, "--out", envelope)
    other = place / "other.key"
    other.write_bytes(dump_private_key(SM2PrivateKey.generate()))
    result = tlcp(envelope, other, "--to", "pkcs8", "--out", out)
    assert result.exit_code == 2
    assert "none of the files holds the signing key" in result.output


def test_files_that_are_something_else_do_not_hide_the_rest(place: Path) -> None:
    (place / "cut.key").write_bytes((place / "server.sign.key").read_bytes()[:-30])
    result = tlcp(place / "secret", place / "cut.key", place / "server.sign.key")
    assert result.exit_code == 1
    assert "nothing that is known here" in result.output
    assert "no END line" in result.output
    assert "server.sign.key: private key (PKCS#8, PEM)" in result.output
    assert tlcp(place / "missing").exit_code == 2


def test_a_file_of_very_many_certificates_is_refused(place: Path) -> None:
    many = place / "many.pem"
    many.write_bytes((place / "ca.crt").read_bytes() * 1025)
    result = tlcp(many)
    assert result.exit_code == 2
    assert "more than 1024 certificates and keys" in result.output
