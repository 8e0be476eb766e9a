"""Build step of tlcp: compiles the C kernels into a plain shared library.

No Python.h is needed: the library knows nothing of Python, cffi opens it (ABI mode). Besides
the library this writes ``_ffi.py``, the declarations of ``tlcp_native.h`` in cffi's precompiled
form. ``CC``, ``CFLAGS`` and ``LDFLAGS`` are respected. One wheel serves every Python 3 of a
platform: py3-none-<platform>.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shlex
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from cffi import FFI
from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

NATIVE = Path("src/tlcp/_native")
LIBRARY, DECLARATIONS = "libtlcp_native.so", "_ffi.py"
FLAGS = ["-O3", "-std=c11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"]


def compile_library(target: Path) -> None:
    """Compile and link all kernels with one call of the C compiler."""
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    command = [
        *compiler,
        *FLAGS,
        *shlex.split(os.environ.get("CFLAGS", "")),
        "-shared",
        "-o",
        str(target),
        *sorted(str(path) for path in NATIVE.glob("*.c")),
        *shlex.split(os.environ.get("LDFLAGS", "")),
    ]
    print(shlex.join(command), flush=True)
    try:
        subprocess.run(command, check=True)  # noqa: S603
    except FileNotFoundError:
        raise SystemExit(
            f"tlcp needs a C compiler and found no {compiler[0]!r}: install gcc and the C "
            "library's headers (Debian: apt install gcc libc6-dev) or set CC"
        ) from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"compiling tlcp's C code failed, see above ({error})") from None


def write_declarations(target: Path) -> None:
    """Write the header's declarations as a module that needs no C parser to load."""
    header = (NATIVE / "tlcp_native.h").read_text(encoding="utf-8")
    ffi = FFI()
    ffi.cdef("\n".join(line for line in header.splitlines() if not line.startswith("#")))
    ffi.set_source("tlcp._native._ffi", None)
    ffi.emit_python_code(str(target))


class BuildNative(build_ext):
    """Stand-in for the compilation of extension modules, of which there are none."""

    def _directory(self) -> Path:
        if self.inplace or getattr(self, "editable_mode", False):
            return NATIVE
        return Path(self.build_lib) / "tlcp" / "_native"

    def run(self) -> None:
        directory = self._directory()
        directory.mkdir(parents=True, exist_ok=True)
        # A new file, not an overwritten one: a running process may have the old one mapped.
        fresh = directory / (LIBRARY + ".new")
        compile_library(fresh)
        fresh.replace(directory / LIBRARY)
        write_declarations(directory / DECLARATIONS)

    def get_outputs(self) -> list[str]:
        return [str(self._directory() / name) for name in (LIBRARY, DECLARATIONS)]

    def get_output_mapping(self) -> dict[str, str]:
        return {}

    def get_source_files(self) -> list[str]:
        return sorted(str(path) for suffix in ("*.c", "*.h") for path in NATIVE.glob(suffix))


class NativeDistribution(Distribution):
    """Tells setuptools that the package is bound to a platform."""

    def has_ext_modules(self) -> bool:
        return True


class PlatformWheel(bdist_wheel):
    """Tags the wheel for every Python 3: the library does not depend on its version."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class SameSdist(sdist):
    """Writes the same bytes from the same files: sorted, of nobody, of one moment.

    The moment is SOURCE_DATE_EPOCH, as https://reproducible-builds.org/specs/source-date-epoch/ has
    it; without it the archive is made as usual.
    """

    def make_archive(self, base_name: str, format: str, *args: Any, **options: Any) -> str:
        moment = os.environ.get("SOURCE_DATE_EPOCH")
        if moment is None or format != "gztar":
            made: str = super().make_archive(base_name, format, *args, **options)
            return made
        root = Path(options["base_dir"])
        path = f"{base_name}.tar.gz"
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for file in sorted([root, *root.rglob("*")]):
                entry = archive.gettarinfo(str(file))
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                entry.mtime = int(moment)
                entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
                with file.open("rb") if entry.isfile() else contextlib.nullcontext() as data:
                    archive.addfile(entry, data)
        with open(path, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=int(moment)) as zipped:
            zipped.write(plain.getvalue())
        return path


COMMANDS: dict[str, Any] = {
    "build_ext": BuildNative,
    "bdist_wheel": PlatformWheel,
    "sdist": SameSdist,
}

if __name__ == "__main__":
    setup(cmdclass=COMMANDS, distclass=NativeDistribution)
