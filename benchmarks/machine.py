"""Where and with what it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
from importlib import metadata
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend

from benchmarks import gmssl, tongsuo
from benchmarks.libraries import CRYPTOGRAPHY, GMSSL, SSL, TONGSUO, missing
from benchmarks.measure import OURS
from tlcp._native import lib

__all__ = ["describe", "lines"]

LEVELS = ("portable C", "AVX2", "AVX2 and GFNI", "AVX-512")
#: What our kernels and those of the others choose their paths by.
FLAGS = (
    *("aes", "pclmulqdq", "bmi2", "adx", "avx2", "gfni", "vaes", "vpclmulqdq"),
    *("avx512f", "avx512bw", "avx512vl", "avx512vbmi", "avx512ifma"),
)


def describe() -> dict[str, Any]:
    """Everything, for the JSON file."""
    flags = set(_cpuinfo("flags").split())
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _cpuinfo("model name") or platform.processor() or "unknown",
        "cores": os.cpu_count(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "flags_missing": [flag for flag in FLAGS if flag not in flags],
        "path": LEVELS[lib.tlcp_cpu_level()],
        "load": round(os.getloadavg()[0], 2),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {
            OURS: metadata.version("tlcp"),
            TONGSUO: missing(TONGSUO) or tongsuo.version(),
            GMSSL: missing(GMSSL) or gmssl.version(),
            CRYPTOGRAPHY: f"{metadata.version('cryptography')} ({backend.openssl_version_text()})",
            SSL: ssl.OPENSSL_VERSION,
        },
    }


def lines(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """The same for people: (what, value)."""
    lacks = "".join(f", no {flag}" for flag in machine["flags_missing"])
    libraries = machine["libraries"]
    return [
        ("date", f"{machine['date']}, load {machine['load']}"),
        ("machine", f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"),
        ("flags", " ".join(machine["flags"]) + lacks),
        ("our path", machine["path"]),
        ("Python", machine["python"]),
        *((name, str(version)) for name, version in libraries.items()),
    ]


def _cpuinfo(field: str) -> str:
    """A field of the first processor, "" where the kernel tells none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""
