"""No branch and no address in SM3, SM4 and the records depends on a secret, as valgrind sees it.

valgrind 3.19 knows neither GFNI nor AVX-512, so it runs the portable code and the path for AVX2
and AES. The paths with GFNI are the same C with other operations for the S-box (``sm4_lanes.h``,
``sm3_rounds.h``), and padding and MAC are checked by the same code on all of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from native.building import NATIVE, RELEASE_FLAGS, altered, build

REPORTED, NO_SUCH_PATH = 9, 2
PUBLIC = (
    "-include",
    "valgrind/memcheck.h",
    "-DDECLASSIFY(p,n)=((void)VALGRIND_MAKE_MEM_DEFINED(p,n))",
)

LEAKS = {
    "table index": (
        "sm4.c",
        "        in[j] = x >> j & 0x01010101;",
        '        in[j] = (x >> j & 0x01010101) ^ ("\\0\\0"[x & 1]);',
    ),
    "branch in GHASH": (
        "ghash.c",
        "    uint64_t carry = hide((uint64_t)0 - (x.v[1] >> 63));",
        "    uint64_t carry = 0;\n    if (x.v[1] >> 63)\n        carry = hide(~carry);",
    ),
    "tag comparison that stops early": (
        "gcm.c",
        "    for (int i = 0; i < 16; i++)\n        difference |=",
        "    for (int i = 0; i < 16 && !difference; i++)\n        difference |=",
    ),
    "padding check that stops early": (
        "record_cbc_open.c",
        "i <= checked; i++)",
        "i <= checked && !wrong; i++)",
    ),
    "hash that ends where the plaintext ends": (
        "record_cbc_open.c",
        "            if (records[i].block == records[i].blocks)",
        "            if (records[i].block == (records[i].length + 13 + 8) / 64 + 1)",
    ),
    "MAC read where it lies": (
        "record_cbc_open.c",
        "    for (uint32_t step = 1; step < MAC_BYTES; step <<= 1) {",
        "    memcpy(found, r->text + r->length, 32);\n"
        "    for (uint32_t step = 1; step < MAC_BYTES; step <<= 1) {",
    ),
    "no MAC after a wrong padding": (
        "record_cbc_open.c",
        "        put_mac_header(r->header, sequence + i, type, r->length);",
        "        if (!r->good)\n            r->room = r->shortest;\n"
        "        put_mac_header(r->header, sequence + i, type, r->length);",
    ),
}


def memcheck(program: Path, path: int) -> subprocess.CompletedProcess[str]:
    command = ["valgrind", "--quiet", f"--error-exitcode={REPORTED}", str(program), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def harness(target: Path, *flags: str, sources: Path = NATIVE) -> Path:
    return build(target, "constant_time_records.c", *PUBLIC, *flags, sources=sources)


@pytest.fixture(scope="module", autouse=True)
def _needs_valgrind() -> None:
    if shutil.which("valgrind") is None:
        pytest.skip(reason="needs valgrind: apt install valgrind")
    if not Path("/usr/include/valgrind/memcheck.h").exists():
        pytest.skip(reason="needs valgrind/memcheck.h: apt install valgrind")


@pytest.mark.parametrize(
    "flags",
    [RELEASE_FLAGS, ("-O1",), ("-O2", "-flto"), (*RELEASE_FLAGS, "-DTLCP_PORTABLE")],
    ids=["release", "O1", "O2 lto", "portable"],
)
def test_no_branch_or_address_depends_on_a_secret(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = harness(tmp_path / "program", *flags)
    portable, avx2 = memcheck(program, 0), memcheck(program, 1)
    assert portable.returncode == 0, portable.stderr
    if avx2.returncode != NO_SUCH_PATH or "-DTLCP_PORTABLE" not in flags:
        no_avx2 = (
            avx2.returncode == NO_SUCH_PATH and "avx2" not in Path("/proc/cpuinfo").read_text()
        )
        assert avx2.returncode == 0 or no_avx2, avx2.stderr


@pytest.mark.parametrize("leak", LEAKS)
def test_control_a_leak_is_reported(tmp_path: Path, leak: str) -> None:
    sources = altered(tmp_path / "kernels", *LEAKS[leak])
    program = harness(tmp_path / "program", *RELEASE_FLAGS, sources=sources)
    result = memcheck(program, 0)
    assert result.returncode == REPORTED, result.stderr
    assert re.search("depends on uninitialised|uninitialised value", result.stderr)


def test_control_what_becomes_public_is_marked(tmp_path: Path) -> None:
    """Without the marks memcheck reports that a record's verdict is used: it watches it."""
    program = build(tmp_path / "program", "constant_time_records.c", *RELEASE_FLAGS)
    assert memcheck(program, 0).returncode == REPORTED
