"""``--strict``: the form of the peer's certificates, at both ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from chains.files import LONG, write_pki
from chains.making import root
from cli.tools import run, serving

NOW = ("--linger", "0")
SAID = "CN=Root is a CA without subjectKeyIdentifier"


def options(folder: Path) -> list[str | Path]:
    words: list[str | Path] = ["--ca", folder / "ca.crt"]
    for role, name in (("sign", "leaf"), ("enc", "enc")):
        words += [f"--{role}-cert", folder / f"{name}.crt", f"--{role}-key", folder / f"{name}.key"]
    return words


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pki(tmp_path_factory.mktemp("careless"), root(ski=None, **LONG))


def test_a_strict_client(careless: Path) -> None:
    with serving(*options(careless)) as server:
        words = ("connect", f"localhost:{server.port}", *options(careless), *NOW)
        assert run(*words, data=b"x").stdout == b"x"
        refused = run(*words, "--strict", data=b"x")
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert SAID in refused.stderr.decode()


def test_a_strict_server(careless: Path, tmp_path: Path) -> None:
    good = write_pki(tmp_path, root(**LONG))
    with serving(*options(careless), "--strict") as server:
        words = ("connect", f"localhost:{server.port}", *options(careless), *NOW)
        assert run(*words, data=b"x").returncode == 1
        assert SAID in server.line()
    with serving(*options(good), "--strict") as server:
        words = ("connect", f"localhost:{server.port}", *options(good), "--strict", *NOW)
        assert run(*words, data=b"x").stdout == b"x"
