"""What the targets of key files change for their process is undone after each test."""

from __future__ import annotations

import pytest

from tlcp.crypto import pbe, pbes2, pkcs12


@pytest.fixture(autouse=True)
def _bounds_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (pbes2, "MAX_ITERATIONS"),
        (pbe, "MAX_KDF_ITERATIONS"),
        (pkcs12, "_MAC_ITERATIONS"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
