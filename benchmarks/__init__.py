"""Benchmarks against Tongsuo and others: ``python -m benchmarks``; see docs/performance.md.

They use what the tests know about the other libraries: ``peers``, ``unit`` and ``support``.
"""

import sys
from pathlib import Path

TESTS = str(Path(__file__).resolve().parents[1] / "tests")
if TESTS not in sys.path:
    sys.path.append(TESTS)
