"""No branch and no address in the C kernels depends on a secret, as valgrind sees it.

``constant_time.c`` marks every secret as uninitialized memory; memcheck reports each use of such
a value in a condition or an address. The controls leak on purpose and must be reported.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from native.building import NATIVE, RELEASE_FLAGS, altered, build
from native.paths import AVAILABLE

NO_SUCH_PATH, REPORTED = 2, 9

LEAKS = {
    "table index": (
        "sm2_secret.h",
        "    memset(r, 0, sizeof *r);\n    for (int i = 0; i < entries; i++) {\n"
        "        uint64_t mask = mask_if_zero(digit ^ (uint64_t)(i + 1));\n"
        "        for (int j = 0; j < 4; j++) {\n            r->x.v[j] |= table[i].x.v[j] & mask;\n"
        "            r->y.v[j] |= table[i].y.v[j] & mask;\n        }\n    }",
        "    if (entries)\n        *r = table[(digit + 31) % 32];",
    ),
    "branch on a digit": (
        "sm2_secret.h",
        "            point_select(r, mask_if_zero(digit), r, &sum);",
        "            if (digit)\n                *r = sum;",
    ),
    "comparison that stops early": (
        "sm2.c",
        "    for (int i = 0; i < 32; i++)\n        difference",
        "    for (int i = 0; i < 32 && !difference; i++)\n        difference",
    ),
    "retry inside signing": (
        "sm2.c",
        "    ok &= ~limbs_zero_mask(&s);",
        "    if (limbs_zero_mask(&s))\n        return 0;",
    ),
    "inversion that stops early": (
        "sm2_inverse.c",
        "    for (int i = 0; i < BATCHES; i++) {",
        "    for (int i = 0; i < BATCHES && g.v[0] != 0; i++) {",
    ),
    "comparison with the order": (
        "sm2_scalar.c",
        "    sc_reduce(r, &x);",
        "    if (x.v[3] >= SM2_N.v[3])\n        sc_reduce(r, &x);\n    else\n        *r = x;",
    ),
}


def memcheck(program: Path, path: int) -> subprocess.CompletedProcess[str]:
    command = ["valgrind", "--quiet", f"--error-exitcode={REPORTED}", str(program), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", autouse=True)
def _needs_valgrind() -> None:
    if shutil.which("valgrind") is None:
        pytest.skip(reason="needs valgrind: apt install valgrind")
    if not Path("/usr/include/valgrind/memcheck.h").exists():
        pytest.skip(reason="needs valgrind/memcheck.h: apt install valgrind")


@pytest.mark.parametrize("flags", [(), ("-DTLCP_PORTABLE",), ("-O1",), ("-O2", "-flto")])
def test_no_branch_or_address_depends_on_a_secret(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = build(tmp_path / "program", "constant_time.c", *RELEASE_FLAGS, *flags)
    plain, mulx = memcheck(program, 0), memcheck(program, 1)
    assert plain.returncode == 0, plain.stderr
    if mulx.returncode != NO_SUCH_PATH or "-DTLCP_PORTABLE" not in flags:
        no_mulx = (
            mulx.returncode == NO_SUCH_PATH and "bmi2" not in Path("/proc/cpuinfo").read_text()
        )
        assert mulx.returncode == 0 or no_mulx, mulx.stderr


@pytest.mark.parametrize("leak", LEAKS)
def test_control_a_leak_is_reported(tmp_path: Path, leak: str) -> None:
    sources = altered(tmp_path / "kernels", *LEAKS[leak])
    program = build(tmp_path / "program", "constant_time.c", *RELEASE_FLAGS, sources=sources)
    result = memcheck(program, 0)
    assert result.returncode == REPORTED, result.stderr
    assert re.search("depends on uninitialised|uninitialised value", result.stderr)


def test_no_division_in_the_library(tmp_path: Path) -> None:
    """Division takes a time that depends on its operands; memcheck does not watch it."""
    if shutil.which("objdump") is None:
        pytest.skip(reason="needs objdump: apt install binutils")
    library = build(tmp_path / "kernels.so", "constant_time.c", *RELEASE_FLAGS, "-shared")
    command = ["objdump", "--disassemble", "--no-show-raw-insn", str(library)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "<tlcp_sm2_sign>" in listing
    assert not re.findall(r"\t(?:[iu]?div\w*|f?sqrt\w*)\s.*", listing)


def test_the_stack_that_is_erased_covers_what_is_used(tmp_path: Path) -> None:
    wiped = re.search(r"#define STACK_BYTES (\d+)", (NATIVE / "sm2.c").read_text())
    assert wiped
    program = build(tmp_path / "program", "stack.c", *RELEASE_FLAGS, "-DSTACK_BYTES=16")
    for path in AVAILABLE:
        command = [str(program), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        used = [int(line) for line in done.stdout.split()]
        assert len(used) == 5
        assert 500 < max(used) < int(wiped[1])
