"""The page on certificates: its commands and programs run, in its order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.tools import LIMIT_S, environment

PAGE = Path(__file__).parents[2] / "docs/howto/en/certificates.md"
BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)


def test_the_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert [kind for kind, _ in blocks].count("sh") >= 6
    tlcp = f'tlcp() {{ {shlex.quote(sys.executable)} -m tlcp "$@"; }}\nset -euo pipefail\n'
    for kind, text in blocks:
        program = ["bash", "-c", tlcp + text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            program,
            cwd=tmp_path,
            env=environment(LC_ALL="C.UTF-8"),
            capture_output=True,
            text=True,
            timeout=3 * LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, text + done.stdout + done.stderr
    assert (tmp_path / "machine/web.enc.key").exists()
    assert (tmp_path / "nginx/server_sign.crt").exists()
    assert (tmp_path / "test-pki/server.sign.key").exists()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_of_pki_is_on_the_page(language: str) -> None:
    from tlcp.cli.pki import pki

    text = PAGE.parents[1].joinpath(language, "certificates.md").read_text("utf-8")
    for name in pki.commands:
        assert f"tlcp pki {name} " in text, name
