"""Options about revoked certificates, which ``serve`` and ``connect`` share."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import click

from tlcp.cli.output import Printer
from tlcp.cli.places import ReadsFolder
from tlcp.context.ocsp_fetch import fetch_ocsp
from tlcp.errors import CertificateVerifyError, ConfigError
from tlcp.x509.crl import load_crls
from tlcp.x509.identity import Identity
from tlcp.x509.ocsp_response import OcspResponse
from tlcp.x509.revocation import Mode, RevocationPolicy, Scope

__all__ = ["RevocationOptions", "read_ocsp_response", "revocation_options"]


@dataclass(frozen=True, slots=True)
class RevocationOptions:
    """The values of the options, by their names."""

    crl: tuple[Path, ...]
    revocation: Mode | None
    revocation_scope: Scope
    ocsp_fetch: bool

    def policy(self, printer: Printer, *, stapled: bool = False) -> RevocationPolicy | None:
        """What is asked about the peer's certificates; None if no option asks for anything.

        Args:
            printer: tells what a soft failure leaves open.
            stapled: the server is asked for OCSP.

        Raises:
            click.UsageError: there is nothing to find it out by.
            ConfigError: a list cannot be used.
        """
        if not (self.crl or self.ocsp_fetch or stapled):
            if self.revocation is not None:
                raise click.UsageError(
                    "--revocation needs something to ask: --crl, --ocsp-fetch, or a client's --ocsp"
                )
            return None

        def tell(error: CertificateVerifyError) -> None:
            printer.say(f"WARNING: {error.what}", style="bold yellow")

        try:
            lists = load_crls(self.crl)
        except ConfigError:  # is an OSError, too, and tells the file itself
            raise
        except OSError as error:
            raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
        return RevocationPolicy(
            crls=lists,
            mode=self.revocation or "hard-fail",
            scope=self.revocation_scope,
            fetch=fetch_ocsp if self.ocsp_fetch else None,
            on_unknown=tell,
        )


def read_ocsp_response(file: Path | None, identity: Identity | None, printer: Printer) -> bytes:
    """The response to staple; empty without a file.

    Args:
        file: DER.
        identity: our certificates, which it should be about.
        printer: warns of what clients will not believe.

    Raises:
        ConfigError: it cannot be read, or is no OCSP response.
    """
    if file is None:
        return b""
    try:
        der = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    response = OcspResponse.of_our_own(der, str(file))
    if identity is not None:
        both = (("signing", identity.sign_cert), ("encryption", identity.enc_cert))
        ours = [(which, one) for which, one in both if one is not None]
        for problem in response.doubts(ours, datetime.datetime.now(datetime.UTC)):
            printer.say(f"WARNING: {file}: {problem}", style="bold yellow")
    return der


_OPTIONS = (
    click.option(
        "--crl",
        type=ReadsFolder(file_okay=True),
        multiple=True,
        metavar="PATH",
        help="Refuse certificates that these revocation lists name: files or directories, PEM or "
        "DER; may be given more than once.",
    ),
    click.option(
        "--revocation",
        type=click.Choice(get_args(Mode)),
        help="What if nothing tells whether a certificate is revoked: refuse it (hard-fail, the "
        "default), or accept it with a warning.",
    ),
    click.option(
        "--revocation-scope",
        type=click.Choice(get_args(Scope)),
        default="leaf",
        show_default=True,
        help="Ask about the peer's own certificates, or about the CAs between, too.",
    ),
    click.option(
        "--ocsp-fetch",
        is_flag=True,
        help="Ask the OCSP responder that a certificate names, if nothing else tells.",
    ),
)


def revocation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: add the options; the function gets them as ``revoked``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        names = (field.name for field in fields(RevocationOptions))
        revoked = RevocationOptions(**{name: values.pop(name) for name in names})
        return function(*args, revoked=revoked, **values)

    decorated: Callable[..., Any] = wrapper
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
