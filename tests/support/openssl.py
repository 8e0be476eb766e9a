"""The ``openssl`` command of the system, for tests that ask what it says of our files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

#: OpenSSL 3 must be told the usual SM2 ID; it passes it on to the last certificate only.
DISTID = ("-vfyopt", "distid:1234567812345678")


def openssl(*arguments: str | Path) -> str:
    """Run it and return what it printed on both streams; it must succeed."""
    done = run_openssl(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it, whatever comes of it; skip the test where it is missing."""
    if shutil.which("openssl") is None:
        pytest.skip(reason="needs the openssl command")
    return subprocess.run(
        ["openssl", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
