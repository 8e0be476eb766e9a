"""Bytes <-> values: no crypto, no state, no I/O.  Importable, but not a stable API.

``messages.py`` declares every handshake message once; that declaration parses, builds and
dissects. ``bodies.py`` holds the parts whose form depends on the cipher suite.
"""
