"""Ours against Tongsuo, in memory: every suite, both roles, and how each side refuses."""

from __future__ import annotations

from typing import Literal

import pytest

from interop.ours import OurEnd, meet
from peers.files import PartyFiles, read_pem
from peers.pki import HOSTS, PKI
from peers.tongsuo import Alert, ClientAuthMode, TongsuoContext, TongsuoError, TongsuoPeer
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    CertificateRequired,
    CertificateVerifyError,
    ConfigError,
    NegotiationError,
    TLCPError,
)
from tlcp.suites import DEFAULT_SUITES, CipherSuite, KeyExchangeKind, parse_suites

ECC = [suite for suite in DEFAULT_SUITES if suite.key_exchange is KeyExchangeKind.ECC]
ECDHE = [suite for suite in DEFAULT_SUITES if suite.key_exchange is KeyExchangeKind.ECDHE]
MUTUAL = [(suite, True) for suite in DEFAULT_SUITES]
ONE_WAY = [(suite, False) for suite in ECC]
REQUEST, REPLY = bytes(range(256)) * 400, b"reply" * 20_480  # 100 KiB each
FATAL, CLOSE = 2, Alert("received", 1, 0)

matrix = pytest.mark.parametrize(
    ("suite", "mutual"),
    [pytest.param(*row, id=f"{row[0].name}-{'mutual' if row[1] else 'oneway'}")
     for row in (*MUTUAL, *ONE_WAY)],
)  # fmt: skip
each_suite = pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda suite: suite.name)


def our_client(config: Config, server_name: str = "localhost") -> OurEnd:
    return OurEnd(Connection.client(config, server_name=server_name))


def client_config(pki: PKI, suite: CipherSuite, *, mutual: bool = True) -> Config:
    identity = pki.client.identity if mutual else None
    return Config(identity=identity, trust=pki.trust, suites=(suite,))


def server_config(pki: PKI, suite: CipherSuite, auth: ClientAuth = ClientAuth.REQUIRED) -> Config:
    return Config(identity=pki.server.identity, trust=pki.trust, suites=(suite,), client_auth=auth)


def tongsuo_server(
    files: PartyFiles, suite: CipherSuite, auth: ClientAuthMode = "required"
) -> TongsuoPeer:
    with TongsuoContext("server", files, ciphers=[suite.openssl_name], client_auth=auth) as context:
        return TongsuoPeer(context)


def tongsuo_client(
    files: PartyFiles,
    suite: CipherSuite,
    *,
    mutual: bool = True,
    server_name: str | None = "localhost",
) -> TongsuoPeer:
    with TongsuoContext(
        "client",
        files,
        ciphers=[suite.openssl_name],
        with_identity=mutual,
        server_name=server_name,
    ) as context:
        return TongsuoPeer(context)


def talk(ours: OurEnd, theirs: TongsuoPeer) -> None:
    """Data both ways, then close_notify both ways, ours first."""
    connection = ours.connection
    for message in (b"x", REQUEST):
        connection.send_data(message)
        theirs.feed(connection.data_to_send())
        assert theirs.read_all() == message
    for message in (b"y", REPLY):
        theirs.write(message)
        ours.feed(theirs.take())
        assert ours.error is None
        assert ours.received == message
        ours.received.clear()
    connection.close()
    theirs.feed(connection.data_to_send())
    assert theirs.read() == b""
    assert not ours.peer_closed
    assert theirs.shutdown()
    ours.feed(theirs.take())
    assert ours.peer_closed
    assert ours.error is None
    assert theirs.alerts == [CLOSE, Alert("sent", 1, 0)]


@matrix
def test_our_client(pki: PKI, suite: CipherSuite, mutual: bool) -> None:
    auth: ClientAuthMode = "required" if mutual else "none"
    ours = our_client(client_config(pki, suite, mutual=mutual))
    with tongsuo_server(pki.server_files, suite, auth) as theirs:
        assert meet(ours, theirs) is None
        assert ours.error is None
        assert theirs.cipher_name == suite.openssl_name
        assert theirs.peer_certificate_der == (pki.client.sign_cert.der if mutual else None)
        assert theirs.verify_result == (0, "ok")
        assert ours.completed is not None
        assert ours.completed.suite == suite
        assert ours.completed.peer is not None
        assert ours.completed.peer.sign.der == read_pem(pki.server_files.sign_cert)
        talk(ours, theirs)


