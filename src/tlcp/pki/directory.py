"""A CA in a directory, for any number of processes at once.

::

    ca.crt  ca.key          the CA's own; an intermediate's chain follows in ca.crt
    ca.json                 what it has issued and revoked: ``index.py``
    NAME.sign.crt ...       what it has issued
    ca.crl                  the last CRL
    old-NAME-SERIAL.*       a pair that was renewed, with its keys; SERIAL is of its sign.crt

Every method takes the directory's lock and makes its changes all or none, so nothing is lost or
given away twice, whoever dies when.  The file is long because each verb of the CA is a method, and
most of each is its description.

Spec: GB/T 20518-2018; RFC 5280 5; RFC 6960
"""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tlcp.crypto.envelope import ENVELOPE_LABEL, seal_envelope
from tlcp.crypto.pem import to_pem
from tlcp.crypto.sm2 import SM2PublicKey
from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.pki.crl import REASONS, build_crl, crl_pem
from tlcp.pki.csr import CertificateRequest
from tlcp.pki.files import make_directory, refuse_present
from tlcp.pki.index import Index, IssuedCertificate, Use
from tlcp.pki.ocsp import OcspAnswer, build_ocsp_response
from tlcp.pki.state import INDEX, Change, changing
from tlcp.pki.transaction import commit, locked
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp import OcspCertId

__all__ = ["CADirectory", "is_kept", "kept_as", "no_pair"]

_PAIR: Final = ("sign.crt", "sign.key", "enc.crt", "enc.key")
_OLD: Final = "old-"
_SKEW: Final = datetime.timedelta(minutes=5)  # the peer's clock may be behind ours


