"""``tlcp pki``, ``--help``, ``--version`` and what goes wrong before any network."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.tools import environment, run
from tlcp import __version__
from tlcp.cli import main
from tlcp.cli.app import program
from tlcp.pki.ca import CertificateAuthority
from tlcp.x509.identity import Identity

PAIR = ("server.sign.crt", "server.sign.key", "server.enc.crt", "server.enc.key")


def tlcp(*words: str | Path) -> Result:
    return CliRunner().invoke(program, [str(word) for word in words])


def test_init_makes_a_ca_that_can_be_loaded(tmp_path: Path) -> None:
    result = tlcp("pki", "init", tmp_path / "ca", "--cn", "My CA", "--days", "10")
    assert result.exit_code == 0, result.output
    authority = CertificateAuthority.load(tmp_path / "ca")
    assert authority.certificate.common_name == "My CA"
    lifetime = authority.certificate.not_after - authority.certificate.not_before
    assert lifetime.days == 10
    assert stat.S_IMODE((tmp_path / "ca/ca.key").stat().st_mode) == 0o600
    assert f"tlcp pki issue {tmp_path}/ca server" in result.output


def test_issue_makes_a_pair_that_can_be_used(tmp_path: Path) -> None:
    tlcp("pki", "init", tmp_path)
    result = tlcp("pki", "issue", tmp_path, "server", "--host", "localhost", "--host", "::1")
    assert result.exit_code == 0, result.output
    assert f"tlcp serve localhost:4433 --pki {tmp_path} --name server" in result.output
    identity = Identity.load(*(tmp_path / name for name in PAIR))  # type: ignore[arg-type]
    assert identity.sign_cert.dns_names == ("localhost",)
    assert [str(ip) for ip in identity.sign_cert.ip_addresses] == ["::1"]
    for name in PAIR:
        mode = stat.S_IMODE((tmp_path / name).stat().st_mode)
        assert mode == (0o600 if name.endswith(".key") else 0o644)


def test_a_client_needs_no_host_and_is_told_to_connect(tmp_path: Path) -> None:
    tlcp("pki", "init", tmp_path)
    result = tlcp("pki", "issue", tmp_path, "me", "--cn", "Me Myself")
    assert f"tlcp connect localhost:4433 --pki {tmp_path} --name me" in result.output


@pytest.mark.parametrize(
    "words", [("init", "."), ("issue", ".", "server", "--host", "localhost")], ids=["init", "issue"]
)
def test_nothing_is_replaced_without_force(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tlcp("pki", "init", ".")
    tlcp("pki", "issue", ".", "server")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = tlcp("pki", *words)
    assert refused.exit_code == 2
    assert "exists already" in refused.output
    assert "--force" in refused.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert tlcp("pki", *words, "--force").exit_code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} != before


def test_json_of_init_and_issue(tmp_path: Path) -> None:
    made = json.loads(run("pki", "init", tmp_path, "--json").stdout)
    assert set(made["files"]) == {"ca.crt", "ca.key"}
    assert made["ca"]["key_usage"] == ["cRLSign", "keyCertSign"]
    issued = json.loads(run("pki", "issue", tmp_path, "server", "--host", "a.cn", "--json").stdout)
    assert set(issued["files"]) == set(PAIR)
    assert issued["sign"]["hosts"] == issued["enc"]["hosts"] == ["a.cn"]
    assert issued["sign"]["subject"] == issued["enc"]["subject"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pki", "issue", "nowhere", "server"), 2, "no CA in nowhere"),
        (("pki", "issue", "made", "../up"), 2, "cannot be a file name"),
        (("pki", "issue", "made", "ca"), 2, "choose another"),
        (("pki", "issue", "made", "x", "--host", "a b"), 2, "neither an IP address nor a DNS"),
        (("pki", "issue", "made", "x", "--days", "0"), 2, "--days"),
        (("serve", "localhost", "--pki", "made"), 2, "not HOST:PORT"),
        (("serve", "::1:443", "--pki", "made"), 2, "goes into [ ]"),
        (("serve", "localhost:99999", "--pki", "made"), 2, "no port"),
        (("serve", "localhost:0"), 2, "a server needs certificates"),
        (("serve", "localhost:0", "--name", "x"), 2, "--name needs --pki"),
        (("serve", "localhost:0", "--pki", "made", "--name", "x"), 2, "tlcp pki issue made x"),
        (("serve", "localhost:0", "--pki", "nowhere", "--name", "x"), 2, "tlcp pki issue"),
        (("connect", "localhost:1"), 2, "--ca FILE"),
        (("connect", "localhost:1", "--ca", "nofile"), 2, "cannot read the CA file"),
        (("connect", "localhost:1", "--pki", "nowhere"), 2, "tlcp pki init nowhere"),
        (("connect", "localhost:1", "--pki", "made", "--ciphers", "AES"), 2, "unknown cipher"),
        (("connect", "localhost:1", "--pki", "made", "--sign-cert", "x"), 2, "needed together"),
        (("connect", "localhost:1", "--pki", "made", "--keylog", "no/dir"), 2, "key log"),
        (("connect", "localhost:1", "--pki", "made", "--trace-to", "no/dir"), 2, "trace"),
        (("connect", "localhost:1", "--pki", "made", "--ciphers", "E011"), 2, "only ECDHE"),
        (("demo", "--ciphers", "IBC_SM4_CBC_SM3"), 2, "not implemented"),
        (("nonsense",), 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_is_said_in_one_line(
    words: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tlcp("pki", "init", "made")
    result = tlcp(*words)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "words", [(), ("pki",), ("pki", "init"), ("pki", "issue"), ("serve",), ("connect",), ("demo",)]
)
def test_every_help_has_an_example(words: tuple[str, ...]) -> None:
    result = tlcp(*words, "--help")
    assert result.exit_code == 0
    assert "Example:\n" in result.output
    assert " ".join(("tlcp", *words)) in result.output.partition("Example:")[2]


def test_version() -> None:
    assert run("--version").stdout.decode().split()[-1] == __version__


def test_main_returns_the_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["pki", "init", str(tmp_path)]) == 0
    assert main(["pki", "init", str(tmp_path)]) == 2
    assert main(["pki", "init", str(tmp_path), "--force"]) == 0
    assert "--force" in capsys.readouterr().err


def test_a_bug_is_owned_up_to_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(CertificateAuthority, "create", broken)
    result = tlcp("pki", "init", tmp_path)
    assert result.exit_code == 4
    assert "a bug of tlcp: ZeroDivisionError: oops" in result.output
    assert "Traceback" not in result.output
    shown = tlcp("--debug", "pki", "init", tmp_path)
    assert shown.exit_code == 4
    assert "Traceback" in shown.output


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_package_is_named_with_the_cure(missing: str) -> None:
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda n, *a: None if n == {missing!r} else find(n, *a)\n"
        "from tlcp.cli import main\n"
        "sys.exit(main(['--version']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(), check=False
    )
    assert done.returncode == 2
    text = done.stderr.decode()
    assert text == f"tlcp: the command line needs {missing}: pip install 'tlcp[cli]'\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    shell = " ".join([f"'{sys.executable}'", "-m", "tlcp", "demo", "|", "head", "-1"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell],
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.stdout.startswith(b"TLCP demo")
    assert done.stderr == b""
    assert done.returncode == 141
