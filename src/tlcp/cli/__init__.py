"""The command line: ``tlcp pki``, ``serve``, ``connect`` and ``demo``, one module per verb.

Facts go to stdout, talk to stderr.  Exit codes: see ``tlcp.cli.failures``.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Args:
        argv: arguments without the program's name, None = those of the process.
    """
    missing = [name for name in ("click", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        needs = " and ".join(missing)
        print(f"tlcp: the command line needs {needs}: pip install 'tlcp[cli]'", file=sys.stderr)
        return _USAGE
    from tlcp.cli.app import program

    try:
        program.main(args=None if argv is None else list(argv), prog_name="tlcp")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else _USAGE
    return 0