@dataclass(frozen=True, slots=True)
class CADirectory:
    """A CA and what it remembers.

    Attributes:
        path: the directory.
        password: opens the CA's key, if it is encrypted; only what signs needs it.
    """

    path: Path
    password: bytes | None = field(default=None, repr=False)

    @classmethod
    def create(
        cls,
        path: str | Path,
        authority: CertificateAuthority,
        *,
        force: bool = False,
        password: bytes | None = None,
    ) -> CADirectory:
        """Put a CA that has issued nothing into a directory, which is made if needed.

        Args:
            path: the directory.
            authority: root or intermediate; its URLs are remembered.
            force: replace the CA that is there, and forget what that one has issued.
            password: encrypts the key; None leaves it in the clear.

        Raises:
            ConfigError: there is a CA already, or the directory cannot be written.
        """
        folder = Path(path)
        contents = {
            **authority.files(password),
            INDEX: Index.of(authority.certificate, authority.crl_url, authority.ocsp_url).dump(),
        }
        if not force:
            refuse_present(folder, contents)
        make_directory(folder)
        with locked(folder):
            if not force:
                refuse_present(folder, contents)
            commit(folder, contents)
        return cls(folder, password)

    @classmethod
    def open(cls, path: str | Path, password: bytes | None = None) -> CADirectory:
        """Use the CA that is in a directory.

        Args:
            path: the directory.
            password: opens the CA's key, if it is encrypted; tried when something is signed.

        Raises:
            ConfigError: there is none, or it is damaged.
        """
        directory = cls(Path(path), password)
        with changing(directory.path, password):
            pass
        return directory

    @property
    def authority(self) -> CertificateAuthority:
        """The CA itself, as it is now; what it issues on its own is not remembered.

        Raises:
            ConfigError: it cannot be read.
        """
        with changing(self.path, self.password) as change:
            return change.authority

    @property
    def certificate(self) -> Certificate:
        """The CA's own, for which no password is needed.

        Raises:
            ConfigError: it cannot be read.
        """
        with changing(self.path) as change:
            return change.certificate

    @property
    def issued(self) -> tuple[IssuedCertificate, ...]:
        """What it has issued, the oldest first.

        Raises:
            ConfigError: the index is damaged.
        """
        with changing(self.path, self.password) as change:
            return tuple(change.index.issued.values())

    def issue_pair(
        self,
        name: str,
        hosts: Iterable[str] = (),
        *,
        common_name: str | None = None,
        organization: str = "TLCP",
        country: str = "CN",
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
        force: bool = False,
    ) -> tuple[IssuedPair, tuple[Path, ...]]:
        """Issue a pair and write NAME.sign.crt, NAME.sign.key, NAME.enc.crt, NAME.enc.key.

        Args:
            name: of the files.
            hosts: DNS names and IP addresses; none leaves subjectAltName out.
            common_name: CN of both certificates; None takes ``name``.
            organization: O of the subject; "" leaves it out.
            country: C of the subject, two letters; "" leaves it out.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.
            force: replace files that are there.

        Returns:
            The pair and the four paths.

        Raises:
            ConfigError: a name or host is not allowed, a file is there, or cannot be written.
        """
        _refuse_own_name(name)
        with changing(self.path, self.password) as change:
            pair = change.authority.issue_pair(
                common_name or name,
                hosts,
                organization=organization,
                country=country,
                now=now,
                lifetime_days=lifetime_days,
            )
            return pair, _keep_pair(change, pair, name, force=force)

    def issue_intermediate(
        self,
        path: str | Path,
        common_name: str,
        *,
        organization: str = "TLCP",
        country: str = "CN",
        path_length: int | None = 0,
        now: datetime.datetime | None = None,
        lifetime_days: int = 1825,
        crl_url: str = "",
        ocsp_url: str = "",
        force: bool = False,
        password: bytes | None = None,
    ) -> CADirectory:
        """Issue a CA below this one, into a directory of its own.

        Args:
            path: the new CA's directory.
            common_name: CN of its name.
            organization: O of its name; "" leaves it out.
            country: C of its name, two letters; "" leaves it out.
            path_length: how many CAs may follow below it; None = no limit.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long it is valid; never longer than this CA.
            crl_url: where the new CA's CRL can be had, for what it will issue.
            ocsp_url: where it answers OCSP requests, likewise.
            force: replace the CA that is there.
            password: encrypts the new CA's key; None leaves it in the clear.

        Raises:
            ConfigError: a part of the name is not allowed, or there is a CA already.
        """
        if Path(path).resolve() == self.path.resolve():
            raise ConfigError(f"{path} is this CA's own directory; give the new one another")
        if not force:
            refuse_present(Path(path), ("ca.crt", "ca.key", INDEX))
        with changing(self.path, self.password) as change:
            made = change.authority.issue_intermediate(
                common_name,
                organization=organization,
                country=country,
                path_length=path_length,
                now=now,
                lifetime_days=lifetime_days,
            )
            change.index.record(made.certificate, Path(path).name, "ca")
        # Remembered first: a CA that nobody knows of could not be revoked.
        made = replace(made, crl_url=crl_url, ocsp_url=ocsp_url)
        return self.create(path, made, force=force, password=password)

    def sign_request(
        self,
        request: CertificateRequest,
        name: str,
        hosts: Iterable[str] | None = None,
        *,
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
        force: bool = False,
    ) -> tuple[Path, ...]:
        """Issue a pair for a request: NAME.sign.crt, NAME.enc.crt and NAME.enc.envelope.

        The envelope is an SM2EnvelopedKey in PEM: the encryption key, which only the request's key
        opens. It is not kept anywhere else.

        Args:
            request: read, its signature checked.
            name: of the files.
            hosts: the subjectAltName; None takes the request's.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.
            force: replace files that are there.

        Returns:
            The three paths.

        Raises:
            ConfigError: a name or host is not allowed, a file is there, or cannot be written.

        Spec: GB/T 35276-2017 7.4
        """
        _refuse_own_name(name)
        with changing(self.path, self.password) as change:
            sign_cert, enc_cert, enc_key = change.authority.issue_for(
                request, hosts, now=now, lifetime_days=lifetime_days
            )
            change.index.record(sign_cert, name, "sign")
            change.index.record(enc_cert, name, "enc")
            envelope = seal_envelope(enc_key, SM2PublicKey(request.public_point))
            above = [certificate.der for certificate in change.authority.chain]
            return change.put(
                {
                    f"{name}.sign.crt": certificate_pem(sign_cert.der, *above),
                    f"{name}.enc.crt": certificate_pem(enc_cert.der, *above),
                    f"{name}.enc.envelope": to_pem(ENVELOPE_LABEL, envelope),
                },
                force=force,
            )

    def renew(
        self,
        name: str,
        *,
        keep_keys: bool = False,
        now: datetime.datetime | None = None,
        lifetime_days: int = 397,
    ) -> tuple[IssuedPair, tuple[Path, ...]]:
        """Issue the pair NAME again, for the same subject and names, and replace its files.

        No private key is lost: with new keys the old pair stays beside the new one, under the name
        that ``kept_as`` gives it, for what was encrypted to it. The old certificates stay valid
        until they expire; ``revoke`` them by serial number if they must not.

        Args:
            name: of the files.
            keep_keys: certify the same keys, whose files are left alone; False makes new ones.
            now: when the validity begins (five minutes earlier); None = the system clock.
            lifetime_days: how long they are valid; never longer than the CA.

        Returns:
            The pair and its four paths; with new keys, then the four of the old pair.

        Raises:
            ConfigError: there is no such pair, its files cannot be read, another CA issued it
                (whatever lies there would be certified), or its keys are to be kept and were
                revoked as compromised.
        """
        if is_kept(name):
            raise ConfigError(
                f"{name} is a pair that was renewed before and is kept for what was encrypted to "
                "it: renew the pair that came after it"
            )
        sign_crt, sign_key, enc_crt, enc_key = (self.path / f"{name}.{part}" for part in _PAIR)
        with changing(self.path, self.password) as change:
            if sign_crt.exists() and not sign_key.exists():
                raise ConfigError(
                    f"the keys of {name} are not here but where its request was made: sign the "
                    f"request again, `tlcp pki sign DIR CSR --name {name} --force`"
                )
            if not sign_crt.exists():
                raise no_pair(self.path, name)
            old = Identity.load(sign_crt, sign_key, enc_crt, enc_key)
            _check_ours(old.sign_cert, change.certificate, name)
            if keep_keys:
                _refuse_compromised(change.index, old)
            pair = change.authority.renew(
                old, keep_keys=keep_keys, now=now, lifetime_days=lifetime_days
            )
            paths = _keep_pair(change, pair, name, force=True, keys=not keep_keys)
            return pair, paths if keep_keys else (*paths, *_keep_old(change, old, name))

    def revoke(
        self,
        which: str,
        reason: str | None = None,
        *,
        now: datetime.datetime | None = None,
    ) -> tuple[IssuedCertificate, ...]:
        """Revoke certificates; the next CRL and OCSP response will say so.

        Args:
            which: a serial number in hex, or a name: then every certificate of this name that is
                still valid.
            reason: a key of ``crl.REASONS``; None gives none.
            now: since when; None = the system clock.

        Returns:
            Those that were not revoked before.

        Raises:
            ConfigError: nothing of this name or number was issued, or the reason is unknown.

        Spec: RFC 5280 5.3.1
        """
        if reason is not None and reason not in REASONS:
            raise ConfigError(f"{reason!r} is no reason; use one of {', '.join(REASONS)}")
        moment = _moment(now)
        with changing(self.path, self.password) as change:
            serials = _find(change.index, which, moment)
            return change.index.revoke(serials, moment, reason)

    def make_crl(
        self, *, lifetime_days: int = 30, now: datetime.datetime | None = None
    ) -> tuple[bytes, Path]:
        """Make the next CRL, and write it to ca.crl as PEM.

        Args:
            lifetime_days: until the next one must be there.
            now: when it is made; None = the system clock.

        Returns:
            DER, and the path.

        Raises:
            ConfigError: it cannot be written.

        Spec: RFC 5280 5
        """
        moment = _moment(now)
        with changing(self.path, self.password) as change:
            change.index.crl_number += 1
            own = change.certificate
            der = build_crl(
                issuer=own.subject,
                signer=change.authority.key,
                this_update=moment - _SKEW,
                next_update=moment + datetime.timedelta(days=lifetime_days),
                revoked=change.index.revocations(moment),
                crl_number=change.index.crl_number,
                issuer_key_id=own.subject_key_id,
            )
            (path,) = change.put({"ca.crl": crl_pem(der)}, force=True)
            return der, path

    def answer_ocsp(
        self,
        ids: Iterable[OcspCertId],
        *,
        nonce: bytes | None = None,
        lifetime_days: int = 7,
        now: datetime.datetime | None = None,
    ) -> bytes:
        """Answer what is asked of certificates: good, revoked, or unknown if we issued none such.

        Args:
            ids: the certificates; see ``ocsp_ids``.
            nonce: the request's.
            lifetime_days: how long the answer may be relied upon.
            now: when it is made; None = the system clock.

        Returns:
            DER of the response, signed by the CA itself.

        Raises:
            ConfigError: the CA cannot be read.

        Spec: RFC 6960 2.2, 4.2.1
        """
        moment = _moment(now)
        with changing(self.path, self.password) as change:
            own = change.certificate
            return build_ocsp_response(
                responder=own,
                signer=change.authority.key,
                answers=[
                    _answer(
                        change.index.issued.get(one.serial_number) if one.is_by(own) else None,
                        one,
                        moment,
                        moment + datetime.timedelta(days=lifetime_days),
                    )
                    for one in ids
                ],
                produced_at=moment,
                nonce=nonce,
            )

    def ocsp_ids(
        self, which: str, hash_name: str = "sha1", *, now: datetime.datetime | None = None
    ) -> tuple[OcspCertId, ...]:
        """The certificates of a name or serial number, as OCSP names them.

        Raises:
            ConfigError: nothing of this name or number was issued, or the hash is unknown.
        """
        with changing(self.path, self.password) as change:
            own = change.certificate
            serials = _find(change.index, which, _moment(now))
            return tuple(OcspCertId.of(serial, own, hash_name) for serial in serials)


