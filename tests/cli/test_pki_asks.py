"""Before ``tlcp pki`` writes over a file, it asks who sits at the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from cli.tools import LIMIT_S, command, environment, run


def at_a_terminal(*words: str | Path, answer: str, asked: str = "[y/N]") -> tuple[int, str]:
    """Run a command on a terminal, and type a line when it asks."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(*words),
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=environment(LC_ALL="C.UTF-8"),
    )
    os.close(slave)
    seen = b""
    try:
        while asked.encode() not in seen:
            seen += os.read(master, 4096)
        os.write(master, answer.encode() + b"\n")
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            seen += more
        return process.wait(LIMIT_S), seen.decode()
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_a_pair_is_replaced_if_the_answer_is_yes(tmp_path: Path, answer: str, code: int) -> None:
    ca = tmp_path / "ca"
    assert run("pki", "init", ca).returncode == 0
    assert run("pki", "issue", ca, "server").returncode == 0
    key = (ca / "server.sign.key").read_bytes()
    status, seen = at_a_terminal("pki", "issue", ca, "server", answer=answer)
    assert status == code, seen
    assert "exists already; replace? [y/N]" in seen
    assert ((ca / "server.sign.key").read_bytes() == key) is (code != 0)
    assert ("nothing was written" in seen) is (code != 0)


def test_the_password_of_the_ca_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    ca, secret = tmp_path / "ca", tmp_path / "secret"
    secret.write_text("correct horse\n")
    assert run("pki", "init", ca, "--new-password-file", secret).returncode == 0
    prompt = f"password of {ca / 'ca.key'}: "
    for answer, code in (("correct horse", 0), ("another", 2)):
        status, seen = at_a_terminal("pki", "crl", ca, answer=answer, asked=prompt)
        assert status == code, seen
        assert answer not in seen
    assert (ca / "ca.crl").exists()


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    assert run("pki", "init", tmp_path / "ca").returncode == 0
    done = run("pki", "init", tmp_path / "ca")
    assert done.returncode == 2
    assert b"nothing was written. --force replaces it" in done.stderr
