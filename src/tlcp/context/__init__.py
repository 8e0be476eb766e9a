"""``TLCPContext``, the ``ssl.SSLContext`` that speaks TLCP, and its constants."""

from tlcp.context.context import TLCPContext
from tlcp.context.ocsp_fetch import fetch_ocsp
from tlcp.context.protocol import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, Protocol
from tlcp.x509.files import CertFile

__all__ = [
    "PROTOCOL_TLCP_CLIENT",
    "PROTOCOL_TLCP_SERVER",
    "CertFile",
    "Protocol",
    "TLCPContext",
    "fetch_ocsp",
]
