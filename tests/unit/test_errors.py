"""Errors are ``ssl.SSLError``s, name what happened, and each owes its peer one alert."""

from __future__ import annotations

import copy
import pickle
import ssl

import pytest

from tlcp import errors
from tlcp.alerts import AlertDescription as A
from tlcp.errors import (
    AlertReceived,
    CertificateProblem,
    CertificateVerifyError,
    ClosedError,
    PeerError,
    TLCPError,
    TruncatedError,
)

#: failure -> alert (GB/T 38636-2020 6.4.4)
OWED = {
    "DecodeError": A.DECODE_ERROR,
    "UnexpectedMessage": A.UNEXPECTED_MESSAGE,
    "BadRecordMAC": A.BAD_RECORD_MAC,
    "RecordOverflow": A.RECORD_OVERFLOW,
    "IllegalParameter": A.ILLEGAL_PARAMETER,
    "DecryptError": A.DECRYPT_ERROR,
    "ProtocolVersionError": A.PROTOCOL_VERSION,
    "UnsupportedExtension": A.UNSUPPORTED_EXTENSION,
    "UnrecognizedName": A.UNRECOGNIZED_NAME,
    "NegotiationError": A.HANDSHAKE_FAILURE,
    "CertificateRequired": A.HANDSHAKE_FAILURE,
    "InternalError": A.INTERNAL_ERROR,
    "KeyUnavailable": A.INTERNAL_ERROR,
    "TruncatedError": None,
    "ClosedError": None,
    "WantReadError": None,
    "WantWriteError": None,
    "ConfigError": None,
}


@pytest.mark.parametrize("name", OWED)
def test_alert_of_each_error(name: str) -> None:
    kind = getattr(errors, name)
    assert kind("what").alert_to_send == OWED[name]


def test_every_error_is_in_the_table_or_has_its_own_rule() -> None:
    kinds = {
        name
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, TLCPError)
    }
    own_rule = {
        "TLCPError",
        "PeerError",
        "AlertReceived",
        "CertificateVerifyError",
        "RefusedByProgram",
        "HandshakeTimeout",
        "HandshakeEvicted",
    }
    assert kinds == set(OWED) | own_rule


def test_no_padding_oracle() -> None:
    """decryption_failed(21) is never sent: told apart from bad_record_mac it is an oracle."""
    assert A.DECRYPTION_FAILED not in OWED.values()
    assert A.DECRYPTION_FAILED not in {p.alert for p in CertificateProblem}


@pytest.mark.parametrize("problem", CertificateProblem)
def test_certificate_problems(problem: CertificateProblem) -> None:
    error = CertificateVerifyError(problem, "what", which="signing certificate")
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.alert_to_send == problem.alert
    assert 42 <= problem.alert <= 48
    assert (error.verify_code, error.verify_message) == (problem.verify_code, "what")
    assert error.reason == "CERTIFICATE_VERIFY_FAILED"


def test_certificate_problems_are_told_apart() -> None:
    assert len(list(CertificateProblem)) == len({p.name for p in CertificateProblem}) == 24


@pytest.mark.parametrize(
    ("error", "base", "errno"),
    [
        (PeerError("x"), ssl.SSLError, ssl.SSL_ERROR_SSL),
        (TruncatedError("x"), ssl.SSLEOFError, ssl.SSL_ERROR_EOF),
        (ClosedError("x"), ssl.SSLZeroReturnError, ssl.SSL_ERROR_ZERO_RETURN),
    ],
)
def test_as_the_standard_library_has_them(
    error: TLCPError, base: type[Exception], errno: int
) -> None:
    assert isinstance(error, base)
    assert isinstance(error, OSError)
    assert error.errno == errno
    assert error.library == "TLCP"
    assert error.reason


def test_text_says_what_expected_hint_and_side() -> None:
    error = errors.DecodeError("what came", expected="what should", hint="Do that")
    error.at("client", "waiting for ServerHello").at("server", "never mind")
    assert str(error) == (
        "[TLCP: DECODE_ERROR] what came; expected what should. Do that "
        "[noticed by the client, waiting for ServerHello]"
    )


def test_received_alert_is_explained() -> None:
    error = AlertReceived(2, 48)
    assert "unknown_ca(48)" in str(error)
    assert "does not know the CA" in str(error)
    assert error.reason == "ALERT_UNKNOWN_CA"
    assert error.alert_to_send is None
    assert "unknown(99)" in str(AlertReceived(2, 99))


def test_every_alert_has_a_meaning() -> None:
    for alert in A:
        assert A.explain(alert) != A.explain(255)


@pytest.mark.parametrize(
    "error",
    [
        CertificateVerifyError(CertificateProblem.EXPIRED, "old", hint="renew").at("client", "x"),
        AlertReceived(2, 40),
        TruncatedError("gone"),
    ],
)
def test_errors_survive_pickle_and_copy(error: TLCPError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