def kept_as(name: str, sign_cert: Certificate) -> str:
    """What the files of a renewed pair are called: of which it was, and its serial number."""
    return f"{_OLD}{name}-{sign_cert.serial_number:x}"


def is_kept(name: str) -> bool:
    """Whether a pair of this name is one that was renewed."""
    return re.fullmatch(f"{_OLD}.+-[0-9a-f]+", name) is not None


def _keep_old(change: Change, old: Identity, name: str) -> tuple[Path, ...]:
    """Leave a pair that is replaced in the directory, byte for byte, under its other name."""
    other = kept_as(name, old.sign_cert)
    try:
        contents = {
            f"{other}.{part}": (change.folder / f"{name}.{part}").read_bytes() for part in _PAIR
        }
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
    return change.put(contents, force=True)  # what is there is the same pair: the same serial


def _keep_pair(
    change: Change, pair: IssuedPair, name: str, *, force: bool, keys: bool = True
) -> tuple[Path, ...]:
    files = pair.files(name)
    written = {one: data for one, data in files.items() if keys or not one.endswith(".key")}
    change.put(written, force=force)
    paths = tuple(change.folder / one for one in files)
    uses: tuple[tuple[Certificate, Use], ...] = ((pair.sign_cert, "sign"), (pair.enc_cert, "enc"))
    for certificate, use in uses:
        change.index.record(certificate, name, use)
    return paths


