"""The C kernels under sanitizers, with and without assembly; their table; their build."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from native.building import NATIVE, build, compiler
from tlcp._native import ffi, lib
from tlcp.crypto.sm2_tables import TABLE_BYTES

N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BUILDS = {
    "sanitizers": SANITIZE,
    "sanitizers, portable C": (*SANITIZE, "-DTLCP_PORTABLE"),
    "unoptimized": ("-O0",),
    "portable C": ("-O3", "-DTLCP_PORTABLE"),
}

Command = tuple[str, int, tuple[bytes, ...]]  # operation, bytes of output, arguments


def in_process(command: Command) -> str:
    """What the installed library answers, printed as the harness prints it."""
    name, size, a = command
    out = ffi.new("uint8_t[]", size + 1)
    if name in ("point_valid", "verify"):
        ok = getattr(lib, "tlcp_sm2_" + name)(*a)
    elif name == "verify_with_table":
        ok = lib.tlcp_sm2_verify_with_table(*a[:2], ffi.from_buffer("tlcp_sm2_table *", a[2]))
    elif name == "make_table":
        ok = lib.tlcp_sm2_make_table(ffi.cast("tlcp_sm2_table *", out), a[0])
    elif name == "sm3":
        ok = lib.tlcp_sm3(out, a[0], len(a[0]))
    elif name == "z":
        ok = lib.tlcp_sm2_z(out, a[0], len(a[0]), a[1])
    elif name == "encrypt":
        ok = lib.tlcp_sm2_encrypt(out, out + 64, out + 96, a[0], len(a[0]), *a[1:])
    elif name == "decrypt":
        ok = lib.tlcp_sm2_decrypt(out, len(a[2]), *a)
    elif name == "exchange":
        ok = lib.tlcp_sm2_exchange(out, 48, *a)
    else:
        ok = getattr(lib, "tlcp_sm2_" + name)(out, *a)
    return f"{ok} {bytes(ffi.buffer(out))[:size].hex()}"


def commands() -> list[Command]:
    generator = random.Random(2020)  # noqa: S311
    scalars = [n.to_bytes(32) for n in (0, 1, 2, N - 6, N - 2, N - 1, N, 2**256 - 1)]
    scalars += [generator.randbytes(32) for _ in range(24)]
    result: list[Command] = [("sm3", 32, (bytes(n),)) for n in (0, 1, 55, 56, 63, 64, 65, 200)]
    point = bytes.fromhex(in_process(("public_key", 64, (scalars[-1],)))[2:])
    digest, zs = generator.randbytes(32), (bytes(32), bytes(31) + b"\1")
    for d in scalars:
        k = generator.choice(scalars)
        point = bytes.fromhex(in_process(("public_key", 64, (d,)))[2:])
        u = bytes.fromhex(in_process(("signing_key", 32, (d,)))[2:])
        signature = bytes.fromhex(in_process(("sign", 64, (digest, u, k)))[2:])
        table = bytes.fromhex(in_process(("make_table", TABLE_BYTES, (point,)))[2:])
        m = generator.randbytes(generator.randrange(100))
        sealed = bytes.fromhex(in_process(("encrypt", 96 + len(m), (m, point, k)))[2:])
        parts = (sealed[:64], sealed[64:96], sealed[96:])
        other = bytes.fromhex(in_process(("public_key", 64, (k,)))[2:])
        result += [
            ("public_key", 64, (d,)),
            ("point_valid", 0, (point,)),
            ("point_valid", 0, (generator.randbytes(64),)),
            ("z", 32, (m, point)),
            ("signing_key", 32, (d,)),
            ("sign", 64, (digest, u, k)),
            ("make_table", TABLE_BYTES, (point,)),
            ("verify_with_table", 0, (signature, digest, table)),
            ("verify_with_table", 0, (generator.randbytes(64), digest, table)),
            ("verify", 0, (signature, digest, point)),
            ("verify", 0, (generator.randbytes(64), digest, point)),
            ("encrypt", 96 + len(m), (m, point, k)),
            ("decrypt", len(m), (*parts, d)),
            ("decrypt", len(m), (*parts, k)),
            ("exchange", 48, (d, k, other, point, other, *zs)),
        ]
    return result


@pytest.mark.parametrize("flags", BUILDS.values(), ids=BUILDS)
def test_every_build_answers_alike_and_cleanly(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = build(tmp_path / "commands", "commands.c", *flags)
    todo = commands()
    text = "\n".join(
        " ".join([name, str(len(a)), str(size), *(part.hex() or "-" for part in a)])
        for name, size, a in todo
    )
    for level in ("0", "-1"):
        done = subprocess.run(
            [str(program), level], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answers = done.stdout.splitlines()
        assert answers == [in_process(command) for command in todo]
        assert {line[0] for line in answers} == {"0", "1"}


@pytest.mark.parametrize(
    ("kind", "header"), [("secret", "sm2_table.h"), ("public", "sm2_public_table.h")]
)
def test_the_tables_are_what_their_script_prints(kind: str, header: str) -> None:
    command = [sys.executable, str(NATIVE / "make_sm2_table.py"), kind]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    assert printed == (NATIVE / header).read_bytes()


def test_only_the_interface_is_visible() -> None:
    if shutil.which("nm") is None:
        pytest.skip(reason="needs nm: apt install binutils")
    command = ["nm", "--dynamic", "--defined-only", str(NATIVE / "libtlcp_native.so")]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in listing.splitlines()}
    assert {name for name in names if not name.startswith("_")} == set(dir(lib))
    assert "tlcp_sm2_sign" in names


def test_a_missing_library_is_explained(tmp_path: Path) -> None:
    package = tmp_path / "tlcp" / "_native"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    shutil.copy(NATIVE / "__init__.py", package)
    done = subprocess.run(
        [sys.executable, "-c", "import tlcp._native"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install -e ." in done.stderr
    assert "gcc" in done.stderr


def test_setup_builds_both_files_and_names_a_missing_compiler(tmp_path: Path) -> None:
    pytest.importorskip("setuptools.command.bdist_wheel", reason="needs setuptools 70.1 or later")
    root = NATIVE.parents[2]
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "CC": compiler()[0], "CFLAGS": "-DTLCP_PORTABLE"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "-DTLCP_PORTABLE" in done.stdout
    files = {path.name for path in (tmp_path / "tlcp" / "_native").iterdir()}
    assert files == {"libtlcp_native.so", "_ffi.py"}
    environment["CC"] = "no-such-compiler"
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "apt install gcc" in done.stderr
