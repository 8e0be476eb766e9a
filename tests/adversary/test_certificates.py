"""Certificates that must not be believed: each refused by each side, with its alert, in words.

Spec: GB/T 38636-2020 6.4.4, 6.4.5.3, 6.4.5.7
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from support.ends import ALL, ECC, ECDHE, HOST, NOW, Side, client, run, server, world
from support.mutants import edited, forged_identity
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    CertificateRequired,
    CertificateVerifyError,
    DecryptError,
    NegotiationError,
    TLCPError,
)
from tlcp.registry import HandshakeType
from tlcp.suites import CipherSuite, parse_suites
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

W = world()
SUITES = pytest.mark.parametrize("suite", ALL, ids=lambda s: s.name)


def refused(victim: Side, culprit: Side, error: type[TLCPError], alert: A, *words: str) -> None:
    """The victim raised that error, and the culprit got exactly that alert."""
    assert type(victim.error) is error, repr(victim.error)
    text = str(victim.error)
    for word in words:
        assert word in text, text
    assert victim.error.alert_to_send == alert
    assert isinstance(culprit.error, AlertReceived), repr(culprit.error)
    assert culprit.alert == alert
    assert culprit.error.level == 2
    assert victim.completed is None


def _issue(**changes: object) -> Identity:
    """A pair of the trusted CA for HOST, deviating in its validity."""
    return W.ca.issue_pair("odd", [HOST], **changes).identity  # type: ignore[arg-type]


@dataclass
class Case:
    """An identity that one end presents, and how the other refuses it."""

    name: str
    identity: Identity
    alert: A
    words: tuple[str, ...]


CASES = [
    Case(
        "unknown CA",
        W.stranger.issue_pair("x", [HOST], now=NOW).identity,
        A.UNKNOWN_CA,
        ("signing certificate", "Stranger CA"),
    ),
    Case(
        "expired",
        _issue(now=NOW - timedelta(days=100), lifetime_days=99),
        A.CERTIFICATE_EXPIRED,
        ("signing certificate", "expired"),
    ),
    Case(
        "not yet valid",
        _issue(now=NOW + timedelta(days=2)),
        A.CERTIFICATE_EXPIRED,
        ("signing certificate", "valid from"),
    ),
    Case(
        "pair swapped",
        forged_identity(
            W.server,
            sign_cert=W.server.enc_cert,
            sign_key=W.server.enc_key,
            enc_cert=W.server.sign_cert,
            enc_key=W.server.sign_key,
        ),
        A.UNSUPPORTED_CERTIFICATE,
        ("swapped",),
    ),
    Case(
        "encryption certificate of a stranger",
        forged_identity(
            W.server,
            enc_cert=(s := W.stranger.issue_pair("server", [HOST], now=NOW)).enc_cert,
            enc_key=s.enc_key,
        ),
        A.UNKNOWN_CA,
        ("encryption certificate",),
    ),
    Case(
        "encryption certificate of someone else",
        forged_identity(
            W.server,
            enc_cert=(o := W.ca.issue_pair("other", [HOST], now=NOW)).enc_cert,
            enc_key=o.enc_key,
        ),
        A.BAD_CERTIFICATE,
        ("other",),
    ),
]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@EACH
@SUITES
def test_client_refuses(case: Case, suite: CipherSuite) -> None:
    sides = run(client(suites=(suite,)), server(identity=case.identity, suites=(suite,)))
    refused(*sides, CertificateVerifyError, case.alert, "server", *case.words)


@EACH
@SUITES
def test_server_refuses(case: Case, suite: CipherSuite) -> None:
    one = client(identity=case.identity, suites=(suite,))
    client_side, server_side = run(one, server(suites=(suite,)))
    refused(server_side, client_side, CertificateVerifyError, case.alert, "client", *case.words)


@pytest.mark.parametrize("name", ["other.example", "example", "x.server.example", "127.0.0.2"])
def test_client_refuses_the_wrong_host(name: str) -> None:
    sides = run(client(name=name), server())
    refused(*sides, CertificateVerifyError, A.BAD_CERTIFICATE, name, HOST)


@pytest.mark.parametrize("name", [HOST, HOST.upper(), HOST + ".", "127.0.0.1"])
def test_client_accepts_the_right_host(name: str) -> None:
    client_side, _ = run(client(name=name), server())
    assert client_side.completed is not None


def test_client_refuses_one_certificate_only() -> None:
    lone = edited(HandshakeType.CERTIFICATE, _first_of)
    sides = run(client(), server(lone))
    refused(*sides, CertificateVerifyError, A.BAD_CERTIFICATE, "the server sent 1 certificate", "2")


def _first_of(body: bytes) -> bytes:
    """The Certificate body with the first certificate alone."""
    size = int.from_bytes(body[3:6], "big")
    return (size + 3).to_bytes(3, "big") + body[3 : 6 + size]


def test_client_refuses_no_certificate() -> None:
    none = edited(HandshakeType.CERTIFICATE, lambda _: bytes(3))
    sides = run(client(), server(none))
    refused(*sides, CertificateVerifyError, A.BAD_CERTIFICATE, "no certificate")


@pytest.mark.parametrize("suite", ECDHE, ids=lambda s: s.name)
def test_server_refuses_one_certificate_where_it_needs_two(suite: CipherSuite) -> None:
    lone = edited(HandshakeType.CERTIFICATE, _first_of)
    client_side, server_side = run(client(lone, suites=(suite,)), server(suites=(suite,)))
    words = ("the client sent 1 certificate", "2")
    refused(server_side, client_side, CertificateVerifyError, A.BAD_CERTIFICATE, *words)


@pytest.mark.parametrize("suite", ECC, ids=lambda s: s.name)
def test_server_takes_a_signing_certificate_alone_in_ecc(suite: CipherSuite) -> None:
    """GmSSL's clients send no encryption certificate there."""
    signer = Identity(W.client.sign_cert, W.client.sign_key)
    _, server_side = run(client(identity=signer, suites=(suite,)), server(suites=(suite,)))
    assert server_side.completed is not None
    assert server_side.completed.peer is not None
    assert server_side.completed.peer.enc is None
    assert server_side.completed.peer.verified


