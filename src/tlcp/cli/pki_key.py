"""``tlcp pki key``: what a key file is, and the same key in another form.

Nothing secret is ever printed: keys go from file to file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from tlcp.cli.failures import ExitCode
from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.pki_common import (
    FILE,
    OUT,
    as_json_option,
    force_option,
    keep,
    new_password,
    read_file,
    report,
)
from tlcp.cli.places import Command
from tlcp.crypto.envelope import envelope_point, open_envelope, seal_envelope
from tlcp.crypto.keyfile import SoftwareKey, dump_private_key
from tlcp.crypto.pbes2 import CIPHER_NAMES, PRF_NAMES, Protection
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.crypto.rsa import RSAPrivateKey
from tlcp.crypto.sm2 import SM2PrivateKey, SM2PublicKey
from tlcp.crypto.sm3 import sm3
from tlcp.errors import ConfigError
from tlcp.pki.files import write_files
from tlcp.x509.certificate import Certificate
from tlcp.x509.contents import Part, read_parts
from tlcp.x509.loading import public_in, public_of
from tlcp.x509.usage import can_encrypt, can_sign

__all__ = ["key"]

_FORMS = ("pkcs8", "sec1", "pkcs12", "envelope")
_PUBLIC_SUFFIXES = (".crt", ".crl", ".csr")  # what is written with such a name, all may read
_MOST_PARTS = 1024
# SubjectPublicKeyInfo of an SM2 key up to its point, so that other tools get the same digest.
_SM2_KEY_INFO = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


@dataclass(slots=True)
class _Found:
    """A part of a file, and what is known of it from the other files.

    Attributes:
        file: where it is.
        part: what it is.
        key: the private key, also that of an envelope that could be opened.
        public: its public key, as ``public_of`` gives it; b"" if not known.
    """

    file: Path
    part: Part
    key: SoftwareKey | None = None
    public: bytes = b""

    @property
    def certificate(self) -> Certificate | None:
        return self.part.certificate


@click.command(
    cls=Command,
    short_help="Tell what a key file is; convert keys.",
    epilog=examples(
        "tlcp pki key pki/server.*",
        "tlcp pki key server.sign.key --to pkcs8 --new-password-file secret --out new.key",
        "tlcp pki key server.* --to pkcs12 --encrypt --out server.p12",
        "tlcp pki key enc.envelope server.sign.key --to pkcs8 --out server.enc.key",
    ),
)
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE...")
@click.option("--key-password-file", type=FILE, help="File whose first line opens the FILEs.")
@click.option("--to", "form", type=click.Choice(_FORMS), help="Write the keys in this form.")
@click.option("--out", type=OUT, help="Where to; mode 0600.")
@click.option("--encrypt", is_flag=True, help="Encrypt; asks for the new password.")
@click.option("--new-password-file", type=FILE, help="Encrypt under the first line of this file.")
@click.option("--cipher", type=click.Choice(CIPHER_NAMES), help="Default: aes-256-cbc.")
@click.option("--prf", type=click.Choice(PRF_NAMES), help="Default: sha256.")
@click.option("--recipient", type=FILE, help="Certificate of whoever shall open the envelope.")
@force_option
@as_json_option
def key(
    files: tuple[Path, ...],
    key_password_file: Path | None,
    form: str | None,
    out: Path | None,
    encrypt: bool,
    new_password_file: Path | None,
    cipher: str | None,
    prf: str | None,
    recipient: Path | None,
    force: bool,
    as_json: bool,
) -> ExitCode:
    """Tell what FILEs hold: kind, form, encryption, public key, and which belong together.

    With --to, write the private keys that they hold in another form. An envelope is opened with
    the signing key among the FILEs. GmSSL 3.1.1 reads --to pkcs8 --cipher sm4-cbc --prf sm3 and
    nothing else.

    Exit code 1 if a private key belongs to none of the certificates that were given, or something
    cannot be read.
    """
    if (form is None) != (out is None):
        raise click.UsageError("--to and --out go together")
    if (form == "envelope") != (recipient is not None):
        raise click.UsageError("--to envelope needs --recipient, which is for nothing else")
    found = _look(files, read_password(key_password_file))
    if form is None or out is None:
        return _tell(found, as_json, password_given=key_password_file is not None)
    if out.suffix in _PUBLIC_SUFFIXES:
        raise click.UsageError(f"{out}: a key does not belong into a file called *{out.suffix}")
    force = keep(out.parent, [out.name], force)
    _refuse_problems(found)
    encrypts = encrypt or new_password_file is not None
    if (cipher or prf) and not encrypts:
        raise click.UsageError("--cipher and --prf need --encrypt or --new-password-file")
    if recipient is not None:
        if encrypts:
            raise click.UsageError("an envelope is encrypted to --recipient, not under a password")
        data = _envelope(found, recipient)
    else:
        password = new_password(encrypt, new_password_file)
        protection = Protection(cipher or "aes-256-cbc", prf or "sha256")
        data = _converted(found, form, password, protection)
    paths = write_files(out.parent, {out.name: data}, force=force)
    clear = not encrypts and recipient is None
    talk = ("the key is not encrypted: guard the file",) if clear else ()
    report(paths, {"files": {path.name: str(path) for path in paths}}, as_json, *talk)
    return ExitCode.OK


def _look(files: Sequence[Path], password: bytes | None) -> list[_Found]:
    found = []
    for file in files:
        data = read_file(file)
        try:
            parts = read_parts(data, password)
        except ConfigError as error:
            parts = (Part("other", "unknown", "DER", problem=str(error)),)
        found += [_Found(file, part, part.key) for part in parts]
        if len(found) > _MOST_PARTS:  # each is compared with each
            raise ConfigError(f"{file}: more than {_MOST_PARTS} certificates and keys; give fewer")
    for one in found:
        if one.key is not None:
            one.public = public_of(one.key)
        elif one.certificate is not None:
            one.public = _public_in(one.certificate)
        elif one.part.kind == "envelope":
            one.public = envelope_point(one.part.data)
            one.key = _opened(one, found)
    return found


def _public_in(certificate: Certificate) -> bytes:
    try:
        return public_in(certificate, "certificate")
    except ConfigError:
        return b""


def _opened(envelope: _Found, found: Sequence[_Found]) -> SM2PrivateKey | None:
    """The key in an envelope, if one of the other keys opens it."""
    for other in found:
        if isinstance(other.part.key, SM2PrivateKey):
            try:
                return open_envelope(envelope.part.data, other.part.key)
            except ConfigError:
                continue
    return None


# ---- telling ---------------------------------------------------------------------------------


def _tell(found: Sequence[_Found], as_json: bool, *, password_given: bool) -> ExitCode:
    if as_json:
        Printer(stderr=False).json({"parts": [_facts(one, found) for one in found]})
    else:
        printer = Printer(stderr=False)
        for one in found:
            printer.say(f"{one.file}: {_title(one.part)}")
            printer.pairs(_rows(one, found))
    wrong = [one for one in found if one.part.problem and not _only_locked(one, password_given)]
    return ExitCode.FINDING if wrong or any(_is_stray(one, found) for one in found) else ExitCode.OK


def _is_stray(one: _Found, found: Sequence[_Found]) -> bool:
    """A private key to none of the certificates, where there are some.

    One that opened an envelope is there for that.
    """
    if one.certificate is not None or one.part.kind == "other" or not one.public:
        return False
    certificates = {other.public for other in found if other.certificate is not None}
    opens = isinstance(one.part.key, SM2PrivateKey) and any(
        other.part.kind == "envelope" and other.key is not None for other in found
    )
    return bool(certificates) and one.public not in certificates and not opens


def _lacks_key(one: _Found, found: Sequence[_Found]) -> bool:
    """An end certificate to none of the keys, where there are some and all are known."""
    certificate = one.certificate
    if certificate is None or certificate.is_ca or not one.public:
        return False
    keys = [other for other in found if other.part.kind in ("private key", "envelope", "bundle")]
    return bool(keys) and all(key.public not in (b"", one.public) for key in keys)


def _only_locked(one: _Found, password_given: bool) -> bool:
    return bool(one.part.encryption) and not password_given


def _title(part: Part) -> str:
    names = {
        "private key": "private key",
        "envelope": "envelope with a key",
        "other": "not looked at",
    }
    name = names.get(part.kind, part.kind)
    return name if part.form == "unknown" else f"{name} ({part.form}, {part.encoding})"


def _rows(one: _Found, found: Sequence[_Found]) -> Iterator[tuple[str, str]]:
    part = one.part
    if one.certificate is not None:
        yield "subject", one.certificate.subject.rfc4514_string() or "(empty)"
        yield "use", _use(one.certificate)
    if algorithm := _algorithm(one):
        yield "algorithm", algorithm
    if part.kind != "other" and one.certificate is None:
        yield "encrypted", part.encryption or "no"
    if one.public:
        yield "public key", f"SM3 {_fingerprint(one.public)}"
    if part.kind == "envelope":
        yield (
            "opened",
            "yes, by a key among the files"
            if one.key is not None
            else ("no: none of the files holds the signing key that it was made for"),
        )
    yield from _relatives(one, found)
    if part.problem:
        yield "not read", part.problem


def _relatives(one: _Found, found: Sequence[_Found]) -> Iterator[tuple[str, str]]:
    """Certificates of a key, keys of a certificate."""
    if not one.public or one.part.kind == "other":
        return
    same = [other for other in found if other is not one and other.public == one.public]
    if one.certificate is None:
        for other in same:
            if other.certificate is not None:
                name = other.certificate.subject.rfc4514_string()
                yield "belongs to", f"{other.file}: {name}, {_use(other.certificate)}"
        if _is_stray(one, found):
            yield "belongs to", "none of the certificates among the files"
    elif _lacks_key(one, found):
        yield "key", "none of the keys among the files"
    elif any(other.certificate is None for other in same):
        yield "key", ", ".join(str(other.file) for other in same if other.certificate is None)


def _use(certificate: Certificate) -> str:
    if certificate.is_ca:
        return "a CA"
    uses = [
        name
        for name, can in (("signing", can_sign), ("encryption", can_encrypt))
        if can(certificate)
    ]
    return " and ".join(uses) or "neither signing nor encryption"


def _algorithm(one: _Found) -> str:
    if one.certificate is not None:
        return one.certificate.key_algorithm
    if isinstance(one.key, RSAPrivateKey):
        return f"RSA, {one.key.bits} bits"
    return "SM2" if one.key is not None or one.part.kind == "envelope" else ""


def _fingerprint(public: bytes) -> str:
    """SM3 of SubjectPublicKeyInfo, as other tools compute it."""
    return sm3(_SM2_KEY_INFO + public if len(public) == 65 else public).hex()


def _facts(one: _Found, found: Sequence[_Found]) -> dict[str, object]:
    certificates = [
        {"file": str(other.file), "subject": other.certificate.subject.rfc4514_string()}
        for other in found
        if other.certificate is not None and one.public and other.public == one.public
    ]
    return {
        "file": str(one.file),
        "kind": one.part.kind,
        "form": one.part.form,
        "encoding": one.part.encoding,
        "algorithm": _algorithm(one) or None,
        "encryption": one.part.encryption or None,
        "public_key_sm3": _fingerprint(one.public) if one.public else None,
        "subject": one.certificate.subject.rfc4514_string() if one.certificate else None,
        "use": _use(one.certificate) if one.certificate else None,
        "certificates": [] if one.certificate else certificates,
        "stray": _is_stray(one, found) or _lacks_key(one, found),
        "opened": one.key is not None if one.certificate is None else None,
        "problem": one.part.problem or None,
    }


# ---- converting ------------------------------------------------------------------------------


def _refuse_problems(found: Sequence[_Found]) -> None:
    for one in found:
        if one.part.problem:
            raise ConfigError(f"{one.file}: {one.part.problem}")


def _keys(found: Sequence[_Found]) -> list[SoftwareKey]:
    """The keys to write, each once: those in envelopes, if there are any, else all.

    The signing key that opens an envelope is there to open it.
    """
    envelopes = [one for one in found if one.part.kind == "envelope"]
    for one in envelopes:
        if one.key is None:
            raise ConfigError(
                f"{one.file}: none of the files holds the signing key that opens this envelope"
            )
    keys = {one.public: one.key for one in envelopes or found if one.key is not None}
    if not keys:
        raise ConfigError("there is no private key in these files")
    return list(keys.values())


def _converted(
    found: Sequence[_Found], form: str, password: bytes | None, protection: Protection
) -> bytes:
    if form == "pkcs12":
        return _pkcs12(found, password, protection)
    if form == "sec1":
        return b"".join(dump_private_key(k, "sec1", password=password) for k in _keys(found))
    return b"".join(
        dump_private_key(k, password=password, protection=protection) for k in _keys(found)
    )


def _pkcs12(found: Sequence[_Found], password: bytes | None, protection: Protection) -> bytes:
    if password is None:
        raise click.UsageError("--to pkcs12 needs a password: --encrypt or --new-password-file")
    certificates = {one.certificate: one for one in found if one.certificate is not None}
    entries, taken = [], set()
    for private in {one.public: one.key for one in found if one.key is not None}.values():
        fitting = [c for c, one in certificates.items() if one.public == public_of(private)]
        if not fitting:
            raise ConfigError(
                "a private key in these files has no certificate among them; give its certificate, "
                "too: programs that read PKCS#12 want both"
            )
        taken |= set(fitting)
        name = fitting[0].subject.rfc4514_string()
        entries.append(Entry(private, fitting[0].der, f"{name}, {_use(fitting[0])}"))
    if not entries:
        raise ConfigError("there is no private key in these files")
    # Programs that take one key take the first: let it be the one that signs.
    entries.sort(key=lambda entry: not can_sign(Certificate(entry.certificate)))
    cas = [certificate.der for certificate in certificates if certificate not in taken]
    return dump_pkcs12(entries, password, cas=cas, protection=protection)


def _envelope(found: Sequence[_Found], recipient: Path) -> bytes:
    keys = _keys(found)
    if len(keys) != 1 or not isinstance(keys[0], SM2PrivateKey):
        raise ConfigError(
            f"an envelope holds one SM2 key; the files hold {len(keys)} keys"
            if len(keys) != 1
            else "an envelope holds an SM2 key; this one is RSA"
        )
    certificates = [one.certificate for one in _look([recipient], None) if one.certificate]
    if len(certificates) != 1:
        raise ConfigError(
            f"{recipient}: expected one certificate, the signing certificate of whoever shall open "
            f"the envelope; it holds {len(certificates)}"
        )
    public = certificates[0].public_key
    if not isinstance(public, SM2PublicKey) or not can_sign(certificates[0]):
        raise ConfigError(
            f"{recipient}: expected an SM2 certificate for signing, got one for "
            f"{_use(certificates[0])} with a key of the kind {certificates[0].key_algorithm}"
        )
    return seal_envelope(keys[0], public)
