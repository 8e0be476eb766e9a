"""Sessions: what both ends keep of a connection so that a later one need not start anew.

``session`` says what is kept and for whom; ``store`` and ``redis_store`` keep it by session id,
``ticket`` and ``ticket_keys`` let the client keep it, sealed. Nothing here knows the handshake.
"""
