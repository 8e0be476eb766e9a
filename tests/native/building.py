"""Compiling the C kernels for the tests in this directory, possibly altered."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "src" / "tlcp" / "_native"
RELEASE_FLAGS = ("-O3", "-fPIC")  # those of setup.py that change the code


def compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC", "gcc"))
    if shutil.which(command[0]) is None:
        pytest.skip(reason=f"needs a C compiler, found no {command[0]}")
    return command


def build(target: Path, harness: str, *flags: str, sources: Path = NATIVE) -> Path:
    """Compile a harness of this directory with all kernels; warnings are errors."""
    files = [str(HERE / harness), *sorted(str(path) for path in sources.glob("*.c"))]
    command = [*compiler(), "-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", *flags]
    command += [f"-I{sources}", "-o", str(target), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def altered(directory: Path, file: str, old: str, new: str) -> Path:
    """A copy of the kernels in which one piece of text is replaced."""
    shutil.copytree(NATIVE, directory, ignore=shutil.ignore_patterns("*.so", "*.py", "__pycache__"))
    text = (directory / file).read_text()
    assert text.count(old) == 1, f"{file} no longer has the text that this test alters: {old}"
    (directory / file).write_text(text.replace(old, new))
    return directory
