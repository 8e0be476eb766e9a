"""``tlcp pki bundle``: a pair as another stack wants it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.pki_common import (
    DIRECTORY,
    FILE,
    as_json_option,
    ask_password,
    force_option,
    keep,
    read_file,
)
from tlcp.errors import ConfigError
from tlcp.pki.bundle import BUNDLES, make_bundle, needs_password
from tlcp.pki.directory import no_pair
from tlcp.pki.files import write_files
from tlcp.x509.certificate import Certificate, load_pem_certificates
from tlcp.x509.identity import Identity

__all__ = ["bundle"]


@click.command(
    short_help="Write a pair as another stack wants it.",
    epilog=examples(
        "tlcp pki bundle mypki server --for nginx-tongsuo --out nginx",
        "tlcp pki bundle mypki client --for gmssl --out gmssl --password-file secret",
    ),
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("name")
@click.option("--for", "stack", type=click.Choice(list(BUNDLES)), required=True, help="Which one.")
@click.option("--out", type=DIRECTORY, required=True, metavar="OUTDIR", help="Where the files go.")
@click.option("--ca", type=FILE, metavar="FILE", help="The CA to trust; DIR/ca.crt if not given.")
@click.option(
    "--password-file",
    type=FILE,
    metavar="FILE",
    help="The first line of FILE encrypts the keys, for gmssl and kona.",
)
@force_option
@as_json_option
def bundle(
    directory: Path,
    name: str,
    stack: str,
    out: Path,
    ca: Path | None,
    password_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the pair NAME of the CA in DIR under the names and in the forms that a stack reads.

    The lines of its configuration go to stdout. Keys are in the clear, mode 0600, but for those of
    gmssl and in the keystore of kona.
    """
    sign_crt, sign_key, enc_crt, enc_key = (
        directory / f"{name}.{part}" for part in ("sign.crt", "sign.key", "enc.crt", "enc.key")
    )
    if not sign_crt.exists():
        raise no_pair(directory, name)
    pair = Identity.load(sign_crt, sign_key, enc_crt, enc_key)
    trusted = _trusted(ca or directory / "ca.crt")
    password = _password(stack, password_file)
    made = make_bundle(stack, name, pair, trusted, out, password)
    inputs = (sign_crt, sign_key, enc_crt, enc_key, directory / "ca.crt", ca, password_file)
    force = keep(out, made.files, force, inputs)
    paths = write_files(out, made.files, force=force)
    if as_json:
        files = {path.name: str(path) for path in paths}
        Printer(stderr=False).json({"for": stack, "files": files, "lines": list(made.lines)})
        return
    talk = Printer()
    talk.say(*map(str, paths))
    talk.say(f"keep the keys secret; for {stack}:")
    Printer(stderr=False).say(*made.lines)


def _trusted(path: Path) -> tuple[Certificate, ...]:
    certificates = load_pem_certificates(read_file(path))
    roots = tuple(one for one in certificates if one.self_signed)
    if not roots:
        raise ConfigError(
            f"{path} holds no root, and peers trust roots; give the root's with --ca FILE, which "
            f"is ca.crt in the directory of the CA above"
        )
    return roots


def _password(stack: str, file: Path | None) -> bytes | None:
    if not needs_password(stack) or file is not None:
        return read_password(file)
    if not sys.stdin.isatty():
        raise ConfigError(f"{stack} reads encrypted keys alone: give --password-file FILE")
    return ask_password("password for the keys", twice=True)
