"""A CA's directory, locked and opened for one change: what ``directory.py`` works on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tlcp.errors import ConfigError
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.files import check_names, refuse_present
from tlcp.pki.index import Index, Use
from tlcp.pki.transaction import commit, locked
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.contents import may_need_password

__all__ = ["INDEX", "Change", "changing"]

#: The file with what the CA has issued.
INDEX: Final = "ca.json"


@dataclass(slots=True)
class Change:
    """A CA, locked: what is put here is written at the end, with the index.

    Attributes:
        certificate: the CA's own.
        index: what it has issued, to be changed in place.
        folder: its directory.
        files: name -> content of what is to be written.
    """

    certificate: Certificate
    index: Index
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)
    _password: bytes | None = field(default=None, repr=False)
    _loaded: CertificateAuthority | None = field(default=None, repr=False)
    _claim: Callable[[int], bool] | None = field(default=None, repr=False)

    @property
    def authority(self) -> CertificateAuthority:
        """The CA with its key; it gives no serial number away twice.

        Raises:
            ConfigError: the key needs a password, or another one, or is not the CA's.
        """
        index = self.index
        if self._claim is None:
            self._claim = _claimer(index)
        if self._loaded is None:
            self._loaded = CertificateAuthority.load(self.folder, self._password)
        return replace(
            self._loaded, claim=self._claim, crl_url=index.crl_url, ocsp_url=index.ocsp_url
        )

    def put(self, contents: Mapping[str, bytes], *, force: bool) -> tuple[Path, ...]:
        """Add files to write.

        Returns:
            Their paths.

        Raises:
            ConfigError: a name is not a plain file name, or a file is there and ``force`` is not
                given.
        """
        check_names(contents)
        if not force:
            refuse_present(self.folder, contents)
        self.files.update(contents)
        return tuple(self.folder / name for name in contents)


@contextlib.contextmanager
def changing(folder: Path, password: bytes | None = None) -> Iterator[Change]:
    """Lock a CA's directory and read it; at the end write what was changed, all or none.

    A key that is encrypted is opened when it is needed, and not before.

    Args:
        folder: the CA's directory.
        password: opens its key, if it is encrypted.

    Raises:
        ConfigError: there is no CA, it is damaged, or cannot be written.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no CA in {folder}: it is no directory")
    with locked(folder):
        loaded = None if _key_is_encrypted(folder) else CertificateAuthority.load(folder)
        certificate = _certificate(folder) if loaded is None else loaded.certificate
        index, before = _read_index(folder, certificate)
        change = Change(certificate, index, folder, _password=password, _loaded=loaded)
        yield change
        if change.files or index != before:
            commit(folder, {INDEX: index.dump(), **change.files})


def _key_is_encrypted(folder: Path) -> bool:
    try:
        return may_need_password((folder / "ca.key").read_bytes())
    except OSError:
        return False  # loading it says what is wrong


def _certificate(folder: Path) -> Certificate:
    path = folder / "ca.crt"
    try:
        return load_pem_certificates(path.read_bytes())[0]
    except ConfigError:  # an OSError, too, as ssl's errors are
        raise
    except OSError as error:
        raise ConfigError(f"no CA in {folder}: cannot read {path}: {error.strerror}") from error


def _read_index(folder: Path, certificate: Certificate) -> tuple[Index, Index | None]:
    """The index to change, and as it is in its file; None if there is no file."""
    path = folder / INDEX
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return _adopt(folder, certificate), None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    index = Index.load(data, str(path), certificate)
    return index, index.copy()


def _adopt(folder: Path, own: Certificate) -> Index:
    """The index of a CA that has none, because an older version made it: what lies beside it."""
    index = Index.of(own)
    uses: tuple[tuple[Use, str], ...] = (("sign", ".sign.crt"), ("enc", ".enc.crt"))
    for use, ending in uses:
        for path in sorted(folder.glob(f"*{ending}")):
            with contextlib.suppress(ConfigError, OSError):
                certificate = load_pem_certificates(path.read_bytes())[0]
                if certificate.issuer_der == own.subject_der:
                    index.record(certificate, path.name.removesuffix(ending), use)
    return index


def _claimer(index: Index) -> Callable[[int], bool]:
    """Give each serial number away once, also within one change."""
    fresh: set[int] = set()

    def claim(serial: int) -> bool:
        if serial in index.issued or serial in fresh:
            return False
        fresh.add(serial)
        return True

    return claim
