"""Certificate pairs for tests, in one call and in memory.

::

    from tlcp.testing import LocalCA

    ca = LocalCA()
    server, client = ca.server_context(), ca.client_context()

For pytest there are fixtures: ``pytest_plugins = ["tlcp.testing.fixtures"]``.
"""

from tlcp.testing.ca import LocalCA, LocalPair

__all__ = ["LocalCA", "LocalPair"]
