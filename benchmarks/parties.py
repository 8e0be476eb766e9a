"""A CA, a server and a client as files, which both libraries load; chains of any length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.files import PartyFiles
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.pki.ca import CertificateAuthority
from tlcp.sessions.session import Session
from tlcp.suites import CipherSuite
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

__all__ = ["HOST", "Configs", "Parties", "handshake", "make_chain", "make_parties"]

HOST = "server.example"


@dataclass(frozen=True, slots=True)
class Parties:
    """Files of both ends."""

    client: PartyFiles
    server: PartyFiles


def make_chain(root: CertificateAuthority, name: str, length: int) -> CertificateAuthority:
    """A CA so many steps below a root."""
    for number in range(1, length + 1):
        root = root.issue_intermediate(f"{name} CA {number}", path_length=None)
    return root


def make_parties(folder: Path, intermediates: int = 0) -> Parties:
    """Certificates of a client and a server under one root, by CAs of their own below it.

    Their own, because both ends live in one process here: what the client has verified must not
    spare the server its work.
    """
    root = CertificateAuthority.create()
    root.save(folder)
    for role in ("client", "server"):
        authority = make_chain(root, role, intermediates)
        authority.issue_pair(f"a {role}", [HOST]).save(folder, role)
    return Parties(PartyFiles.named(folder, "client"), PartyFiles.named(folder, "server"))


@dataclass(frozen=True, slots=True)
class Configs:
    """Our settings of both ends."""

    client: Config
    server: Config

    @classmethod
    def load(cls, parties: Parties, suite: CipherSuite, auth: ClientAuth) -> Configs:
        """Read the files, as a program does once when it starts."""

        def config(files: PartyFiles, auth: ClientAuth = ClientAuth.REQUIRED) -> Config:
            identity = Identity.load(files.sign_cert, files.sign_key, files.enc_cert, files.enc_key)
            trust = TrustStore.from_pem_file(files.ca)
            return Config(identity=identity, trust=trust, suites=(suite,), client_auth=auth)

        return cls(config(parties.client), config(parties.server, auth))


def handshake(configs: Configs, session: Session | None = None) -> tuple[Connection, Connection]:
    """A handshake between two connections in memory; returns client and server.

    Args:
        configs: of both ends.
        session: what the client asks to continue.

    Raises:
        TLCPError: it fails.
    """
    client = Connection.client(configs.client, server_name=HOST, session=session)
    server = Connection.server(configs.server)
    while not client.handshake_completed:
        server.receive_data(client.data_to_send())
        while server.next_event() is not None:
            pass
        client.receive_data(server.data_to_send())
        while client.next_event() is not None:
            pass
    return client, server
