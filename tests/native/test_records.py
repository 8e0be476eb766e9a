"""The kernels for SM3, SM4 and records under sanitizers; their table; the choice of a path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from native.building import NATIVE, build
from native.paths import AVAILABLE, NAMES
from tlcp._native import lib

SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize("flags", [SANITIZE, ("-O0",)], ids=["sanitizers", "unoptimized"])
@pytest.mark.parametrize("portable", [False, True], ids=["all paths", "portable C"])
def test_every_path_gives_the_same_bytes_cleanly(
    tmp_path: Path, flags: tuple[str, ...], portable: bool
) -> None:
    flags += ("-DTLCP_PORTABLE",) if portable else ()
    program = build(tmp_path / "records", "records.c", *flags)
    done = subprocess.run([str(program), "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    paths = [0] if portable else AVAILABLE
    assert done.stdout.split() == [str(path) for path in paths]


def test_the_table_is_what_its_script_prints() -> None:
    script = NATIVE / "make_sm4_table.py"
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout
    assert printed == (NATIVE / "sm4_table.h").read_bytes()


@pytest.mark.parametrize("name", [*NAMES, "nonsense"])
def test_the_environment_chooses_the_path(name: str) -> None:
    """A path that the processor lacks, or no path at all, gives the best one."""
    code = "from tlcp._native import lib; print(lib.tlcp_cpu_level())"
    environment = {**os.environ, "TLCP_NATIVE": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wanted = NAMES.index(name) if name in NAMES else AVAILABLE[-1]
    assert int(done.stdout) == min(wanted, AVAILABLE[-1])


def test_a_path_is_chosen_and_asked_for() -> None:
    before = lib.tlcp_cpu_level()
    assert [lib.tlcp_cpu_select(path) for path in AVAILABLE] == list(AVAILABLE)
    assert lib.tlcp_cpu_select(99) == AVAILABLE[-1] == lib.tlcp_cpu_level()
    lib.tlcp_cpu_select(before)