@matrix
def test_our_server(pki: PKI, suite: CipherSuite, mutual: bool) -> None:
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    ours = OurEnd(Connection.server(server_config(pki, suite, auth)))
    with tongsuo_client(pki.client_files, suite, mutual=mutual) as theirs:
        assert meet(ours, theirs) is None
        assert ours.error is None
        assert theirs.cipher_name == suite.openssl_name
        assert theirs.peer_certificate_der == pki.server.sign_cert.der
        assert theirs.verify_result == (0, "ok")
        assert ours.completed is not None
        assert ours.completed.suite == suite
        assert ours.completed.server_name == "localhost"
        peer = ours.completed.peer
        assert (peer.sign.der if peer else None) == (pki.client.sign_cert.der if mutual else None)
        talk(ours, theirs)


@pytest.mark.parametrize("ours_is", ["client", "server"])
def test_tongsuo_closes_first(pki: PKI, ours_is: Literal["client", "server"]) -> None:
    (suite,) = parse_suites("ECC_SM4_CBC_SM3")
    if ours_is == "client":
        ours, theirs = (
            our_client(client_config(pki, suite)),
            tongsuo_server(pki.server_files, suite),
        )
    else:
        ours = OurEnd(Connection.server(server_config(pki, suite)))
        theirs = tongsuo_client(pki.client_files, suite)
    with theirs:
        assert meet(ours, theirs) is None
        assert not theirs.shutdown()
        ours.feed(theirs.take())
        assert ours.peer_closed
        ours.connection.close()
        theirs.feed(ours.connection.data_to_send())
        assert theirs.shutdown()
        ours.connection.receive_eof()
        ours.look()
        assert ours.error is None


@each_suite
def test_bytes_may_come_one_by_one(pki: PKI, suite: CipherSuite) -> None:
    ours = our_client(client_config(pki, suite))
    with tongsuo_server(pki.server_files, suite) as theirs:
        while ours.completed is None and ours.error is None:
            theirs.feed(ours.connection.data_to_send())
            theirs.do_handshake()
            answer = theirs.take()
            assert answer
            for byte in answer:
                ours.feed(bytes([byte]))
        assert ours.error is None
        talk(ours, theirs)


def test_the_best_suite_of_ours_wins(pki: PKI) -> None:
    ours = OurEnd(Connection.server(Config(identity=pki.server.identity, trust=pki.trust)))
    with TongsuoContext("client", pki.client_files) as context, TongsuoPeer(context) as theirs:
        assert meet(ours, theirs) is None
        assert theirs.cipher_name == DEFAULT_SUITES[0].openssl_name


def test_optional_client_certificates(pki: PKI) -> None:
    (suite,) = parse_suites("ECC_SM4_GCM_SM3")
    for mutual in (True, False):
        ours = OurEnd(Connection.server(server_config(pki, suite, ClientAuth.OPTIONAL)))
        with tongsuo_client(pki.client_files, suite, mutual=mutual) as theirs:
            assert meet(ours, theirs) is None
            assert ours.completed is not None
            assert (ours.completed.peer is not None) == mutual
        ours = our_client(client_config(pki, suite, mutual=mutual))
        with tongsuo_server(pki.server_files, suite, "optional") as theirs:
            assert meet(ours, theirs) is None
            assert (theirs.peer_certificate_der is not None) == mutual


