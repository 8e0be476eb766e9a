"""Fixtures for pytest: in ``conftest.py`` write ``pytest_plugins = ["tlcp.testing.fixtures"]``.

There is no entry point: a library that is installed shall not cost every test run its import.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tlcp.context import TLCPContext
from tlcp.testing.ca import LocalCA

__all__ = ["tlcp_ca", "tlcp_client_context", "tlcp_pki", "tlcp_server_context"]


@pytest.fixture(scope="session")
def tlcp_ca() -> LocalCA:
    """A CA for the whole run."""
    return LocalCA()


@pytest.fixture
def tlcp_server_context(tlcp_ca: LocalCA) -> TLCPContext:
    """A server for localhost, 127.0.0.1 and ::1 that demands certificates of its clients."""
    return tlcp_ca.server_context()


@pytest.fixture
def tlcp_client_context(tlcp_ca: LocalCA) -> TLCPContext:
    """A client that has certificates and trusts the CA of ``tlcp_server_context``."""
    return tlcp_ca.client_context()


@pytest.fixture(scope="session")
def tlcp_pki(tlcp_ca: LocalCA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt and the pairs ``server`` and ``client``, for programs."""
    directory = tmp_path_factory.mktemp("tlcp_pki")
    tlcp_ca.write(directory)
    tlcp_ca.issue("localhost", "127.0.0.1", "::1", name="test server").write(directory, "server")
    tlcp_ca.issue(name="test client").write(directory, "client")
    return directory
