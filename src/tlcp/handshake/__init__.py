"""The handshake, client and server.  Importable, but not a stable API.

``flow.py`` drives a flow and refuses what it does not expect; ``client.py`` and ``server.py`` are
the two flows, each reading like the standard's figure; ``kx_*.py`` are the key exchanges.
"""
