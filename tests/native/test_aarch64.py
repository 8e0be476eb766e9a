"""The C kernels compiled for 64-bit Arm, run by qemu: the same answers as here, cleanly.

The library in this process takes the fastest path of its processor, so every answer also is a
comparison of that path with the portable C that Arm gets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native import symmetric, test_kernels
from native.building import NATIVE, RELEASE_FLAGS, build

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = "qemu-aarch64"
OBJDUMP = "aarch64-linux-gnu-objdump"
LIBC = Path("/usr/aarch64-linux-gnu/lib/libc.a")
PACKAGES = {
    COMPILER: "gcc-aarch64-linux-gnu",
    EMULATOR: "qemu-user",
    OBJDUMP: "binutils-aarch64-linux-gnu",
}
BUILDS = {
    "release": RELEASE_FLAGS,
    # traps, because there is no sanitizer's library for static programs
    "undefined behaviour": ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),
}
SYMMETRIC = {
    "hashes": symmetric.hashes,
    "ciphers": symmetric.ciphers,
    "records": symmetric.records,
}

each_build = pytest.mark.parametrize("flags", BUILDS.values(), ids=BUILDS)


@pytest.fixture(autouse=True)
def _cross_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    for program, packages in PACKAGES.items():
        if shutil.which(program) is None:
            pytest.skip(reason=f"needs {program}: apt install {packages}")
    if not LIBC.exists():
        pytest.skip(reason=f"needs {LIBC}: apt install libc6-dev-arm64-cross")
    monkeypatch.setenv("CC", COMPILER)


def emulated(program: Path, *arguments: str, given: bytes = b"") -> list[str]:
    """What a static program for Arm prints."""
    command = [EMULATOR, str(program), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout.decode().splitlines()


@each_build
def test_sm2_answers_alike(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = build(tmp_path / "commands", "commands.c", "-static", *flags)
    todo = test_kernels.commands()
    lines = (
        " ".join([name, str(len(a)), str(size), *(part.hex() or "-" for part in a)])
        for name, size, a in todo
    )
    answers = emulated(program, given="\n".join(lines).encode())
    assert answers == [test_kernels.in_process(command) for command in todo]
    assert {line[0] for line in answers} == {"0", "1"}


@each_build
@pytest.mark.parametrize("commands", SYMMETRIC.values(), ids=SYMMETRIC)
def test_sm3_sm4_and_records_answer_alike(
    tmp_path: Path, flags: tuple[str, ...], commands: Callable[[], Iterator[symmetric.Command]]
) -> None:
    program = build(tmp_path / "symmetric", "symmetric.c", "-static", *flags)
    todo = list(commands())
    answers = emulated(program, given=b"".join(command.written() for command in todo))
    assert len(answers) == len(todo)
    for command, answer in zip(todo, answers, strict=True):
        assert answer == command.printed(), (command.name, command.size)


@each_build
def test_what_was_sealed_opens_and_what_was_altered_does_not(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    program = build(tmp_path / "records", "records.c", "-static", *flags)
    assert emulated(program, "3") == ["0"], "there is one path, in portable C"


def test_the_stack_that_is_erased_covers_what_is_used(tmp_path: Path) -> None:
    wiped = re.search(r"#define STACK_BYTES (\d+)", (NATIVE / "sm2.c").read_text())
    assert wiped
    program = build(tmp_path / "stack", "stack.c", "-static", *RELEASE_FLAGS, "-DSTACK_BYTES=16")
    used = [int(line) for line in emulated(program)]
    assert len(used) == 5
    assert 500 < max(used) < int(wiped[1])


def test_setup_builds_the_library_without_a_warning_or_a_division(tmp_path: Path) -> None:
    """Division takes a time that depends on its operands."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(tmp_path)]
    environment = {**os.environ, "CC": COMPILER, "CFLAGS": "-Werror"}
    done = subprocess.run(
        command, cwd=NATIVE.parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    library = tmp_path / "tlcp" / "_native" / "libtlcp_native.so"
    command = [OBJDUMP, "--disassemble", "--no-show-raw-insn", str(library)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "aarch64" in listing
    assert "<tlcp_sm2_sign>" in listing
    assert not re.findall(r"\t[us]div\s.*", listing)
