"""Options that ``serve`` and ``connect`` share, and how they become a ``Config``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tlcp.alerts import Text
from tlcp.cli.output import JsonLines, Printer
from tlcp.cli.places import KEY_LOG, TRACE, Reads, ReadsFolder, Writes, pair_files
from tlcp.dialects import AUTO, DIALECTS, Dialect, dialect_named
from tlcp.errors import ConfigError
from tlcp.keylog import KeyLogFile
from tlcp.reasons import reason_of
from tlcp.suites import DEFAULT_SUITES, CipherSuite, parse_suites
from tlcp.x509.chain import ChainPolicy
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

__all__ = [
    "SECONDS",
    "SECONDS_OR_NONE",
    "Address",
    "Common",
    "common_options",
    "examples",
    "parse_address",
    "read_password",
]

_MAX_PORT = 65535

_MOST_SECONDS = 1_000_000.0  # eleven days; sockets take no more than 24


class _Seconds(click.FloatRange):
    """A time that a socket can wait: ``nan`` and ``inf``, which are floats too, are none."""

    name = "number of seconds"

    def __init__(self, *, zero: bool = False) -> None:
        super().__init__(min=0, min_open=not zero, max=_MOST_SECONDS)

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """The number; ends with a usage error if it is no time."""
        seconds: float = super().convert(value, parameter, context)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", parameter, context)
        return seconds


SECONDS = _Seconds()
SECONDS_OR_NONE = _Seconds(zero=True)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, written as ``localhost:4433`` or ``[::1]:4433``."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(context: click.Context, parameter: click.Parameter, value: str) -> Address:
    """Callback of an argument: split at the last colon."""
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if "/" in value:
        problem = (
            f"{value!r}: give host and port alone, such as bank.example:443, no https:// or path"
        )
        raise click.BadParameter(problem, context, parameter)
    if not colon or not host or (":" in host and not bracketed):
        problem = f"{value!r} is not HOST:PORT" + (
            "; an IPv6 address goes into [ ]" if ":" in value else ": the port is missing"
        )
        raise click.BadParameter(problem, context, parameter)
    if not (port.isascii() and port.isdigit() and int(port) <= _MAX_PORT):
        problem = f"{port!r} is no port: give a number up to {_MAX_PORT}"
        raise click.BadParameter(problem, context, parameter)
    return Address(host, int(port))


@dataclass(frozen=True, slots=True)
class Common:
    """The values of the shared options, by the names of their options."""

    pki: Path | None
    name: str | None
    ca: Path | None
    sign_cert: Path | None
    sign_key: Path | None
    enc_cert: Path | None
    enc_key: Path | None
    bundle: Path | None
    key_password_file: Path | None
    ciphers: str | None
    trace: bool
    trace_to: Path | None
    keylog: Path | None
    timeout: float
    dialect: str
    strict: bool

    def identity(self) -> Identity | None:
        """Our certificates and keys; None if no option names any.

        Raises:
            click.UsageError: the options contradict each other.
            ConfigError: the files cannot be used.
        """
        four = any((self.sign_cert, self.sign_key, self.enc_cert, self.enc_key))
        if four + (self.name is not None) + (self.bundle is not None) > 1:
            raise click.UsageError("give either --name, the four files or --bundle")
        if four:
            return self._identity_from_files()
        if self.bundle is not None:
            password = read_password(self.key_password_file)
            return Identity.from_bundle(self.bundle, password=password)
        if self.name is None:
            return None
        if self.pki is None:
            raise click.UsageError("--name needs --pki: the directory with its files")
        sign_cert = self.pki / f"{self.name}.sign.crt"
        if not sign_cert.exists():
            raise ConfigError(
                f"{sign_cert} does not exist; check --pki and --name, "
                f"or make it with `tlcp pki issue {self.pki} {self.name}`"
            )
        return Identity.load(
            sign_cert,
            self.pki / f"{self.name}.sign.key",
            self.pki / f"{self.name}.enc.crt",
            self.pki / f"{self.name}.enc.key",
            password=read_password(self.key_password_file),
        )

    def _identity_from_files(self) -> Identity:
        if self.sign_cert is None or self.sign_key is None:
            raise click.UsageError("--sign-cert and --sign-key are needed together")
        if (self.enc_cert is None) != (self.enc_key is None):
            raise click.UsageError("--enc-cert and --enc-key are needed together")
        return Identity.load(
            self.sign_cert,
            self.sign_key,
            self.enc_cert,
            self.enc_key,
            password=read_password(self.key_password_file),
        )

    def trust(self) -> TrustStore | None:
        """The CAs to believe; None if no option names any.

        Raises:
            ConfigError: the file cannot be used.
        """
        if self.ca is not None:
            return TrustStore.from_pem_file(self.ca)
        if self.pki is None:
            return None
        path = self.pki / "ca.crt"
        if not path.exists():
            raise ConfigError(f"{path} does not exist; make it with `tlcp pki init {self.pki}`")
        return TrustStore.from_pem_file(path)

    def warn(self, printer: Printer, identity: Identity | None, trust: TrustStore | None) -> None:
        """Say what can be known of our own files before the peer complains about them."""
        for problem in identity.doubts(datetime.now(UTC)) if identity is not None else ():
            printer.say(f"WARNING: {problem}", style="bold yellow")
        for anchor in trust.anchors if trust is not None else ():
            if not anchor.is_ca:
                what = f"{anchor} is trusted as a CA, but is an end certificate"
                printer.say(f"WARNING: {what}", style="bold yellow")

    def suites(self) -> tuple[CipherSuite, ...]:
        """The cipher suites of ``--ciphers``.

        Raises:
            ConfigError: one is not known.
        """
        return DEFAULT_SUITES if self.ciphers is None else parse_suites(self.ciphers)

    def spoken(self) -> Dialect:
        """The dialect of ``--dialect``."""
        return dialect_named(self.dialect)

    def chain_policy(self) -> ChainPolicy:
        """What is asked of the peer's chains: ``--strict``."""
        return ChainPolicy(strict=self.strict)

    def key_log(self, printer: Printer) -> KeyLogFile | None:
        """The key log of ``--keylog`` or SSLKEYLOGFILE, with a warning.

        Raises:
            ConfigError: it cannot be written.
        """
        if self.keylog is None:
            return None
        log = KeyLogFile(self.keylog)
        printer.say(f"the keys go to {self.keylog}: whoever has that file can read everything")
        return log

    def trace_log(self) -> JsonLines | None:
        """The file of ``--trace-to``.

        Raises:
            ConfigError: it cannot be written.
        """
        return None if self.trace_to is None else JsonLines(self.trace_to)


