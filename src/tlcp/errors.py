"""Every error the library raises, and the alert that each one owes to the peer.

::

    TLCPError (ssl.SSLError)             anything that ends or blocks a connection
    ├── PeerError                        the peer's bytes or choices broke a rule; carries an alert
    │   ├── DecodeError               50
    │   ├── UnexpectedMessage         10
    │   ├── BadRecordMAC              20
    │   ├── RecordOverflow            22
    │   ├── IllegalParameter          47
    │   ├── DecryptError              51  signature, key exchange or Finished does not verify
    │   ├── ProtocolVersionError      70
    │   ├── UnsupportedExtension     110
    │   ├── UnrecognizedName         112
    │   ├── NegotiationError          40  nothing in common
    │   ├── CertificateRequired       40  no client certificate where one is demanded
    │   ├── CertificateVerifyError 42..48  by its problem; also ssl.SSLCertVerificationError
    │   └── RefusedByProgram              the program's choice
    ├── InternalError                 80  a bug of ours
    ├── KeyUnavailable                80  our key lives in a device that does not answer
    ├── AlertReceived                     the peer complained; nothing is sent back
    ├── HandshakeTimeout                  it took too long; also TimeoutError
    ├── HandshakeEvicted                  too many at a time on this server
    ├── TruncatedError                    gone without close_notify; also ssl.SSLEOFError
    ├── ClosedError                       closed cleanly; also ssl.SSLZeroReturnError
    ├── WantReadError                     needs bytes of the peer; also ssl.SSLWantReadError
    ├── WantWriteError                    the transport is full; also ssl.SSLWantWriteError
    └── ConfigError                       our settings or files cannot work; also ValueError
    MisuseError (RuntimeError)            our caller's call does not fit the moment

An alert's number is chosen here and nowhere else; ``connection.py`` sends it.

Spec: GB/T 38636-2020 6.4.4
"""

from __future__ import annotations

import enum
import ssl
from typing import ClassVar, Self

from tlcp.alerts import AlertDescription, Text

__all__ = [
    "AlertReceived",
    "BadRecordMAC",
    "CertificateProblem",
    "CertificateRequired",
    "CertificateVerifyError",
    "ClosedError",
    "ConfigError",
    "DecodeError",
    "DecryptError",
    "HandshakeEvicted",
    "HandshakeTimeout",
    "IllegalParameter",
    "InternalError",
    "KeyUnavailable",
    "MisuseError",
    "NegotiationError",
    "PeerError",
    "ProtocolVersionError",
    "RecordOverflow",
    "RefusedByProgram",
    "TLCPError",
    "TruncatedError",
    "UnexpectedMessage",
    "UnrecognizedName",
    "UnsupportedExtension",
    "WantReadError",
    "WantWriteError",
]


