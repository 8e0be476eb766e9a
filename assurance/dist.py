"""``python -m assurance.dist``: the source distribution and its bill of materials, into dist/."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from assurance.supply import ROOT, build_sdist, sbom

__all__ = ["main"]


def main() -> int:
    """Build what is committed, and tell what it became."""
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.tar.gz"):
        old.unlink()
    name, digest = build_sdist(folder)
    bill = Path(folder, name.removesuffix(".tar.gz") + ".cdx.json")
    bill.write_text(json.dumps(sbom(), indent=1) + "\n", encoding="utf-8")
    print(f"dist/{name}  sha256 {digest}\ndist/{bill.name}  {bill.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
