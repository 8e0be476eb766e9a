"""``tlcp pki show``: certificates, requests, CRLs, OCSP and keys in words."""

from __future__ import annotations

from pathlib import Path

import click

from tlcp.alerts import Text
from tlcp.cli.language import lang_option
from tlcp.cli.language import language as locale_language
from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.pki_common import FILE, as_json_option, read_file
from tlcp.errors import ConfigError
from tlcp.inspect.steps import Lang
from tlcp.pki.describe import Thing, describe

__all__ = ["show"]


@click.command(
    short_help="Show certificates, requests, CRLs, OCSP and keys in words.",
    epilog=examples(
        "tlcp pki show mypki/server.sign.crt mypki/ca.crl",
        "tlcp pki show server.ocsp --lang zh",
    ),
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--key-password-file", type=FILE, help="File whose first line opens encrypted keys.")
@lang_option
@as_json_option
def show(
    files: tuple[Path, ...], key_password_file: Path | None, lang: Lang | None, as_json: bool
) -> None:
    """Show what FILEs hold, PEM or DER; of a private key its form and its public key alone."""
    password = read_password(key_password_file)
    found = [(path, _describe(path, password)) for path in files]
    printer = Printer(stderr=False)
    if as_json:
        printer.json({"files": {str(p): [one.as_dict() for one in things] for p, things in found}})
        return
    language: Lang = lang or locale_language()
    first = True
    for path, things in found:
        for thing in things:
            if not first:
                printer.say("")
            first = False
            printer.say(f"{path}: {thing.title(language)}", style="bold")
            printer.pairs(thing.rows(language))


def _describe(path: Path, password: bytes | None) -> tuple[Thing, ...]:
    data = read_file(path)
    try:
        return describe(data, password)
    except ConfigError as error:
        text = Text(f"{path}: {error}", f"{path}：{error.text.zh}")
        raise ConfigError.told(text) from error
