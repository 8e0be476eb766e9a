"""``tlcp pki``: a CA of one's own, and the certificate pairs that it issues."""

from __future__ import annotations

from pathlib import Path

import click

from tlcp.cli.facts import certificate_facts
from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.cli.pki_bundle import bundle
from tlcp.cli.pki_common import (
    DAYS,
    DIRECTORY,
    as_json_option,
    ca_password_option,
    encryption_options,
    force_option,
    keep,
    new_password,
    open_ca_to_sign,
    quoted,
    report,
)
from tlcp.cli.pki_key import key
from tlcp.cli.pki_lint import lint_files
from tlcp.cli.pki_request import csr, sign
from tlcp.cli.pki_show import show
from tlcp.cli.pki_status import crl, list_issued, ocsp, revoke
from tlcp.pki.ca import CertificateAuthority, IssuedPair
from tlcp.pki.directory import CADirectory, is_kept
from tlcp.x509.certificate import Certificate

__all__ = ["pki"]

_CA_FILES = ("ca.crt", "ca.key")
_PARTS = ("sign.crt", "sign.key", "enc.crt", "enc.key")
_NEXT = "keep the .key files secret; next:"

_org = click.option("--org", default="TLCP", show_default=True, help="Organization; '' for none.")
_country = click.option(
    "--country", default="CN", show_default=True, help="Country, two letters; '' for none."
)
_crl_url = click.option(
    "--crl-url", default="", metavar="URL", help="Where its CRL can be had; goes into certificates."
)
_ocsp_url = click.option(
    "--ocsp-url", default="", metavar="URL", help="Where it answers OCSP; goes into certificates."
)


@click.group(
    short_help="Make a CA, and issue pairs of certificates.",
    epilog=examples(
        "tlcp pki init mypki",
        "tlcp pki issue mypki server --host localhost --host 127.0.0.1",
        "tlcp pki issue mypki client",
        "tlcp pki revoke mypki client && tlcp pki crl mypki",
    ),
)
def pki() -> None:
    """Make a CA, and issue pairs of certificates: one to sign, one to encrypt."""


