"""The certificates of the session, as the options that name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers.pki import PKI


@pytest.fixture
def folder(pki: PKI) -> Path:
    """A directory as ``tlcp pki`` makes it, with "server" and "client"."""
    return pki.server_files.ca.parent
