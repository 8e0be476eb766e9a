"""The RSA suites against Tongsuo, in memory: ours as client and as server, and ours to ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from interop.ours import OurEnd, meet
from peers.files import PartyFiles
from peers.tongsuo import ClientAuthMode, TongsuoContext, TongsuoPeer
from support import ends
from support.rsa_pki import RsaCA, RsaParty, pem
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.errors import (
    AlertReceived,
    NegotiationError,
)
from tlcp.suites import RSA_SUITES, CipherSuite
from tlcp.x509.trust import TrustStore

BIG = bytes(range(256)) * 400  # 100 KiB: several records
each_suite = pytest.mark.parametrize("suite", RSA_SUITES, ids=lambda suite: suite.name)
each_auth = pytest.mark.parametrize("mutual", [True, False], ids=["mutual", "oneway"])


@dataclass(frozen=True, slots=True)
class World:
    """An RSA CA, a server and a client under it, as objects and as files."""

    trust: TrustStore
    server: RsaParty
    client: RsaParty
    server_files: PartyFiles
    client_files: PartyFiles

    def config(self, role: str, suite: CipherSuite, *, mutual: bool = True) -> Config:
        """Settings of our end."""
        party = self.server if role == "server" else self.client
        return Config(
            identity=party.identity if mutual or role == "server" else None,
            trust=self.trust,
            suites=(suite,),
            client_auth=ClientAuth.REQUIRED if mutual else ClientAuth.NONE,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    directory = tmp_path_factory.mktemp("rsa")
    ca = RsaCA.create()
    server, client = ca.issue_party("a server"), ca.issue_party("a client")
    (directory / "ca.crt").write_bytes(pem(ca.certificate))
    server.save(directory, "server")
    client.save(directory, "client")
    return World(
        ca.trust,
        server,
        client,
        PartyFiles.named(directory, "server"),
        PartyFiles.named(directory, "client"),
    )


def our_client(config: Config) -> OurEnd:
    return OurEnd(Connection.client(config, server_name="localhost"))


def tongsuo_server(world: World, suite: CipherSuite, *, mutual: bool = True) -> TongsuoPeer:
    auth: ClientAuthMode = "required" if mutual else "none"
    with TongsuoContext(
        "server", world.server_files, ciphers=[suite.openssl_name], client_auth=auth
    ) as context:
        return TongsuoPeer(context)


def tongsuo_client(world: World, suite: CipherSuite, *, mutual: bool = True) -> TongsuoPeer:
    with TongsuoContext(
        "client",
        world.client_files,
        ciphers=[suite.openssl_name],
        with_identity=mutual,
        server_name="localhost",
    ) as context:
        return TongsuoPeer(context)


def talk(ours: OurEnd, theirs: TongsuoPeer) -> None:
    """Data both ways, then close_notify both ways."""
    for message in (b"x", BIG):
        ours.connection.send_data(message)
        theirs.feed(ours.connection.data_to_send())
        assert theirs.read_all() == message
        theirs.write(message)
        ours.feed(theirs.take())
        assert ours.error is None
        assert ours.received == message
        ours.received.clear()
    ours.connection.close()
    theirs.feed(ours.connection.data_to_send())
    assert theirs.read() == b""
    assert theirs.shutdown()
    ours.feed(theirs.take())
    assert ours.peer_closed
    assert ours.error is None


@each_suite
@each_auth
def test_our_client(world: World, suite: CipherSuite, mutual: bool) -> None:
    ours = our_client(world.config("client", suite, mutual=mutual))
    with tongsuo_server(world, suite, mutual=mutual) as theirs:
        assert meet(ours, theirs) is None
        assert ours.error is None
        assert theirs.cipher_name == suite.openssl_name
        sign = world.client.identity.sign_cert.der
        assert theirs.peer_certificate_der == (sign if mutual else None)
        assert ours.completed is not None
        assert ours.completed.suite == suite
        assert ours.completed.peer is not None
        assert ours.completed.peer.verified
        talk(ours, theirs)


@each_suite
@each_auth
def test_our_server(world: World, suite: CipherSuite, mutual: bool) -> None:
    ours = OurEnd(Connection.server(world.config("server", suite, mutual=mutual)))
    with tongsuo_client(world, suite, mutual=mutual) as theirs:
        assert meet(ours, theirs) is None
        assert ours.error is None
        assert theirs.cipher_name == suite.openssl_name
        assert theirs.verify_result == (0, "ok")
        assert ours.completed is not None
        peer = ours.completed.peer
        sign = world.client.identity.sign_cert.der
        assert (peer.sign.der if peer else None) == (sign if mutual else None)
        talk(ours, theirs)


@each_suite
@each_auth
def test_ours_to_ours(world: World, suite: CipherSuite, mutual: bool) -> None:
    client = Connection.client(
        world.config("client", suite, mutual=mutual), server_name="localhost"
    )
    server = Connection.server(world.config("server", suite, mutual=mutual))
    ends.handshake(client, server)
    client.send_data(BIG)
    server.send_data(BIG[::-1])
    at_client, at_server = ends.handshake(client, server)
    assert at_server.data == BIG
    assert at_client.data == BIG[::-1]


def test_rsa_is_not_negotiated_unless_enabled(world: World) -> None:
    ours = our_client(Config(trust=world.trust))
    with tongsuo_server(world, RSA_SUITES[0], mutual=False) as theirs:
        assert meet(ours, theirs) is not None
        assert isinstance(ours.error, AlertReceived)
        assert ours.error.description == 40
    server = Config(identity=ends.world().server, client_auth=ClientAuth.NONE)
    ours = OurEnd(Connection.server(server))
    with tongsuo_client(world, RSA_SUITES[0], mutual=False) as theirs:
        assert meet(ours, theirs) is not None
        assert isinstance(ours.error, NegotiationError)
