"""What tlcp remembers between connections, and how it is forgotten: "cold" means after this.

Remembered are certificates that were proven, parsed and with their signatures, and tables of
multiples of public keys that were met before. Tables that a trust store makes of its CAs when it
is loaded belong to the settings and stay: a cold case makes its contexts, and then forgets
everything before each call.
"""

from __future__ import annotations

from tlcp.crypto import sm2
from tlcp.x509 import pair

__all__ = ["forget_all", "forget_certificates", "forget_tables"]

forget_certificates = pair.forget


def forget_tables() -> None:
    """Forget the tables of all public keys."""
    if forget := getattr(sm2, "forget_tables", None):
        forget()


def forget_all() -> None:
    """Forget everything."""
    forget_certificates()
    forget_tables()
