"""TLCP (GB/T 38636-2020, 国密SSL) for Python.

Give a ``TLCPContext`` to whatever takes an ``ssl.SSLContext``::

    import tlcp

    context = tlcp.create_default_context(cafile="ca.crt")
    context.load_cert_chain(
        sign=("client.sign.crt", "client.sign.key"), enc=("client.enc.crt", "client.enc.key")
    )

The engine underneath is sans-IO: ``tlcp.connection.Connection`` takes bytes and gives events and
bytes.
"""

from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.defaults import create_connection, create_default_context
from tlcp.errors import (
    AlertReceived,
    CertificateVerifyError,
    ConfigError,
    PeerError,
    TLCPError,
    TruncatedError,
)
from tlcp.socket import TLCPSocket
from tlcp.sslobject import TLCPObject

__all__ = [
    "PROTOCOL_TLCP_CLIENT",
    "PROTOCOL_TLCP_SERVER",
    "AlertReceived",
    "CertificateVerifyError",
    "ConfigError",
    "PeerError",
    "TLCPContext",
    "TLCPError",
    "TLCPObject",
    "TLCPSocket",
    "TruncatedError",
    "__version__",
    "create_connection",
    "create_default_context",
]

__version__ = "0.1.0"
