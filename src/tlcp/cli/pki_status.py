"""``tlcp pki list``, ``revoke``, ``crl`` and ``ocsp``: what became of what was issued."""

from __future__ import annotations

import datetime
from pathlib import Path

import click
from rich.cells import cell_len

from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.cli.pki_common import (
    DAYS,
    DIRECTORY,
    FILE,
    OUT,
    as_json_option,
    ca_password_option,
    keep,
    open_ca,
    open_ca_to_sign,
    quoted,
    read_file,
    report,
)
from tlcp.cli.places import Command, ReadsFolder, ca_files
from tlcp.errors import ConfigError
from tlcp.pki.crl import REASONS
from tlcp.pki.files import write_files
from tlcp.pki.index import IssuedCertificate
from tlcp.x509.ocsp import HASHES, read_ocsp_request

__all__ = ["crl", "list_issued", "ocsp", "revoke"]


@click.command(
    "list",
    short_help="List what a CA has issued.",
    epilog=examples("tlcp pki list mypki"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@as_json_option
def list_issued(directory: Path, as_json: bool) -> None:
    """List what the CA in DIR has issued: name, use, status, last day, serial number."""
    issued = open_ca(directory).issued
    now = datetime.datetime.now(datetime.UTC)
    printer = Printer(stderr=False)
    if as_json:
        printer.json({"issued": [{**e.as_dict(), "status": e.status(now)} for e in issued]})
        return
    rows = [(entry, _status(entry, now)) for entry in issued]
    room = max((cell_len(entry.name) for entry in issued), default=0)
    wide = max((len(status) for _, status in rows), default=0)
    for entry, status in rows:
        name = entry.name + " " * (room - cell_len(entry.name))
        printer.say(
            f"{name}  {entry.use:<4}  {status:<{wide}}  until "
            f"{entry.not_after:%Y-%m-%d}  {entry.serial_number:x}"
        )


def _status(entry: IssuedCertificate, now: datetime.datetime) -> str:
    return f"{entry.status(now)} ({entry.reason})" if entry.reason else entry.status(now)


@click.command(
    short_help="Revoke certificates.",
    epilog=examples(
        "tlcp pki revoke mypki server --reason keyCompromise", "tlcp pki revoke mypki 4f2a..."
    ),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("which", metavar="NAME|SERIAL")
@click.option("--reason", type=click.Choice(list(REASONS)), help="Why; none is given if left out.")
@as_json_option
def revoke(directory: Path, which: str, reason: str | None, as_json: bool) -> None:
    """Revoke every certificate of NAME that is still valid, or the one with this serial number.

    Nobody knows it before the next `tlcp pki crl` or `tlcp pki ocsp`.
    """
    fresh = open_ca(directory).revoke(which, reason)
    if as_json:
        Printer(stderr=False).json({"revoked": [entry.as_dict() for entry in fresh]})
        return
    if not fresh:
        Printer().say("revoked already; nothing was changed")
        return
    Printer(stderr=False).say(*(f"{e.name} {e.use} {e.serial_number:x}" for e in fresh))
    Printer().say("next, so that peers learn of it:")
    Printer().say(f"  tlcp pki crl {quoted(directory)}", style="bold")


@click.command(
    short_help="Make the next CRL.",
    epilog=examples("tlcp pki crl mypki --days 7"),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option(
    "--days", type=DAYS, default=30, show_default=True, help="Until the next one must be there."
)
@ca_password_option
@as_json_option
def crl(directory: Path, days: int, key_password_file: Path | None, as_json: bool) -> None:
    """Write ca.crl (PEM): everything that the CA in DIR has revoked and that has not expired."""
    authority = open_ca_to_sign(directory, key_password_file)
    _, path = authority.make_crl(lifetime_days=days)
    now = datetime.datetime.now(datetime.UTC)
    revoked = [e for e in authority.issued if e.status(now) == "revoked" and e.not_after >= now]
    facts: dict[str, object] = {
        "files": {path.name: str(path)},
        "revoked": [entry.as_dict() for entry in revoked],
    }
    talk = f"{len(revoked)} revoked; make the next one within {days} days; peers take it with"
    report([path], facts, as_json, talk, following=f"--crl {quoted(path)}")


@click.command(
    cls=Command,
    short_help="Answer OCSP: a file to staple, or for a request.",
    epilog=examples(
        "tlcp pki ocsp mypki server --out server.ocsp",
        "tlcp pki ocsp mypki --request request.der --out response.der",
    ),
)
@click.argument("directory", type=ReadsFolder(ca_files), metavar="DIR")
@click.argument("names", nargs=-1, metavar="[NAME|SERIAL]...")
@click.option(
    "--request", type=FILE, metavar="FILE", help="Answer this OCSP request (DER), its nonce too."
)
@click.option("--out", type=OUT, required=True, metavar="FILE", help="The response, DER.")
@click.option(
    "--days", type=DAYS, default=7, show_default=True, help="How long it may be relied upon."
)
@click.option(
    "--hash",
    "hash_name",
    type=click.Choice(list(HASHES)),
    default="sha1",
    show_default=True,
    help="How it names the CA; SHA-1 is what every client knows.",
)
@ca_password_option
@click.option("--force", is_flag=True, help="Replace FILE.")
@as_json_option
def ocsp(
    directory: Path,
    names: tuple[str, ...],
    request: Path | None,
    out: Path,
    days: int,
    hash_name: str,
    key_password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Sign an OCSP response of the CA in DIR, for NAMEs or for a request, to staple or to send."""
    if bool(names) == (request is not None):
        raise ConfigError("give either names and serial numbers, or --request FILE")
    force = keep(out.parent, [out.name], force)
    authority = open_ca_to_sign(directory, key_password_file)
    nonce = None
    if request is not None:
        asked = read_ocsp_request(read_file(request))
        ids, nonce = asked.ids, asked.nonce
    else:
        ids = tuple(one for name in names for one in authority.ocsp_ids(name, hash_name))
    answer = authority.answer_ocsp(ids, nonce=nonce, lifetime_days=days)
    paths = write_files(out.parent, {out.name: answer}, force=force, public=True)
    facts: dict[str, object] = {
        "files": {path.name: str(path) for path in paths},
        "serials": [f"{one.serial_number:x}" for one in ids],
    }
    talk = f"certificates: {len(ids)}; good for {days} days; a server staples it with"
    report(paths, facts, as_json, talk, following=f"--ocsp-response {quoted(out)}")
