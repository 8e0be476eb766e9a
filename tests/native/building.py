"""Compiling the C kernels for the tests in this directory, possibly altered."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "src" / "tlcp" / "_native"
OBJECTS = HERE.parents[1] / ".cache" / "native"
RELEASE_FLAGS = ("-O3", "-fPIC")  # those of setup.py that change the code


def compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC", "gcc"))
    if shutil.which(command[0]) is None:
        pytest.skip(reason=f"needs a C compiler, found no {command[0]}")
    return command


def build(target: Path, harness: str, *flags: str, sources: Path = NATIVE) -> Path:
    """Compile a harness of this directory with all kernels; warnings are errors."""
    command = [*compiler(), "-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", *flags]
    headers = b"".join(path.read_bytes() for path in sorted(sources.glob("*.h")))
    files = [HERE / harness, *sorted(sources.glob("*.c"))]
    objects = [str(_object(path, command, headers, sources)) for path in files]
    _run([*command, "-o", str(target), *objects])
    return target


def _object(source: Path, command: list[str], headers: bytes, include: Path) -> Path:
    """The compiled file; the same text, headers and flags are compiled once."""
    parts = (" ".join(command).encode(), source.read_bytes(), headers)
    name = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    found = OBJECTS / f"{name}.o"
    if not found.exists():
        OBJECTS.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=OBJECTS, suffix=".o", delete=False) as made:
            _run([*command, f"-I{include}", f"-I{HERE}", "-c", str(source), "-o", made.name])
        os.replace(made.name, found)
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def altered(directory: Path, file: str, old: str, new: str) -> Path:
    """A copy of the kernels in which one piece of text is replaced."""
    shutil.copytree(NATIVE, directory, ignore=shutil.ignore_patterns("*.so", "*.py", "__pycache__"))
    text = (directory / file).read_text()
    assert text.count(old) == 1, f"{file} no longer has the text that this test alters: {old}"
    (directory / file).write_text(text.replace(old, new))
    return directory