_OPTIONS = (
    click.option(
        "--pki",
        type=ReadsFolder(pair_files),
        help="Directory made by `tlcp pki`; trusts its ca.crt.",
    ),
    click.option("--name", help="Use NAME.sign.* and NAME.enc.* of the --pki directory."),
    click.option("--ca", type=Reads(), help="PEM file with the CAs to trust."),
    click.option("--sign-cert", type=Reads(), help="Signing certificate, CAs with it (PEM)."),
    click.option("--sign-key", type=Reads(), help="Its private key."),
    click.option("--enc-cert", type=Reads(), help="Encryption certificate (PEM)."),
    click.option("--enc-key", type=Reads(), help="Its private key, or the CA's envelope with it."),
    click.option(
        "--bundle",
        type=Reads(),
        metavar="FILE",
        help="Certificates and keys of this side in one file, PEM or PKCS#12, in any order.",
    ),
    click.option(
        "--key-password-file",
        type=Reads(),
        metavar="FILE",
        help="The first line of FILE is the password of the keys, where they are encrypted.",
    ),
    click.option(
        "--ciphers",
        metavar="LIST",
        help="Cipher suites, best first: names such as ECC_SM4_GCM_SM3, separated by ':' or ','. "
        "RSA suites (RSA_SM4_GCM_SM3 and others) are used only if named.",
    ),
    click.option("--trace", is_flag=True, help="Explain every message on stderr."),
    click.option(
        "--trace-to",
        type=Writes(TRACE),
        help="Write every message to this file, one JSON object a line.",
    ),
    click.option(
        "--keylog",
        type=Writes(KEY_LOG),
        envvar="SSLKEYLOGFILE",
        help="Append the keys to this file, for Wireshark; SSLKEYLOGFILE does the same.",
    ),
    click.option(
        "--timeout",
        type=SECONDS,
        default=30.0,
        show_default=True,
        metavar="S",
        help="Seconds for connecting and for the whole handshake.",
    ),
    click.option(
        "--dialect",
        type=click.Choice(list(DIALECTS), case_sensitive=False),
        default=AUTO.name,
        show_default=True,
        help="What is sent where stacks differ: the name of the peer's stack.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Refuse the peer's chains that lack the form of RFC 5280, as VERIFY_X509_STRICT does.",
    ),
)


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: add the shared options; the function gets them as ``common``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        common = Common(**{field.name: values.pop(field.name) for field in fields(Common)})
        return function(*args, common=common, **values)

    decorated: Callable[..., Any] = wrapper
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def read_password(file: Path | None) -> bytes | None:
    """The first line of ``--key-password-file``; None without one.

    Raises:
        ConfigError: it cannot be read.
    """
    if file is None:
        return None
    try:
        return file.read_bytes().split(b"\n")[0].removesuffix(b"\r")
    except OSError as error:
        why = reason_of(error)
        raise ConfigError.told(
            Text(
                f"cannot read the password file {file}: {why.en}",
                f"无法读取口令文件 {file}：{why.zh}",
            )
        ) from error


def examples(*lines: str) -> str:
    """The end of a help text; every command has one."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
