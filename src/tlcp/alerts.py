"""Alert levels and descriptions: every code of the standard, with its name and meaning.

Which failure gets which code is decided in ``errors.py``; only ``connection.py`` sends one.

Spec: GB/T 38636-2020 6.4.4 and its alert table; TLS codes seen from deployed stacks included.
"""

from __future__ import annotations

import enum

__all__ = ["AlertDescription", "AlertLevel"]


class AlertLevel(enum.IntEnum):
    """First byte of an alert.  Spec: GB/T 38636-2020 6.4.4"""

    WARNING = 1
    FATAL = 2


class AlertDescription(enum.IntEnum):
    """Second byte of an alert.  Spec: GB/T 38636-2020 6.4.4"""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    DECOMPRESSION_FAILURE = 30
    HANDSHAKE_FAILURE = 40
    NO_CERTIFICATE = 41
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    UNSUPPORTED_EXTENSION = 110
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120
    UNSUPPORTED_SITE2SITE = 200
    NO_AREA = 201
    UNSUPPORTED_AREATYPE = 202
    BAD_IBCPARAM = 203
    UNSUPPORTED_IBCPARAM = 204
    IDENTITY_NEED = 205

    @classmethod
    def label(cls, code: int) -> str:
        """``bad_record_mac(20)``, or ``unknown(123)`` for a code that nobody defined."""
        name = cls(code).name.lower() if code in cls._value2member_map_ else "unknown"
        return f"{name}({code})"

    @classmethod
    def explain(cls, code: int) -> str:
        """What the sender of this alert means, in one English clause."""
        return _MEANING.get(code, "a code that no TLCP standard defines")


_MEANING: dict[int, str] = {
    0: "it has sent everything and closes the connection",
    10: "a message came that does not belong at this point of the protocol",
    20: "a record failed its integrity check (changed on the way, or different keys)",
    21: "a record could not be decrypted",
    22: "a record was longer than the protocol allows",
    30: "a record could not be decompressed",
    40: "no acceptable set of parameters: cipher suites, certificates or policy do not meet",
    41: "it has no certificate to offer",
    42: "the certificate sent to it is broken or did not pass its checks",
    43: "the certificate sent to it is of a kind it does not support",
    44: "the certificate sent to it was revoked",
    45: "the certificate sent to it has expired or is not valid yet",
    46: "some unspecified problem makes the certificate sent to it unacceptable",
    47: "a field of a message was out of range or disagrees with other fields",
    48: "it does not know the CA that issued the certificate sent to it",
    49: "the certificate is valid, but access control refuses it",
    50: "a message could not be decoded: a length or a value is wrong",
    51: "a signature, a key exchange or the Finished value did not verify",
    70: "it does not speak the protocol version offered",
    71: "it demands stronger cipher suites than were offered",
    80: "something went wrong inside the peer, not in what was sent to it",
    90: "its user canceled the handshake",
    100: "it refuses to renegotiate",
    110: "an extension came that was not asked for",
    112: "it does not serve the server name asked for",
    113: "the stapled OCSP response was not acceptable",
    116: "it requires a client certificate and none was sent",
    120: "it supports none of the application protocols (ALPN) offered",
    200: "it does not support the gateway-to-gateway mode",
    201: "it has no such protected domain",
    202: "it does not support this type of protected domain",
    203: "the IBC public parameters are invalid",
    204: "the IBC public parameters hold information it does not support",
    205: "it needs the peer's IBC identity",
}
