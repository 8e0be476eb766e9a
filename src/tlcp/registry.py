"""Numbers that are not cipher suites or alerts: versions, content types, message types.

Spec: GB/T 38636-2020 6.3.3, 6.4.5
"""

from __future__ import annotations

import enum

__all__ = [
    "TLCP_VERSION",
    "ClientCertificateType",
    "ContentType",
    "ExtensionType",
    "HandshakeType",
    "number_label",
]

TLCP_VERSION = 0x0101


class ContentType(enum.IntEnum):
    """First byte of a record.  Spec: GB/T 38636-2020 6.3.3.2"""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


class HandshakeType(enum.IntEnum):
    """First byte of a handshake message.  Spec: GB/T 38636-2020 6.4.5.1"""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    NEW_SESSION_TICKET = 4  # RFC 5077; sent by Tongsuo, TASSL, Kona, openHiTLS
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20
    CERTIFICATE_STATUS = 22  # RFC 6066; sent by Tongsuo


class ExtensionType(enum.IntEnum):
    """Hello extensions by number.  Spec: GM/T 0024-2023 Appendix A; others as seen on the wire"""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    TRUSTED_CA_KEYS = 3
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    ALPN = 16  # application_layer_protocol_negotiation
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    SESSION_TICKET = 35
    SUPPORTED_VERSIONS = 43
    CLIENT_ID = 66
    NEXT_PROTOCOL_NEGOTIATION = 13172
    RENEGOTIATION_INFO = 0xFF01


class ClientCertificateType(enum.IntEnum):
    """Kinds of certificate that a server accepts.  Spec: GB/T 38636-2020 6.4.5.6"""

    RSA_SIGN = 1
    ECDSA_SIGN = 64  # the code TLCP uses for SM2
    IBC_PARAMS = 80


def number_label(kind: type[enum.IntEnum], value: int) -> str:
    """``server_hello(2)``, or ``unknown(99)`` for a number that the enumeration lacks."""
    name = kind(value).name.lower() if value in kind._value2member_map_ else "unknown"
    return f"{name}({value})"
