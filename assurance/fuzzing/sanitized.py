"""The same inputs through kernels that were built with AddressSanitizer and UBSan.

A copy of the package gets such a library, and Python takes its memory from the sanitizer's
allocator, so that a kernel which leaves the buffers it was given ends the process.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from assurance.figures import Tell

__all__ = ["SURFACES", "absent", "build", "is_seen", "replay"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_TREE: Final = _ROOT / "build" / "fuzz" / "sanitized"
_FLAGS: Final = (
    *("-O1", "-g", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-shared"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
#: Those whose inputs reach the kernels.
SURFACES: Final = ("record", "ticket", "client", "server", "envelope", "certificate", "pcap")
_CONTROL: Final = """
from tlcp._native import ffi, lib
lib.tlcp_sm3(ffi.new("uint8_t[]", 8), b"abc", 3)
"""
_SLACK_S: Final = 240  # to come up, and for the files: all is many times slower there


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "gcc"))


def _runtime() -> str:
    """The path of the sanitizer's library; "" if there is none."""
    command = [*_compiler(), "-print-file-name=libasan.so"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = done.stdout.strip()
    return found if os.path.isabs(found) else ""


def absent() -> str:
    """Why it cannot be done here; "" if it can."""
    return "" if _runtime() else "no compiler with AddressSanitizer: nothing ran under it"


def build(tell: Tell) -> Path:
    """Make the copy; returns its ``src``."""
    source = _TREE / "src"
    shutil.rmtree(_TREE, ignore_errors=True)
    shutil.copytree(
        _ROOT / "src", source, ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    )
    native = source / "tlcp" / "_native"
    files = sorted(map(str, native.glob("*.c")))
    library = str(native / "libtlcp_native.so")
    subprocess.run([*_compiler(), *_FLAGS, "-o", library, *files], check=True)
    tell("the kernels are built with sanitizers")
    return source


def _environment(source: Path) -> dict[str, str]:
    paths = [str(_ROOT), str(source), str(_ROOT / "tests")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "LD_PRELOAD": _runtime(),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def is_seen(source: Path) -> bool:
    """Whether a kernel that is lied to about the room it has is caught: the control."""
    command = [sys.executable, "-c", _CONTROL]
    done = subprocess.run(
        command, env=_environment(source), capture_output=True, text=True, check=False
    )
    return done.returncode != 0 and "AddressSanitizer: heap-buffer-overflow" in done.stderr


def replay(source: Path, surface: str, seconds: int, corpus: Path) -> tuple[int, str]:
    """How many inputs of a surface were run, and what went wrong, if anything did."""
    command = [
        *(sys.executable, "-W", "ignore", "-m", "assurance.fuzzing.replay"),
        *(surface, str(seconds), str(corpus)),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env=_environment(source),
            capture_output=True,
            text=True,
            timeout=seconds + _SLACK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0, f"{surface}, sanitized: not through after {seconds + _SLACK_S} s"
    if done.returncode != 0:
        return 0, f"{surface}, sanitized: status {done.returncode}:\n{done.stderr[-3000:]}"
    return int(done.stdout.split()[-1]), ""