def test_server_refuses_a_client_without_certificate() -> None:
    client_side, server_side = run(client(identity=None), server())
    refused(
        server_side, client_side, CertificateRequired, A.HANDSHAKE_FAILURE, "sent no certificate"
    )
    assert "client certificate" in str(client_side.error)


def test_server_lets_a_client_without_certificate_in_where_it_may() -> None:
    for policy in (ClientAuth.OPTIONAL, ClientAuth.NONE):
        _, server_side = run(client(identity=None), server(client_auth=policy))
        assert server_side.completed is not None
        assert server_side.completed.peer is None


def test_optional_is_no_excuse_for_a_bad_certificate() -> None:
    bad = W.stranger.issue_pair("x", now=NOW).identity
    client_side, server_side = run(client(identity=bad), server(client_auth=ClientAuth.OPTIONAL))
    refused(server_side, client_side, CertificateVerifyError, A.UNKNOWN_CA)


@pytest.mark.parametrize("suite", ECDHE, ids=lambda s: s.name)
@pytest.mark.parametrize("policy", ClientAuth)
def test_ecdhe_needs_a_client_certificate_whatever_the_policy(
    suite: CipherSuite, policy: ClientAuth
) -> None:
    """The key exchange uses the client's encryption key, so it is asked for in any case."""
    none = edited(HandshakeType.CERTIFICATE, lambda _: bytes(3))
    one, other = client(none, suites=(suite,)), server(suites=(suite,), client_auth=policy)
    client_side, server_side = run(one, other)
    refused(
        server_side, client_side, CertificateRequired, A.HANDSHAKE_FAILURE, "ECDHE", "certificate"
    )