@each_suite
def test_an_intermediate_ca_is_sent_along(pki: PKI, suite: CipherSuite) -> None:
    pair = pki.authority.issue_intermediate("Test sub CA").issue_pair("below a sub CA", HOSTS)
    config = Config(identity=pair.identity, trust=pki.trust, suites=(suite,))
    for ours, theirs in (
        (our_client(config), tongsuo_server(pki.server_files, suite)),
        (OurEnd(Connection.server(config)), tongsuo_client(pki.client_files, suite)),
    ):
        with theirs:
            assert meet(ours, theirs) is None
            assert theirs.verify_result == (0, "ok")
            assert theirs.peer_certificate_der == pair.sign_cert.der


# ---- what must fail, and how -----------------------------------------------------------------


def refused_by_us(
    ours: OurEnd, theirs: TongsuoPeer, error: type[TLCPError], alert: int
) -> TLCPError:
    """We end the handshake with this error, and Tongsuo hears this alert."""
    with theirs:
        meet(ours, theirs)
        assert isinstance(ours.error, error)
        assert theirs.alerts == [Alert("received", FATAL, alert)]
        return ours.error


def refused_by_tongsuo(ours: OurEnd, theirs: TongsuoPeer, alert: int) -> TongsuoError:
    """Tongsuo ends the handshake, and its alert reaches our caller."""
    with theirs:
        failure = meet(ours, theirs)
        assert failure is not None
        assert theirs.alerts == [Alert("sent", FATAL, alert)]
        assert isinstance(ours.error, AlertReceived)
        assert (ours.error.level, ours.error.description) == (FATAL, alert)
        return failure


@each_suite
def test_our_client_does_not_know_the_servers_ca(pki: PKI, suite: CipherSuite) -> None:
    config = Config(identity=pki.client.identity, trust=pki.other_trust, suites=(suite,))
    theirs = tongsuo_server(pki.server_files, suite)
    refused_by_us(our_client(config), theirs, CertificateVerifyError, 48)


@each_suite
def test_our_server_does_not_know_the_clients_ca(pki: PKI, suite: CipherSuite) -> None:
    config = Config(identity=pki.server.identity, trust=pki.other_trust, suites=(suite,))
    theirs = tongsuo_client(pki.client_files, suite)
    refused_by_us(OurEnd(Connection.server(config)), theirs, CertificateVerifyError, 48)


@each_suite
def test_tongsuos_server_does_not_know_our_ca(pki: PKI, suite: CipherSuite) -> None:
    theirs = tongsuo_server(pki.server_files.trusting(pki.other_ca), suite)
    refused_by_tongsuo(our_client(client_config(pki, suite)), theirs, 48)


@each_suite
def test_tongsuos_client_does_not_know_our_ca(pki: PKI, suite: CipherSuite) -> None:
    theirs = tongsuo_client(pki.client_files.trusting(pki.other_ca), suite)
    refused_by_tongsuo(OurEnd(Connection.server(server_config(pki, suite))), theirs, 48)


def test_our_client_wants_another_host(pki: PKI) -> None:
    (suite,) = parse_suites("ECC_SM4_GCM_SM3")
    ours = our_client(client_config(pki, suite), "bank.example")
    error = refused_by_us(ours, tongsuo_server(pki.server_files, suite), CertificateVerifyError, 42)
    assert "bank.example" in str(error)


def test_tongsuos_client_wants_another_host(pki: PKI) -> None:
    (suite,) = parse_suites("ECC_SM4_GCM_SM3")
    theirs = tongsuo_client(pki.client_files, suite, server_name="bank.example")
    failure = refused_by_tongsuo(OurEnd(Connection.server(server_config(pki, suite))), theirs, 42)
    assert "certificate verify failed" in str(failure)


def test_our_server_misses_the_client_certificates(pki: PKI) -> None:
    (suite,) = parse_suites("ECC_SM4_GCM_SM3")
    theirs = tongsuo_client(pki.client_files, suite, mutual=False)
    ours = OurEnd(Connection.server(server_config(pki, suite)))
    refused_by_us(ours, theirs, CertificateRequired, 40)


