"""The code paths of the kernels, for tests that run on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tlcp._native import lib

NAMES = ("portable", "avx2", "gfni", "avx512")


def _best() -> int:
    before = lib.tlcp_cpu_level()
    best = lib.tlcp_cpu_select(-1)
    lib.tlcp_cpu_select(before)
    return int(best)


#: what this processor has; a path that it lacks cannot run and gives no test
AVAILABLE = range(_best() + 1)

#: for tests that take ``path``, to be entered with ``forced``
each_path = pytest.mark.parametrize("path", AVAILABLE, ids=[NAMES[level] for level in AVAILABLE])


@contextmanager
def forced(path: int) -> Iterator[None]:
    """Compute on this path inside the block."""
    before = lib.tlcp_cpu_level()
    assert lib.tlcp_cpu_select(path) == path
    try:
        yield
    finally:
        lib.tlcp_cpu_select(before)