@pki.command(
    short_help="Make a root CA.",
    epilog=examples("tlcp pki init mypki --cn 'My root CA'"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--cn", default="TLCP Root CA", show_default=True, help="Common name of the CA.")
@_org
@_country
@click.option("--days", type=DAYS, default=3650, show_default=True, help="How long it is valid.")
@_crl_url
@_ocsp_url
@encryption_options
@click.option("--force", is_flag=True, help="Replace a CA that is there already.")
@as_json_option
def init(
    directory: Path,
    cn: str,
    org: str,
    country: str,
    days: int,
    crl_url: str,
    ocsp_url: str,
    encrypt: bool,
    new_password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a root CA in DIR: ca.crt to give away, ca.key to guard, ca.json to keep.

    ca.key is in the clear, mode 0600, unless --encrypt or --new-password-file is given: then
    whatever it signs asks for the password, or takes --key-password-file.
    """
    force = keep(directory, _CA_FILES, force, [new_password_file])
    password = new_password(encrypt, new_password_file)
    issued = sorted(path.name.removesuffix(".sign.crt") for path in directory.glob("*.sign.crt"))
    orphans = [name for name in issued if not is_kept(name)]
    authority = CertificateAuthority.create(
        cn,
        organization=org,
        country=country,
        lifetime_days=days,
        crl_url=crl_url,
        ocsp_url=ocsp_url,
    )
    CADirectory.create(directory, authority, force=force, password=password)
    if orphans:
        names = ", ".join(orphans)
        Printer().say(f"the new CA did not issue what is there: issue again with --force: {names}")
    _report_ca(directory, authority.certificate, as_json)


@pki.command(
    short_help="Make a CA below another.",
    epilog=examples("tlcp pki intermediate mypki mypki/sub --cn 'My issuing CA'"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("new", type=DIRECTORY, metavar="NEWDIR")
@ca_password_option
@click.option("--cn", default="TLCP Issuing CA", show_default=True, help="Common name of the CA.")
@_org
@_country
@click.option("--days", type=DAYS, default=1825, show_default=True, help="How long it is valid.")
@click.option(
    "--path-length",
    type=click.IntRange(min=0, max=16),
    default=0,
    show_default=True,
    help="How many CAs may follow below it.",
)
@_crl_url
@_ocsp_url
@encryption_options
@click.option("--force", is_flag=True, help="Replace a CA that is there already.")
@as_json_option
def intermediate(
    directory: Path,
    new: Path,
    key_password_file: Path | None,
    cn: str,
    org: str,
    country: str,
    days: int,
    path_length: int,
    crl_url: str,
    ocsp_url: str,
    encrypt: bool,
    new_password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a CA in NEWDIR below the one in DIR; peers trust DIR/ca.crt, and see both."""
    passwords = (key_password_file, new_password_file)
    inputs = (*(directory / name for name in _CA_FILES), *passwords)
    force = keep(new, _CA_FILES, force, inputs)
    password = new_password(encrypt, new_password_file)
    made = open_ca_to_sign(directory, key_password_file).issue_intermediate(
        new,
        cn,
        organization=org,
        country=country,
        path_length=path_length,
        lifetime_days=days,
        crl_url=crl_url,
        ocsp_url=ocsp_url,
        force=force,
        password=password,
    )
    _report_ca(new, made.certificate, as_json)


@pki.command(
    short_help="Issue a pair with its keys.",
    epilog=examples("tlcp pki issue mypki server --host localhost --host 127.0.0.1 --host ::1"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="Host name or IP address; may be repeated.")
@click.option("--cn", help="Common name of both certificates; NAME if not given.")
@_org
@_country
@click.option("--days", type=DAYS, default=397, show_default=True, help="How long they are valid.")
@ca_password_option
@force_option
@as_json_option
def issue(
    directory: Path,
    name: str,
    hosts: tuple[str, ...],
    cn: str | None,
    org: str,
    country: str,
    days: int,
    key_password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Issue NAME.sign.crt, NAME.sign.key, NAME.enc.crt and NAME.enc.key from the CA in DIR.

    A server needs a --host for every name that clients will use; a client needs none.
    """
    names = [f"{name}.{part}" for part in _PARTS if name != "ca"]
    force = keep(directory, names, force, [key_password_file])
    authority = open_ca_to_sign(directory, key_password_file)
    pair, paths = authority.issue_pair(
        name,
        hosts,
        common_name=cn,
        organization=org,
        country=country,
        lifetime_days=days,
        force=force,
    )
    _report_pair(authority, name, pair, paths, as_json)


@pki.command(
    short_help="Issue a pair again.",
    epilog=examples("tlcp pki renew mypki server"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("name")
@click.option("--keep-keys", is_flag=True, help="Certify the same keys; new ones are better.")
@click.option("--days", type=DAYS, default=397, show_default=True, help="How long they are valid.")
@ca_password_option
@as_json_option
def renew(
    directory: Path,
    name: str,
    keep_keys: bool,
    days: int,
    key_password_file: Path | None,
    as_json: bool,
) -> None:
    """Issue the pair NAME again, for the same subject and hosts, and replace its files.

    It makes new keys and does not ask, because nothing is lost: the old pair stays beside the new
    one, as old-NAME-SERIAL.sign.crt, .sign.key, .enc.crt and .enc.key, for what was encrypted to
    it. Delete these files when nobody needs to read that any more. With --keep-keys only the
    certificates are replaced, and the key files are left alone.

    The old certificates stay valid until they end; revoke them by serial number if they must not.
    """
    authority = open_ca_to_sign(directory, key_password_file)
    pair, paths = authority.renew(name, keep_keys=keep_keys, lifetime_days=days)
    new, kept = paths[: len(_PARTS)], paths[len(_PARTS) :]
    _report_pair(authority, name, pair, new, as_json, kept)


def _report_ca(directory: Path, certificate: Certificate, as_json: bool) -> None:
    paths = [directory / name for name in _CA_FILES]
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "ca": certificate_facts(certificate),
    }
    hosts = "--host localhost --host 127.0.0.1"
    following = f"tlcp pki issue {quoted(directory)} server {hosts}"
    report(paths, facts, as_json, _NEXT, following=following)


def _report_pair(
    authority: CADirectory,
    name: str,
    pair: IssuedPair,
    paths: tuple[Path, ...],
    as_json: bool,
    kept: tuple[Path, ...] = (),
) -> None:
    if kept:
        Printer().say(f"the old pair, with its keys, is kept as {kept[0].with_suffix('').stem}.*")
    if pair.sign_cert.not_after == authority.certificate.not_after:
        Printer().say(f"valid until the CA ends, {pair.sign_cert.not_after:%Y-%m-%d}")
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "sign": certificate_facts(pair.sign_cert),
        "enc": certificate_facts(pair.enc_cert),
    }
    if kept:
        facts["kept"] = {path.name: str(path) for path in kept}
    options = f"--pki {quoted(authority.path)} --name {quoted(name)}"
    serves = bool(pair.sign_cert.dns_names or pair.sign_cert.ip_addresses)
    following = f"tlcp {'serve' if serves else 'connect'} localhost:4433 {options}"
    report(paths, facts, as_json, _NEXT, following=following)


for _command in (csr, sign, revoke, crl, ocsp, list_issued, key, lint_files, bundle, show):
    pki.add_command(_command)