def test_tongsuos_server_misses_our_client_certificates(pki: PKI) -> None:
    (suite,) = parse_suites("ECC_SM4_GCM_SM3")
    ours = our_client(client_config(pki, suite, mutual=False))
    refused_by_tongsuo(ours, tongsuo_server(pki.server_files, suite), 40)


def test_our_server_has_no_common_suite(pki: PKI) -> None:
    offered, ours_has = parse_suites("ECC_SM4_GCM_SM3 ECC_SM4_CBC_SM3")
    ours = OurEnd(Connection.server(server_config(pki, ours_has)))
    error = refused_by_us(ours, tongsuo_client(pki.client_files, offered), NegotiationError, 40)
    assert offered.name in str(error)
    assert ours_has.name in str(error)


def test_tongsuos_server_has_no_common_suite(pki: PKI) -> None:
    offered, theirs_has = parse_suites("ECC_SM4_GCM_SM3 ECC_SM4_CBC_SM3")
    ours = our_client(client_config(pki, offered))
    refused_by_tongsuo(ours, tongsuo_server(pki.server_files, theirs_has), 40)


@pytest.mark.parametrize("suite", ECDHE, ids=lambda suite: suite.name)
def test_ecdhe_cannot_be_one_way(pki: PKI, suite: CipherSuite) -> None:
    """The key exchange needs the client's encryption certificate."""
    with pytest.raises(ConfigError, match="encryption certificate"):
        our_client(client_config(pki, suite, mutual=False))
    # both servers ask for client certificates in these suites, whatever they are told
    with tongsuo_client(pki.client_files, suite) as theirs:
        ours = OurEnd(Connection.server(server_config(pki, suite, ClientAuth.NONE)))
        assert meet(ours, theirs) is None
        assert theirs.cipher_name == suite.openssl_name
    # without certificates Tongsuo's client gives up by itself, after an empty Certificate
    with tongsuo_client(pki.client_files, suite, mutual=False) as theirs:
        ours = OurEnd(Connection.server(server_config(pki, suite, ClientAuth.NONE)))
        assert meet(ours, theirs) is not None
        assert isinstance(ours.error, CertificateRequired)
        assert theirs.alerts == [Alert("sent", FATAL, 80)]
    with tongsuo_server(pki.server_files, suite, "none") as theirs:
        ours = our_client(client_config(pki, suite))
        assert meet(ours, theirs) is None
        assert theirs.peer_certificate_der == pki.client.sign_cert.der


@each_suite
@pytest.mark.parametrize("ours_is", ["client", "server"])
def test_a_record_changed_on_the_way(
    pki: PKI, suite: CipherSuite, ours_is: Literal["client", "server"]
) -> None:
    if ours_is == "client":
        ours, theirs = (
            our_client(client_config(pki, suite)),
            tongsuo_server(pki.server_files, suite),
        )
    else:
        ours = OurEnd(Connection.server(server_config(pki, suite)))
        theirs = tongsuo_client(pki.client_files, suite)
    with theirs:
        assert meet(ours, theirs) is None
        theirs.write(b"pay 1 yuan")
        record = bytearray(theirs.take())
        record[-1] ^= 1
        ours.feed(bytes(record))
        assert isinstance(ours.error, BadRecordMAC)
        assert ours.received == b""
        theirs.feed(ours.connection.data_to_send())
        with pytest.raises(TongsuoError, match="bad record mac"):
            theirs.read()
        assert theirs.alerts == [Alert("received", FATAL, 20)]


@each_suite
def test_tongsuo_refuses_a_record_of_ours_that_was_changed(pki: PKI, suite: CipherSuite) -> None:
    ours = our_client(client_config(pki, suite))
    with tongsuo_server(pki.server_files, suite) as theirs:
        assert meet(ours, theirs) is None
        ours.connection.send_data(b"pay 1 yuan")
        record = bytearray(ours.connection.data_to_send())
        record[-1] ^= 1
        theirs.feed(bytes(record))
        with pytest.raises(TongsuoError):
            theirs.read()
        ours.feed(theirs.take())
        assert isinstance(ours.error, AlertReceived)
        assert ours.error.description == 20