def _check_ours(certificate: Certificate, own: Certificate, name: str) -> None:
    try:
        certificate.verify_signed_by(own)
    except CertificateVerifyError:
        raise ConfigError(
            f"the pair {name} was issued by another CA, or by an earlier one: issue it anew, "
            f"`tlcp pki issue DIR {name} --force` with its hosts"
        ) from None


def _find(index: Index, which: str, now: datetime.datetime) -> list[int]:
    # The number first: whoever brings a request may call its file like the serial number of
    # another certificate, and revoking that one must not miss it.
    with contextlib.suppress(ValueError):
        serial = int(which.replace(":", ""), 16)
        if serial in index.issued:
            return [serial]
    named = [entry for entry in index.issued.values() if entry.name == which]
    valid = [entry.serial_number for entry in named if entry.not_after >= now]
    if valid or named:
        return valid or [entry.serial_number for entry in named]
    raise ConfigError(
        f"this CA has issued nothing of the name or serial number {which!r}; "
        f"`tlcp pki list` shows what it has issued"
    )


def _answer(
    entry: IssuedCertificate | None,
    cert_id: OcspCertId,
    now: datetime.datetime,
    until: datetime.datetime,
) -> OcspAnswer:
    since = now - _SKEW
    if entry is None:
        return OcspAnswer(cert_id, "unknown", since, until)
    if entry.revoked_at is None:
        return OcspAnswer(cert_id, "good", since, until)
    return OcspAnswer(cert_id, "revoked", since, until, entry.revoked_at, entry.reason_flag)


def no_pair(directory: Path, name: str) -> ConfigError:
    """What to say of a pair that is not in a CA's directory."""
    return ConfigError(
        f"there is no pair {name!r} in {directory}: {name}.sign.crt does not exist; "
        f"`tlcp pki list` shows what the CA has issued"
    )


def _refuse_compromised(index: Index, pair: Identity) -> None:
    for certificate in (pair.sign_cert, pair.enc_cert):
        entry = None if certificate is None else index.issued.get(certificate.serial_number)
        if entry is not None and entry.reason == "keyCompromise":
            raise ConfigError(
                f"the keys of {entry.name} were revoked as compromised: renew it with new ones, "
                "without --keep-keys"
            )


def _moment(now: datetime.datetime | None) -> datetime.datetime:
    return (now or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)


def _refuse_own_name(name: str) -> None:
    if name.casefold() == "ca":
        raise ConfigError(f"the name {name!r} is the CA's own; choose another one")
    if is_kept(name):
        raise ConfigError(
            f"{name!r} is a name of pairs that were renewed (old-NAME-SERIAL); choose another one"
        )
