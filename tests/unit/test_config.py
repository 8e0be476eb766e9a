"""Settings that cannot work are refused before anything is sent, in words that help."""

from __future__ import annotations

import pytest

from support.ends import NOW, client, config, server, world
from support.mutants import forged_identity
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.errors import ClosedError, ConfigError, MisuseError
from tlcp.pki.ca import CertificateAuthority
from tlcp.suites import ALL_SUITES, parse_suites
from tlcp.wire.messages import ClientHello, decode_handshake
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

W = world()
SIGNER = Identity(W.client.sign_cert, W.client.sign_key)


def _offered(connection: Connection) -> ClientHello:
    hello = decode_handshake(connection.data_to_send()[5:])
    assert isinstance(hello, ClientHello)
    return hello


@pytest.mark.parametrize("trust", [None, TrustStore()])
def test_a_client_without_trust_anchors(trust: TrustStore | None) -> None:
    with pytest.raises(ConfigError, match="no trusted CA"):
        client(trust=trust)


def test_a_client_without_a_name_to_check() -> None:
    with pytest.raises(ConfigError, match="no server name"):
        client(name=None)
    assert client(name=None, dangerous_skip_host_check=True).expecting == "ServerHello"


def test_skipping_the_host_check_still_checks_the_chain() -> None:
    with pytest.raises(ConfigError, match="no trusted CA"):
        client(name=None, trust=None, dangerous_skip_host_check=True)


@pytest.mark.parametrize("identity", [None, SIGNER])
def test_a_server_without_a_pair(identity: Identity | None) -> None:
    with pytest.raises(ConfigError, match="two certificates"):
        server(identity=identity)


@pytest.mark.parametrize("policy", [ClientAuth.REQUIRED, ClientAuth.OPTIONAL])
def test_a_server_that_cannot_verify_its_clients(policy: ClientAuth) -> None:
    with pytest.raises(ConfigError, match="client authentication is on"):
        server(trust=None, client_auth=policy)
    assert server(trust=None, client_auth=ClientAuth.NONE).expecting == "ClientHello"


@pytest.mark.parametrize("identity", [None, SIGNER])
def test_ecdhe_alone_without_an_encryption_pair(identity: Identity | None) -> None:
    with pytest.raises(ConfigError, match=r"ECDHE suites .* need .* encryption certificate"):
        client(identity=identity, suites=parse_suites("ECDHE_SM4_GCM_SM3"))


def test_what_is_offered_by_default() -> None:
    """ECC first; ECDHE only when there is an encryption pair."""
    assert _offered(client()).cipher_suites == (0xE053, 0xE013, 0xE051, 0xE011)
    assert _offered(client(identity=None)).cipher_suites == (0xE053, 0xE013)
    assert _offered(client(identity=SIGNER)).cipher_suites == (0xE053, 0xE013)


def test_suites_known_by_name_only_are_never_offered() -> None:
    for suite in ALL_SUITES.values():
        if not suite.implemented:
            with pytest.raises(ConfigError, match="by name only"):
                config("client", suites=(suite,))
    with pytest.raises(ConfigError, match="empty"):
        config("client", suites=())


def test_extensions_only_where_they_say_something() -> None:
    """A DNS name goes as SNI in A-labels; an address does not; and none at all on demand."""
    extensions = _offered(client(name="Server.Example.")).extensions
    assert extensions is not None
    assert [e.type for e in extensions] == [0]
    assert extensions[0].data.endswith(b"server.example")
    assert _offered(client(name="127.0.0.1")).extensions is None
    assert _offered(client(extensions=False)).extensions is None


def test_the_server_learns_the_name() -> None:
    from support.ends import run

    _, side = run(client(), server())
    assert side.completed is not None
    assert side.completed.server_name == "server.example"


def test_calls_at_the_wrong_time() -> None:
    end = client()
    with pytest.raises(MisuseError, match="waiting for ServerHello"):
        end.send_data(b"early")
    from support.ends import run

    one, other = client(), server()
    run(one, other)
    one.close()
    one.close()
    with pytest.raises(ClosedError):
        one.send_data(b"late")
    _, side = run(one, other)
    assert side.closed
    other.send_data(b"half-closed: this way still works")
    back, _ = run(one, other)
    assert back.data.startswith(b"half-closed")


def test_config_repr_and_connection_repr_show_no_secret() -> None:
    scalar = world().ca.key.dangerous_scalar().hex()
    text = repr(config("client")) + repr(client()) + repr(W)
    assert scalar not in text
    assert repr(client()) == "<Connection client: ServerHello>"


def test_forged_identities_are_for_tests_only() -> None:
    """What ``forged_identity`` makes is refused when made properly."""
    forged = forged_identity(W.client, sign_key=W.server.sign_key)
    with pytest.raises(ConfigError, match="does not match"):
        Identity(forged.sign_cert, forged.sign_key, forged.enc_cert, forged.enc_key)


def test_config_defaults_verify() -> None:
    """Nothing dangerous is on unless it is asked for by name."""
    settings = Config()
    assert settings.client_auth is ClientAuth.REQUIRED
    assert not settings.dangerous_skip_verification
    assert not settings.dangerous_skip_host_check


def test_more_ca_names_than_a_request_can_hold() -> None:
    many = TrustStore(
        CertificateAuthority.create(f"CA {number} " + "x" * 50, now=NOW).certificate
        for number in range(700)
    )
    with pytest.raises(ConfigError, match="700 trusted CAs do not fit"):
        server(trust=many)
