"""The faces of ``ssl``: contexts, objects and sockets, driven as programs drive them."""
