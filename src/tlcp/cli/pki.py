"""``tlcp pki``: a CA of one's own, and the certificate pairs that it issues."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import click

from tlcp.cli.facts import certificate_facts
from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.errors import ConfigError
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.directory import CADirectory

__all__ = ["pki"]

_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_PARTS = ("sign.crt", "sign.key", "enc.crt", "enc.key")
_DAYS = click.IntRange(min=1, max=36500)


@click.group(
    short_help="Make a CA, and issue pairs of certificates.",
    epilog=examples(
        "tlcp pki init mypki",
        "tlcp pki issue mypki server --host localhost --host 127.0.0.1",
        "tlcp pki issue mypki client",
    ),
)
def pki() -> None:
    """Make a CA, and issue pairs of certificates: one to sign, one to encrypt."""


@pki.command(epilog=examples("tlcp pki init mypki --cn 'My root CA'"))
@click.argument("directory", type=_DIRECTORY, metavar="DIR")
@click.option("--cn", default="TLCP Root CA", show_default=True, help="Common name of the CA.")
@click.option("--days", type=_DAYS, default=3650, show_default=True, help="How long it is valid.")
@click.option("--crl-url", default="", help="Where its CRL can be had; goes into certificates.")
@click.option("--ocsp-url", default="", help="Where it answers OCSP; goes into certificates.")
@click.option("--force", is_flag=True, help="Replace a CA that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def init(
    directory: Path,
    cn: str,
    days: int,
    crl_url: str,
    ocsp_url: str,
    force: bool,
    as_json: bool,
) -> None:
    """Make a root CA in DIR: ca.crt to give away, ca.key to guard, ca.json to keep."""
    _keep(directory, ("ca.crt", "ca.key"), force)
    orphans = sorted(path.name.removesuffix(".sign.crt") for path in directory.glob("*.sign.crt"))
    authority = CertificateAuthority.create(
        cn, lifetime_days=days, crl_url=crl_url, ocsp_url=ocsp_url
    )
    CADirectory.create(directory, authority, force=force)
    paths = (directory / "ca.crt", directory / "ca.key")
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "ca": certificate_facts(authority.certificate),
    }
    here = shlex.quote(str(directory))
    hosts = "--host localhost --host 127.0.0.1"
    if orphans:
        names = ", ".join(orphans)
        Printer().say(f"the new CA did not issue what is there: issue again with --force: {names}")
    _report(paths, facts, as_json, f"tlcp pki issue {here} server {hosts}")


@pki.command(
    epilog=examples("tlcp pki issue mypki server --host localhost --host 127.0.0.1 --host ::1")
)
@click.argument("directory", type=_DIRECTORY, metavar="DIR")
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="Host name or IP address; may be repeated.")
@click.option("--cn", help="Common name of both certificates; NAME if not given.")
@click.option("--days", type=_DAYS, default=397, show_default=True, help="How long they are valid.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def issue(
    directory: Path,
    name: str,
    hosts: tuple[str, ...],
    cn: str | None,
    days: int,
    force: bool,
    as_json: bool,
) -> None:
    """Issue NAME.sign.crt, NAME.sign.key, NAME.enc.crt and NAME.enc.key from the CA in DIR.

    A server needs a --host for every name that clients will use; a client needs none.
    """
    _keep(directory, [f"{name}.{part}" for part in _PARTS], force)
    if not (directory / "ca.crt").exists():
        here = shlex.quote(str(directory))
        raise ConfigError(f"there is no CA in {directory}; make one with `tlcp pki init {here}`")
    authority = CADirectory.open(directory)
    pair, paths = authority.issue_pair(name, hosts, common_name=cn, lifetime_days=days, force=force)
    if pair.sign_cert.not_after == authority.authority.certificate.not_after:
        Printer().say(f"valid until the CA ends, {pair.sign_cert.not_after:%Y-%m-%d}")
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "sign": certificate_facts(pair.sign_cert),
        "enc": certificate_facts(pair.enc_cert),
    }
    options = f"--pki {shlex.quote(str(directory))} --name {shlex.quote(name)}"
    following = f"tlcp connect localhost:4433 {options}"
    if hosts:
        following = f"tlcp serve localhost:4433 {options}"
    _report(paths, facts, as_json, following)


def _keep(directory: Path, names: Iterable[str], force: bool) -> None:
    present = [str(directory / name) for name in names if (directory / name).exists()]
    if present and not force:
        raise ConfigError(f"{present[0]} exists already; nothing was written. --force replaces it")


def _report(
    paths: tuple[Path, ...], facts: dict[str, object], as_json: bool, following: str
) -> None:
    if as_json:
        Printer(stderr=False).json(facts)
        return
    Printer(stderr=False).say(*map(str, paths))
    talk = Printer()
    talk.say("keep the .key files secret; next:")
    talk.say(f"  {following}", style="bold")
