"""Fill the code blocks of the pages from the examples: python docs/howto/include.py.

A block belongs to an example if the line above it is ``<!-- examples/NAME.py -->``. It holds what
stands there between ``# docs: begin`` and ``# docs: end``.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BLOCK = re.compile(r"<!-- (examples/\w+\.py) -->\n```python\n(.*?)```\n", re.DOTALL)


def marked(example: str) -> str:
    """The part of an example that the pages show; ``example`` is its path in the project."""
    text = (ROOT / example).read_text("utf-8")
    return text.partition("# docs: begin\n")[2].partition("# docs: end\n")[0].strip() + "\n"


def filled(page: str) -> str:
    """The page with every block as its example has it."""
    return BLOCK.sub(lambda found: f"<!-- {found[1]} -->\n```python\n{marked(found[1])}```\n", page)


if __name__ == "__main__":
    for path in sorted(HERE.glob("*/*.md")):
        before = path.read_text("utf-8")
        if (after := filled(before)) != before:
            path.write_text(after, "utf-8")
            print(path.relative_to(ROOT))
