"""The certificates of all tests that talk to a peer, from the project's own CA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.files import PartyFiles
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.x509.trust import TrustStore

HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class PKI:
    """A CA, a server and a client, as objects and as files.

    Attributes:
        authority: the root CA.
        server, client: what it issued, both for ``HOSTS``.
        trust: the root as the one trust anchor.
        server_files, client_files: the same as files; both trust the root.
        other_trust, other_ca: a root that issued none of these, as object and as file.
    """

    authority: CertificateAuthority
    server: IssuedPair
    client: IssuedPair
    trust: TrustStore
    server_files: PartyFiles
    client_files: PartyFiles
    other_trust: TrustStore
    other_ca: Path


def make_pki(directory: Path) -> PKI:
    """Issue everything and write it into a directory: ``ca.crt``, ``server.sign.crt``..."""
    authority, other = CertificateAuthority.create(), CertificateAuthority.create("Another root CA")
    authority.save(directory)
    other_ca, _ = other.save(directory / "other")
    server, client = (authority.issue_pair(f"a {role}", HOSTS) for role in ("server", "client"))
    server.save(directory, "server")
    client.save(directory, "client")
    return PKI(
        authority=authority,
        server=server,
        client=client,
        trust=TrustStore([authority.certificate]),
        server_files=PartyFiles.named(directory, "server"),
        client_files=PartyFiles.named(directory, "client"),
        other_trust=TrustStore([other.certificate]),
        other_ca=other_ca,
    )
