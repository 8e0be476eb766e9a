"""Revocation on the command line: issue, revoke, tell, and be refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.tools import Words, run, serving

NOW: tuple[Words, ...] = ("--linger", "0")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """A CA, a server and a client in one directory."""
    folder = tmp_path / "pki"
    run("pki", "init", folder)
    for name in ("server", "client"):
        done = run("pki", "issue", folder, name, "--host", "127.0.0.1")
        assert done.returncode == 0, done.stderr.decode()
    return folder


def make(*words: Words) -> None:
    done = run("pki", *words)
    assert done.returncode == 0, done.stderr.decode()


def test_a_revoked_client_is_refused_by_the_list(ca: Path) -> None:
    make("crl", ca)
    words: list[Words] = ["--pki", ca, "--name", "server", "--connections", "1"]
    with serving(*words, "--crl", ca / "ca.crl") as server:
        done = run("connect", server.address, "--pki", ca, "--name", "client", *NOW)
        assert done.returncode == 0, done.stderr.decode()
        assert "revocation    not asked about" in done.stderr.decode()
        assert server.wait() == 0
    make("revoke", ca, "client", "--reason", "keyCompromise")
    make("crl", ca)
    with serving(*words, "--crl", ca) as server:
        done = run("connect", server.address, "--pki", ca, "--name", "client", *NOW)
        assert done.returncode != 0
        assert "certificate_revoked" in done.stderr.decode()
        assert server.wait() == 1
        assert "reason keyCompromise" in server.log


def test_a_server_that_staples(ca: Path, tmp_path: Path) -> None:
    staple = tmp_path / "server.ocsp"
    make("ocsp", ca, "server", "--out", staple)
    words: list[Words] = ["--pki", ca, "--name", "server", "--connections", "1"]
    client: list[Words] = ["--pki", ca, "--name", "client", "--ocsp", *NOW]
    with serving(*words, "--ocsp-response", staple) as server:
        done = run("connect", server.address, *client)
        assert done.returncode == 0, done.stderr.decode()
        assert "revocation    none of its certificates is revoked" in done.stderr.decode()
    make("revoke", ca, "server")
    make("ocsp", ca, "server", "--out", staple, "--force")
    with serving(*words, "--ocsp-response", staple) as server:
        done = run("connect", server.address, *client)
        assert done.returncode != 0
        assert "is revoked since" in done.stderr.decode()
    with serving(*words) as server:
        done = run("connect", server.address, *client)
        assert done.returncode != 0
        assert "nothing tells whether" in done.stderr.decode()
    with serving(*words) as server:
        done = run("connect", server.address, *client, "--revocation", "soft-fail")
        assert done.returncode == 0, done.stderr.decode()
        assert "WARNING: nothing tells whether" in done.stderr.decode()
        assert "is known to be revoked (soft-fail)" in done.stderr.decode()


def test_a_server_warns_of_a_staple_that_helps_nobody(ca: Path, tmp_path: Path) -> None:
    staple = tmp_path / "client.ocsp"
    make("ocsp", ca, "client", "--out", staple)
    with serving("--pki", ca, "--name", "server", "--ocsp-response", staple) as server:
        for which in ("signing", "encryption"):
            assert f"says nothing of our {which} certificate CN=server" in server.line()


def test_options_that_cannot_work(ca: Path) -> None:
    words: list[Words] = ["connect", "127.0.0.1:1", "--pki", ca]
    done = run(*words, "--revocation", "hard-fail")
    assert done.returncode == 2
    assert "--revocation needs something to ask" in done.stderr.decode()
    done = run(*words, "--crl", ca / "nowhere")
    assert done.returncode == 2
    assert "cannot read" in done.stderr.decode()
    done = run(*words, "--crl", ca / "ca.crt")
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"tlcp: {ca / 'ca.crt'} holds no revocation list")
    words = ["serve", "127.0.0.1:0", "--pki", ca, "--name", "server"]
    done = run(*words, "--ocsp-response", ca / "ca.crt")
    assert done.returncode == 2
    assert "expected an OCSP response in DER" in done.stderr.decode()
    words = ["connect", "127.0.0.1:1", "--pki", ca]
    done = run(*words, "--ocsp", "--no-extensions")
    assert "no OCSP is asked for" in done.stderr.decode()
