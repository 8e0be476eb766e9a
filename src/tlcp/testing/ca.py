"""A CA in memory, whose pairs tests use at once.

Nothing is written to disk unless ``write`` is called; keys are new each time.

Spec: GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.pki.build import certificate_pem
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.pki.crl import Revocation, build_crl
from tlcp.pki.files import write_files
from tlcp.pki.ocsp import OcspAnswer, build_ocsp_response
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp import OcspCertId
from tlcp.x509.trust import TrustStore

__all__ = ["LocalCA", "LocalPair"]

_HOSTS = ("localhost", "127.0.0.1", "::1")
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LocalPair:
    """A pair for tests.

    Attributes:
        issued: both certificates, both keys and the chain.
        ca: who issued it.
    """

    issued: IssuedPair
    ca: LocalCA

    @property
    def identity(self) -> Identity:
        """What ``Config`` and ``TLCPContext.identity`` take."""
        return self.issued.identity

    def configure(self, context: TLCPContext) -> None:
        """Give the pair to a context, as ``load_cert_chain`` does with files."""
        context.identity = self.identity

    def write(self, directory: str | Path, name: str) -> tuple[Path, ...]:
        """Write NAME.sign.crt, NAME.sign.key, NAME.enc.crt and NAME.enc.key, over what is there.

        Returns:
            The four paths, in this order.

        Raises:
            ConfigError: the name is no plain file name, or the directory cannot be written.
        """
        return self.issued.save(directory, name, force=True)


class LocalCA:
    """A CA for tests, made in a few milliseconds.

    Args:
        intermediate: issue from a CA below the root, so that chains have three certificates.
        common_name: CN of the root.
    """

    def __init__(self, *, intermediate: bool = False, common_name: str = "Test CA") -> None:
        self._root = CertificateAuthority.create(common_name)
        self._issuer = self._root
        if intermediate:
            self._issuer = self._root.issue_intermediate(f"{common_name}, intermediate")
        self._crl_number = 0

    @property
    def root(self) -> CertificateAuthority:
        """The root, for what is not here; ``tlcp.pki.build`` makes wrong certificates too."""
        return self._root

    @property
    def issuer(self) -> CertificateAuthority:
        """The CA that issues: the root itself, or the intermediate."""
        return self._issuer

    @property
    def trust(self) -> TrustStore:
        """The root as the one trusted CA."""
        return TrustStore([self._root.certificate])

    @property
    def root_pem(self) -> bytes:
        """The root in PEM, for ``cadata`` or a file."""
        return certificate_pem(self._root.certificate.der)

    def issue(
        self,
        *hosts: str,
        name: str = "test",
        expired: bool = False,
    ) -> LocalPair:
        """Issue a pair.

        Args:
            hosts: DNS names and IP addresses; none makes a client's pair.
            name: CN of both certificates.
            expired: valid until yesterday.

        Raises:
            ConfigError: a host is neither an IP address nor a DNS name.
        """
        now = None
        if expired:
            now = datetime.datetime.now(datetime.UTC) - 2 * _DAY
        pair = self._issuer.issue_pair(name, hosts, now=now, lifetime_days=1 if expired else 30)
        return LocalPair(pair, self)

    def configure_trust(self, context: TLCPContext) -> None:
        """Let a context trust the root, as ``load_verify_locations`` does with files."""
        context.load_verify_locations(cadata=self.root_pem.decode("ascii"))

    def server_context(
        self, *hosts: str, client_auth: ssl.VerifyMode = ssl.CERT_REQUIRED
    ) -> TLCPContext:
        """Make the context of a server.

        Args:
            hosts: its names; localhost, 127.0.0.1 and ::1 if none is given.
            client_auth: ``ssl.CERT_REQUIRED`` (mutual), ``CERT_OPTIONAL`` or ``CERT_NONE``.

        Raises:
            ConfigError: a host is neither an IP address nor a DNS name.
        """
        context = TLCPContext(PROTOCOL_TLCP_SERVER)
        self.issue(*(hosts or _HOSTS), name="test server").configure(context)
        self.configure_trust(context)
        context.verify_mode = client_auth
        return context

    def client_context(self, *, with_pair: bool = True) -> TLCPContext:
        """Make the context of a client, which trusts this CA and checks the host.

        Args:
            with_pair: give it a pair of its own, for mutual authentication.
        """
        context = TLCPContext(PROTOCOL_TLCP_CLIENT)
        self.configure_trust(context)
        if with_pair:
            self.issue(name="test client").configure(context)
        return context

    def make_crl(self, *revoked: LocalPair) -> bytes:
        """Make a CRL of the issuing CA, valid for a day, with the pairs in it; DER."""
        now = datetime.datetime.now(datetime.UTC)
        self._crl_number += 1
        own = self._issuer.certificate
        return build_crl(
            issuer=own.subject,
            signer=self._issuer.key,
            this_update=now - _DAY,
            next_update=now + _DAY,
            revoked=[Revocation(serial, now) for serial in _serials(revoked)],
            crl_number=self._crl_number,
            issuer_key_id=own.subject_key_id,
        )

    def make_ocsp(self, pair: LocalPair, *, revoked: bool = False) -> bytes:
        """Make an OCSP response about both certificates of a pair, for ``ocsp_response``; DER.

        A client believes it that has ``request_ocsp`` and a ``revocation`` policy.

        Args:
            pair: of this CA.
            revoked: say so, since yesterday; False says that they are good.
        """
        now = datetime.datetime.now(datetime.UTC)
        own = self._issuer.certificate
        return build_ocsp_response(
            responder=own,
            signer=self._issuer.key,
            answers=[
                OcspAnswer(
                    OcspCertId.of(serial, own),
                    "revoked" if revoked else "good",
                    now - _DAY,
                    now + _DAY,
                    now - _DAY if revoked else None,
                )
                for serial in _serials([pair])
            ],
            produced_at=now,
        )

    def write(self, directory: str | Path) -> Path:
        """Write the root to ca.crt, over what is there; its key stays in memory.

        Returns:
            The path.

        Raises:
            ConfigError: the directory cannot be written.
        """
        (path,) = write_files(directory, {"ca.crt": self.root_pem}, force=True)
        return path


def _serials(pairs: Iterable[LocalPair]) -> list[int]:
    return [
        certificate.serial_number
        for pair in pairs
        for certificate in (pair.issued.sign_cert, pair.issued.enc_cert)
    ]
