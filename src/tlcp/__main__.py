"""``python -m tlcp``: the command line."""

import sys

from tlcp.cli import main

if __name__ == "__main__":
    sys.exit(main())
