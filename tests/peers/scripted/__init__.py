"""Scripted peers: how other TLCP stacks speak and what they refuse, played from notes.

Each is a set of habits (how it sends) and demands (what it refuses in what it is sent, and how).
They take the bytes that really come, record by record, and share nothing with ``tlcp.handshake``
and ``tlcp.record``: only the message declarations and the algorithms.
"""