def test_unverified_is_told_as_such() -> None:
    """ECDHE without client authentication: the pair is used, not believed."""
    suites = parse_suites("ECDHE_SM4_GCM_SM3")
    bad = W.stranger.issue_pair("x", now=NOW).identity
    one = client(identity=bad, suites=suites)
    _, server_side = run(one, server(suites=suites, client_auth=ClientAuth.NONE, trust=None))
    assert server_side.completed is not None
    assert server_side.completed.peer is not None
    assert not server_side.completed.peer.verified
    assert "NOT VERIFIED" in server_side.completed.peer.describe()


@SUITES
def test_signing_key_of_another_certificate(suite: CipherSuite) -> None:
    """The server's: ServerKeyExchange does not verify. The client's: CertificateVerify."""
    wrong = forged_identity(W.server, sign_key=W.client.sign_key)
    sides = run(client(suites=(suite,)), server(identity=wrong, suites=(suite,)))
    refused(*sides, DecryptError, A.DECRYPT_ERROR, "ServerKeyExchange", "signing certificate")
    wrong = forged_identity(W.client, sign_key=W.server.sign_key)
    client_side, server_side = run(client(identity=wrong, suites=(suite,)), server(suites=(suite,)))
    words = ("CertificateVerify", "signing certificate")
    refused(server_side, client_side, DecryptError, A.DECRYPT_ERROR, *words)


@SUITES
def test_encryption_key_of_another_certificate(suite: CipherSuite) -> None:
    """The two sides get different keys, and the first protected record tells."""
    wrong = forged_identity(W.server, enc_key=W.client.enc_key)
    client_side, server_side = run(client(suites=(suite,)), server(identity=wrong, suites=(suite,)))
    refused(
        server_side,
        client_side,
        BadRecordMAC,
        A.BAD_RECORD_MAC,
        "encryption certificate and key do not belong together",
    )


def test_keys_swapped() -> None:
    wrong = forged_identity(W.server, sign_key=W.server.enc_key, enc_key=W.server.sign_key)
    sides = run(client(), server(identity=wrong))
    refused(*sides, DecryptError, A.DECRYPT_ERROR, "swapped")


def test_no_common_suite() -> None:
    one = client(suites=parse_suites("ECC_SM4_GCM_SM3"))
    client_side, server_side = run(one, server(suites=parse_suites("ECC_SM4_CBC_SM3")))
    words = ("ECC_SM4_GCM_SM3 (E053)", "ECC_SM4_CBC_SM3 (E013)")
    refused(server_side, client_side, NegotiationError, A.HANDSHAKE_FAILURE, *words)
    assert "cipher suite" in str(client_side.error)


def test_intermediates_are_sent_and_used() -> None:
    below = W.ca.issue_intermediate("Sub CA", now=NOW)
    identity = below.issue_pair("server", [HOST], now=NOW).identity
    client_side, _ = run(client(), server(identity=identity))
    assert client_side.completed is not None
    assert client_side.completed.peer is not None
    assert len(client_side.completed.peer.sign_chain) == 3


def test_an_unverified_server_only_by_the_dangerous_name() -> None:
    bad = W.stranger.issue_pair("x", ["elsewhere"], now=NOW).identity
    client_side, _ = run(
        client(trust=TrustStore(), dangerous_skip_verification=True), server(identity=bad)
    )
    assert client_side.completed is not None
    assert client_side.completed.peer is not None
    assert not client_side.completed.peer.verified


def test_sides_are_named() -> None:
    """Whoever reads the log knows which end noticed and what it was waiting for."""
    client_side, server_side = run(client(name="other.example"), server())
    assert "[noticed by the client, waiting for Certificate]" in str(client_side.error)
    assert "[noticed by the server, waiting for Certificate]" in str(server_side.error)
