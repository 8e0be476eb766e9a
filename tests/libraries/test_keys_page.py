"""What the page about keys shows is run, block after block, in one directory."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import tlcp

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "en" / "keys.md"
BLOCK = re.compile(r"(<!-- examples/\w+\.py -->\n)?```(sh|python)\n(.*?)```", re.DOTALL)
LIMIT_S = 60.0


def test_the_page_runs(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tlcp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m tlcp "$@"\n')
    program.chmod(0o755)
    source = str(Path(tlcp.__file__).parents[1])
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": source,
    }
    blocks = [
        (kind, code) for example, kind, code in BLOCK.findall(PAGE.read_text()) if not example
    ]
    assert [kind for kind, _ in blocks] == ["sh", "sh", "python", "python"]
    for kind, code in blocks:
        command = (
            ["sh", "-ec", code] if kind == "sh" else [sys.executable, "-W", "error", "-c", code]
        )
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0, code + done.stdout + done.stderr
    assert (tmp_path / "clear.key").read_bytes() == (tmp_path / "pki/server.sign.key").read_bytes()
    assert (tmp_path / "server.enc.key").read_bytes() == (
        tmp_path / "pki/server.enc.key"
    ).read_bytes()
    for path in [*tmp_path.glob("*.key"), tmp_path / "server.p12", tmp_path / "server.envelope"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
