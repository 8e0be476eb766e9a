"""``TLCPSocket``, the twin of ``ssl.SSLSocket``.

``transport.py`` moves bytes, within the time that a call may take; ``tlcpsocket.py`` is the face.
"""

from tlcp.socket.tlcpsocket import TLCPSocket

__all__ = ["TLCPSocket"]