class TLCPError(ssl.SSLError):
    """Base of everything raised about a connection.

    Attributes:
        what: what happened, one sentence.
        expected: what would have been right, or "".
        hint: what the user can do, or "".
        side: "client" or "server": the end that noticed; "" before the engine has said so.
        during: what that end was doing or waiting for, or "".
        dialect: the name of the dialect worth trying next with this server, or "".
        alert: the alert owed to the peer, None if none is.
        library, reason: as in ``ssl.SSLError``.
    """

    alert: ClassVar[AlertDescription | None] = None
    ssl_errno: ClassVar[int] = ssl.SSL_ERROR_SSL  # what ``ssl`` puts into ``errno`` for this kind

    def __init__(self, what: str, *, expected: str = "", hint: str = "") -> None:
        self.what, self.expected, self.hint = what, expected, hint
        # urllib3 and aiohttp show ``args`` and ``strerror``, never str(): advice goes there, too
        super().__init__(self.ssl_errno, self._sentence())
        self.side, self.during, self.dialect = "", "", ""
        self.library = "TLCP"
        self.reason = self.alert.name if self.alert is not None else type(self).__name__.upper()

    def at(self, side: str, during: str) -> Self:
        """Note which end noticed and what it was doing; the first note stays."""
        if not self.side:
            self.side, self.during = side, during
            self.strerror = self._sentence()  # the hint may be newer
            self.args = (self.ssl_errno, self.strerror)
        return self

    def advise(self, more: str) -> None:
        """Add a sentence to the hint."""
        self.hint = f"{self.hint}. {more}" if self.hint else more
        self.strerror = self._sentence()
        self.args = (self.ssl_errno, self.strerror)

    @property
    def alert_to_send(self) -> AlertDescription | None:
        """The alert that ``connection.py`` sends for this error."""
        return self.alert

    def _sentence(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{self.what}{expected}{f'. {self.hint}' if self.hint else ''}"

    def __str__(self) -> str:
        text = f"[{self.library}: {self.reason}] {self._sentence()}"
        if self.side:
            text += f" [noticed by the {self.side}{', ' if self.during else ''}{self.during}]"
        return text

    def __reduce__(self) -> tuple[object, ...]:  # OSError's own would call __init__ with errno
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(cls: type[TLCPError], args: tuple[object, ...], state: dict[str, object]) -> TLCPError:
    error = cls.__new__(cls)
    ssl.SSLError.__init__(error, *args)
    error.__dict__.update(state)
    return error


class PeerError(TLCPError):
    """The peer's bytes or choices broke a rule; the connection ends with ``alert``."""


class DecodeError(PeerError):
    """A length or value cannot be parsed.  Spec: GB/T 38636-2020 6.4.4 decode_error"""

    alert = AlertDescription.DECODE_ERROR


class UnexpectedMessage(PeerError):
    """A message that does not belong here.  Spec: GB/T 38636-2020 6.4.4 unexpected_message"""

    alert = AlertDescription.UNEXPECTED_MESSAGE


class BadRecordMAC(PeerError):
    """A record fails its integrity check, whatever the cause: one error, so no oracle.

    Spec: GB/T 38636-2020 6.3.3.4, 6.4.4 bad_record_mac
    """

    alert = AlertDescription.BAD_RECORD_MAC


class RecordOverflow(PeerError):
    """A record longer than allowed.  Spec: GB/T 38636-2020 6.3.3, 6.4.4 record_overflow"""

    alert = AlertDescription.RECORD_OVERFLOW


class IllegalParameter(PeerError):
    """A field out of range or at odds with another.  Spec: GB/T 38636-2020 6.4.4"""

    alert = AlertDescription.ILLEGAL_PARAMETER


class DecryptError(PeerError):
    """A signature, key exchange or Finished does not verify.  Spec: GB/T 38636-2020 6.4.4"""

    alert = AlertDescription.DECRYPT_ERROR


class ProtocolVersionError(PeerError):
    """The peer speaks another protocol or version.  Spec: GB/T 38636-2020 6.4.4"""

    alert = AlertDescription.PROTOCOL_VERSION


class UnsupportedExtension(PeerError):
    """The server answered an extension that was not offered.  Spec: GM/T 0024-2023 A"""

    alert = AlertDescription.UNSUPPORTED_EXTENSION


class UnrecognizedName(PeerError):
    """The server has no identity for the name asked for.  Spec: GM/T 0024-2023 A"""

    alert = AlertDescription.UNRECOGNIZED_NAME


class NegotiationError(PeerError):
    """Nothing in common: suites, compression, kind of certificate.

    Spec: GB/T 38636-2020 6.4.5.2.2 (handshake_failure)
    """

    alert = AlertDescription.HANDSHAKE_FAILURE


class CertificateRequired(PeerError):
    """The client sent no certificate where the server demands one.

    Spec: GB/T 38636-2020 6.4.5.7 (handshake_failure)
    """

    alert = AlertDescription.HANDSHAKE_FAILURE


class CertificateProblem(enum.Enum):
    """Why a certificate was refused: (alert, verify_code); the codes are OpenSSL's X509_V_ERR_*."""

    alert: AlertDescription
    verify_code: int

    def __new__(cls, alert: AlertDescription, verify_code: int) -> Self:  # noqa: D102
        member = object.__new__(cls)
        member._value_ = (alert, verify_code)
        member.alert, member.verify_code = alert, verify_code
        return member

    MALFORMED = AlertDescription.BAD_CERTIFICATE, 13
    BAD_SIGNATURE = AlertDescription.BAD_CERTIFICATE, 7
    NOT_A_PAIR = AlertDescription.BAD_CERTIFICATE, 1
    HOSTNAME_MISMATCH = AlertDescription.BAD_CERTIFICATE, 62
    IP_ADDRESS_MISMATCH = AlertDescription.BAD_CERTIFICATE, 64
    UNSUPPORTED_KEY = AlertDescription.UNSUPPORTED_CERTIFICATE, 68
    WRONG_USAGE = AlertDescription.UNSUPPORTED_CERTIFICATE, 26
    REVOKED = AlertDescription.CERTIFICATE_REVOKED, 23
    REVOCATION_UNKNOWN = AlertDescription.CERTIFICATE_UNKNOWN, 3
    EXPIRED = AlertDescription.CERTIFICATE_EXPIRED, 10
    NOT_YET_VALID = AlertDescription.CERTIFICATE_EXPIRED, 9
    UNHANDLED_CRITICAL_EXTENSION = AlertDescription.CERTIFICATE_UNKNOWN, 34
    NAME_NOT_PERMITTED = AlertDescription.CERTIFICATE_UNKNOWN, 47
    NAME_EXCLUDED = AlertDescription.CERTIFICATE_UNKNOWN, 48
    UNSUPPORTED_CONSTRAINT = AlertDescription.CERTIFICATE_UNKNOWN, 51
    INVALID_POLICY = AlertDescription.CERTIFICATE_UNKNOWN, 42
    NO_EXPLICIT_POLICY = AlertDescription.CERTIFICATE_UNKNOWN, 43
    TOO_MUCH_WORK = AlertDescription.CERTIFICATE_UNKNOWN, 1
    BREAKS_PROFILE = AlertDescription.CERTIFICATE_UNKNOWN, 50
    UNKNOWN_CA = AlertDescription.UNKNOWN_CA, 20
    SELF_SIGNED = AlertDescription.UNKNOWN_CA, 18
    INVALID_CA = AlertDescription.UNKNOWN_CA, 79
    PATH_LENGTH_EXCEEDED = AlertDescription.UNKNOWN_CA, 25
    CHAIN_TOO_LONG = AlertDescription.UNKNOWN_CA, 22


class CertificateVerifyError(PeerError, ssl.SSLCertVerificationError):
    """A certificate of the peer was refused.

    Attributes:
        problem: the rule that failed; decides the alert.
        which: "signing certificate", "encryption certificate", "CA certificate" or "chain".
        verify_code: OpenSSL's number for the same failure, as ``ssl`` reports it.
        verify_message: what happened, without role and hint.

    Spec: GB/T 38636-2020 6.4.4, 6.4.5.3
    """

    def __init__(
        self,
        problem: CertificateProblem,
        what: str,
        *,
        which: str = "",
        expected: str = "",
        hint: str = "",
        verify_code: int = 0,
    ) -> None:
        super().__init__(what, expected=expected, hint=hint)
        self.problem, self.which = problem, which
        self.verify_code, self.verify_message = verify_code or problem.verify_code, what
        self.reason = "CERTIFICATE_VERIFY_FAILED"

    @property
    def alert_to_send(self) -> AlertDescription:
        """The alert of its problem."""
        return self.problem.alert


class RefusedByProgram(PeerError):
    """Our own program (a callback of a server) refuses the peer, with an alert of its choice."""

    def __init__(self, what: str, alert: AlertDescription) -> None:
        super().__init__(what)
        self._chosen = alert

    @property
    def alert_to_send(self) -> AlertDescription:
        """The alert that the program chose."""
        return self._chosen


class InternalError(TLCPError):
    """A bug of ours reached run time.  Spec: GB/T 38636-2020 6.4.4 internal_error"""

    alert = AlertDescription.INTERNAL_ERROR


class KeyUnavailable(TLCPError):
    """A private key of ours, which lives elsewhere, does not answer.

    Its cause is the ``OSError`` that the key raised.  Spec: GB/T 38636-2020 6.4.4 internal_error
    """

    alert = AlertDescription.INTERNAL_ERROR


class AlertReceived(TLCPError):
    """The peer ended the connection with a fatal alert.

    Attributes:
        level: 1 warning, 2 fatal.
        description: the alert's number, an ``AlertDescription`` where the standard defines it.

    Spec: GB/T 38636-2020 6.4.4
    """

    def __init__(self, level: int, description: int, *, hint: str = "") -> None:
        label, meaning = AlertDescription.label(description), AlertDescription.explain(description)
        super().__init__(f"the peer sent the alert {label}: {meaning}", hint=hint)
        self.level, self.description = level, description
        self.reason = "ALERT_" + label.partition("(")[0].upper()


class HandshakeTimeout(TLCPError, TimeoutError):
    """The handshake was not through in time; no alert stands for that, so the peer sees an end.

    Attributes:
        seconds: that it had.
    """

    def __init__(self, seconds: float, *, awaited: str = "") -> None:
        super().__init__(
            f"the handshake was not through after {seconds:g} s",
            expected=awaited,
            hint="The peer is silent, too slow or no TLCP end; Limits.handshake_s is what it gets",
        )
        self.seconds = seconds
        self.reason = "HANDSHAKE_TIMEOUT"


class HandshakeEvicted(TLCPError):
    """A server gave the place of this handshake, one of too many, to a new client."""

    def __init__(self, most: int, *, awaited: str = "") -> None:
        super().__init__(
            f"more than {most} clients were in a handshake, and this one was for long",
            expected=awaited,
            hint="An attack or a rush; Limits.concurrent_handshakes is how many there may be",
        )
        self.reason = "HANDSHAKE_EVICTED"


class TruncatedError(TLCPError, ssl.SSLEOFError):
    """The transport ended without close_notify: data may be missing.

    Spec: GB/T 38636-2020 6.4.4.1
    """

    ssl_errno = ssl.SSL_ERROR_EOF

    def __init__(self, what: str, *, expected: str = "", hint: str = "") -> None:
        super().__init__(what, expected=expected, hint=hint)
        self.reason = "UNEXPECTED_EOF"


class ClosedError(TLCPError, ssl.SSLZeroReturnError):
    """The connection was closed cleanly and can carry nothing more."""

    ssl_errno = ssl.SSL_ERROR_ZERO_RETURN


class WantReadError(TLCPError, ssl.SSLWantReadError):
    """More bytes of the peer are needed: wait until the transport can be read, and call again."""

    ssl_errno = ssl.SSL_ERROR_WANT_READ


class WantWriteError(TLCPError, ssl.SSLWantWriteError):
    """The transport takes no more: wait until it can be written, and call again."""

    ssl_errno = ssl.SSL_ERROR_WANT_WRITE


class ConfigError(TLCPError, ValueError):
    """Settings, keys or certificate files of our own side cannot work together.

    An ``ssl.SSLError``, too, because ``ssl`` reports such things so, and the libraries that use
    contexts expect it.

    Attributes:
        zh: the same in Chinese, or "" where there is no Chinese for it.
    """

    zh: str = ""

    @classmethod
    def told(cls, text: Text) -> Self:
        """Make an error that can be told in both languages."""
        error = cls(text.en)
        error.zh = text.zh
        return error

    @property
    def text(self) -> Text:
        """What it says; in English where there is no Chinese for it."""
        return Text(self.what, self.zh or self.what)

    def __str__(self) -> str:
        return self.what


class MisuseError(RuntimeError):
    """A call that does not fit the state of the connection."""
