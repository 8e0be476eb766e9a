"""``tlcp connect``: a client on the command line, in the manner of ``openssl s_client``."""

from __future__ import annotations

import base64
import re
import socket
import sys
import time
from pathlib import Path

import click

from tlcp.alerts import AlertDescription
from tlcp.cli.facts import Outcome, Resumption
from tlcp.cli.failures import ExitCode, Failure, ReaderGone, as_failure
from tlcp.cli.options import (
    SECONDS_OR_NONE,
    Address,
    Common,
    common_options,
    examples,
    parse_address,
)
from tlcp.cli.output import Printer
from tlcp.cli.places import CAPTURE, RESULTS, Command, Writes, overwrite_option
from tlcp.cli.recording import CAPTURE_HELP, finish, record
from tlcp.cli.relay import Relay, complete, part
from tlcp.cli.revocation import RevocationOptions, revocation_options
from tlcp.cli.trace import Trace
from tlcp.config import Config, Limits
from tlcp.context import PROTOCOL_TLCP_CLIENT, TLCPContext
from tlcp.dialects import AUTO, Dialect, dialect_named
from tlcp.errors import AlertReceived, TLCPError
from tlcp.events import HandshakeCompleted
from tlcp.inspect.recording import Recording
from tlcp.registry import ExtensionType
from tlcp.socket import TLCPSocket

__all__ = ["connect"]

_KEPT_BYTES = 1 << 16
# What servers send when they miss a client certificate, whatever the standard says.
_MISSING_CERTIFICATE = (
    AlertDescription.HANDSHAKE_FAILURE,
    AlertDescription.NO_CERTIFICATE,
    AlertDescription.BAD_CERTIFICATE,
    AlertDescription.CERTIFICATE_REQUIRED,
)
_SAME = "the same"
_TRY_ANOTHER = re.compile(r"(\. )?Or try the dialect '[^']*', for .*$", re.DOTALL)
_INSECURE = (
    "WARNING: --insecure: the server is NOT verified. Anyone on the way can read and change all."
)


@click.command(
    cls=Command,
    short_help="A client: stdin to the server, the server to stdout.",
    epilog=examples(
        "tlcp connect localhost:4433 --pki mypki --name client",
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | tlcp connect www.example:443 --ca ca.crt",
        "tlcp connect localhost:4433 --pki mypki --name client --tickets --resume 3 </dev/null",
    ),
)
@click.argument("address", callback=parse_address, metavar="HOST:PORT")
@common_options
@revocation_options
@click.option("--ocsp", is_flag=True, help="Ask the server to staple OCSP, and believe it.")
@click.option("--server-name", metavar="NAME", help="Verify this name instead of HOST.")
@click.option("--no-extensions", is_flag=True, help="For GmSSL up to 3.1 and old gateways.")
@click.option("--tickets", is_flag=True, help="Ask for a session ticket (RFC 5077).")
@click.option(
    "--resume",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Then connect N times more, resuming the session, and tell of each. A full handshake "
    "instead changes nothing of the exit code.",
)
@click.option("--insecure", is_flag=True, help="Do not verify the server. For tests only.")
@click.option(
    "--linger",
    type=SECONDS_OR_NONE,
    default=1.0,
    show_default=True,
    metavar="S",
    help="After the end of stdin, send close_notify once the peer was silent for so long.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts on stdout, not the data.")
@click.option(
    "--capture",
    type=Writes(CAPTURE, beside=RESULTS),
    metavar="FILE",
    help=CAPTURE_HELP,
)
@overwrite_option
def connect(
    address: Address,
    common: Common,
    revoked: RevocationOptions,
    ocsp: bool,
    server_name: str | None,
    no_extensions: bool,
    tickets: bool,
    resume: int,
    insecure: bool,
    linger: float,
    as_json: bool,
    capture: Path | None,
) -> int:
    """Send stdin to a TLCP server, and what it answers to stdout.

    At the end of stdin it reads on until the server closes or is silent for --linger seconds,
    then sends close_notify and reads until the server closes. What was agreed on goes to stderr.
    Where a server refuses what most take, other dialects are tried, unless --dialect names one.
    With --json stdout gets one JSON object instead: the facts, and the data received in it.
    """
    client = _Client(address, common, server_name or address.host, quiet=as_json)
    sink = _Kept() if as_json else _Stdout()
    try:
        client.prepare(
            revoked, ocsp=ocsp, extensions=not no_extensions, insecure=insecure, tickets=tickets
        )
        client.record(capture)
        outcome = client.handshake()
        client.relay(sink, linger)
        resumed = [client.reconnect(number) for number in range(1, resume + 1)]
    except (TLCPError, OSError, Failure) as error:
        failure = client.explain(error)
        client.trace.note("failed", failure.as_dict())
        if as_json:
            Printer(stderr=False).json(failure.as_dict())
        raise failure from error
    finally:
        client.end_recording()
    if isinstance(sink, _Kept):
        more = {"received": sink.as_dict(), "resumptions": [one.as_dict() for one in resumed]}
        Printer(stderr=False).json({**outcome.as_dict(), **more})
    return ExitCode.OK


class _Client:
    """Connections to one server, from options to their end."""

    def __init__(self, address: Address, common: Common, name: str, *, quiet: bool) -> None:
        self._address, self._common, self._name = address, common, name
        self._printer, self._quiet = Printer(), quiet
        shown = self._printer if common.trace else None
        self.trace = Trace(shown, common.trace_log())
        self._has_identity = self._completed = False
        self._connections = 0
        self._context: TLCPContext | None = None
        self._stream: TLCPSocket | None = None
        self._recording: Recording | None = None

    def prepare(
        self,
        revoked: RevocationOptions,
        *,
        ocsp: bool,
        extensions: bool,
        insecure: bool,
        tickets: bool,
    ) -> None:
        """Check all that can be checked before the network is touched.

        Raises:
            ConfigError, click.UsageError: the settings cannot work.
        """
        if insecure:
            self._printer.say(_INSECURE, style="bold red")
        trust = self._common.trust()
        if trust is None and not insecure:
            raise click.UsageError("give the CA to trust: --pki DIR or --ca FILE (or --insecure)")
        identity = self._common.identity()
        self._has_identity = identity is not None
        self._common.warn(self._printer, identity, trust)
        config = Config(
            identity=identity,
            trust=trust,
            suites=self._common.suites(),
            extensions=extensions,
            dialect=self._common.spoken(),
            chain_policy=self._common.chain_policy(),
            tickets=tickets,
            revocation=revoked.policy(self._printer, stapled=ocsp),
            request_ocsp=ocsp,
            dangerous_skip_verification=insecure,
            limits=Limits(handshake_s=None),  # --timeout is the limit
            keylog=self._common.key_log(self._printer),
            trace=self.trace,
        )
        config.check_client(self._name)
        config.client_suites()
        if tickets and not config.may_send(ExtensionType.SESSION_TICKET):
            why = f"the dialect {config.dialect.name}" if extensions else "--no-extensions"
            self._printer.say(f"WARNING: no ticket is asked for: {why} sends no such extension")
        if ocsp and not config.may_send(ExtensionType.STATUS_REQUEST):
            why = f"the dialect {config.dialect.name}" if extensions else "--no-extensions"
            self._printer.say(f"WARNING: no OCSP is asked for: {why} sends no such extension")
        self._context = TLCPContext(PROTOCOL_TLCP_CLIENT, config)

    def record(self, path: Path | None) -> None:
        """Record all connections into this file, if one is given.

        Raises:
            ConfigError: it cannot be written.
        """
        self._recording = self._ready().recorder = record(path, self._printer)

    def end_recording(self) -> None:
        """Close the recording, and write what it shows, whatever came of the connections."""
        if self._stream is not None:
            self._stream.close()
        finish(
            self._recording,
            self._printer,
            trust=self._ready().config.trust if self._recording is not None else None,
            host=self._name,
            port=self._address.port,
        )

    def handshake(self) -> Outcome:
        """Connect and agree; tell about it.

        Where no dialect was asked for and the failure points to one, that one is tried, on a new
        connection, as ``create_connection`` does.

        Raises:
            Failure: the first one, if no dialect helped.
        """
        failures, failed = list[Failure](), list[tuple[str, str]]()
        while True:
            try:
                done, elapsed_ms = self._connect()
                break
            except (TLCPError, OSError, Failure) as error:
                failures.append(self.explain(error))
                failed.append((self._ready().dialect.name, failures[-1].what))
                found = self._next_dialect(error, failed)
                if found is None:
                    raise _with_dialects(failures[0], failed) from error
                self._announce(failed, found)
                self._ready().dialect = found
        self._completed = True
        outcome = Outcome(
            role="client",
            done=done,
            address=str(self._address),
            client_auth=self._client_auth(),
            handshake_ms=elapsed_ms,
            dialect=self._ready().dialect,
            failed=tuple(failed),
            revocation=self._ready().config.revocation,
        )
        self.trace.note("completed", outcome.as_dict())
        if not self._quiet:
            self._printer.say(f"connected to {self._address} in {elapsed_ms:.0f} ms", style="bold")
            self._printer.pairs(outcome.rows())
        return outcome

    def _ready(self) -> TLCPContext:
        if self._context is None:
            raise RuntimeError("prepare comes first")
        return self._context

    def _connect(self) -> tuple[HandshakeCompleted, float]:
        """One TCP connection and its handshake; also the milliseconds that they took."""
        self._connections += 1
        self.trace.begin(self._connections)
        self._stream = None
        begin = time.perf_counter()
        sock = _dial(self._address, self._common.timeout)
        self._stream = self._ready().wrap_socket(
            sock,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            server_hostname=self._name,
        )
        return complete(self._stream), (time.perf_counter() - begin) * 1000

    def _next_dialect(self, error: Exception, failed: list[tuple[str, str]]) -> Dialect | None:
        """What this failure points to, if we may choose and have not tried it."""
        name = getattr(error, "dialect", "")
        if self._stream is not None:
            self._stream.close()
        free = self._common.spoken() is AUTO
        return dialect_named(name) if free and name and name not in dict(failed) else None

    def _announce(self, failed: list[tuple[str, str]], found: Dialect) -> None:
        if not self._quiet:
            name, what = failed[-1]
            what = _SAME if any(what == told for _, told in failed[-2:-1]) else what
            self._printer.say(f"dialect {name}: {what}; trying {found.name} ({found.peers})")

    def reconnect(self, number: int) -> Resumption:
        """Connect once more, which resumes the session where that may be, and close in order.

        Raises:
            Failure, TLCPError, OSError: the connection or the handshake failed.
        """
        self._completed = False
        if self._common.trace:
            self._printer.say("", f"Resumption {number}", style="bold")
        done, elapsed_ms = self._connect()
        self._completed = True
        resumption = Resumption(number, done, elapsed_ms, self.trace.ticket_came)
        self.trace.note("completed", resumption.as_dict())
        try:
            if self._stream is not None:
                part(self._stream)
                self._stream.close()
        finally:  # after its last alert, where that is shown
            if not self._quiet:
                self._printer.say(resumption.line())
        return resumption

    def relay(self, sink: _Stdout | _Kept, linger_s: float) -> None:
        """Carry data both ways until the server closes; raises as ``Relay.run``."""
        if self._stream is None:
            raise RuntimeError("handshake comes first")
        Relay(self._stream, sink.take, linger_s=linger_s, timeout_s=self._common.timeout).run()
        self._stream.close()

    def _client_auth(self) -> str:
        if not self.trace.asked_for_client:
            return "not asked for"
        return "done" if self._has_identity else "asked for, but no certificate was given"

    def explain(self, error: Exception) -> Failure:
        """Name the peer, and add what only we can know."""
        failure = as_failure(error)
        if isinstance(error, TimeoutError) and not self._completed:
            limit = f"within {self._common.timeout:g} s"
            if self._stream is None:
                failure.what = f"no TCP connection {limit}"
                failure.hint = "check host, port and firewall; --timeout waits longer"
            else:
                failure.what = f"the server took the TCP connection, but no handshake {limit}"
                failure.hint = "does this port speak TLCP? --timeout waits longer"
        if failure.code is ExitCode.CONNECTIVITY and str(self._address) not in failure.what:
            failure.what = f"{self._address}: {failure.what}"
        missing = self.trace.asked_for_client and not self._has_identity
        refused = isinstance(error, AlertReceived) and error.description in _MISSING_CERTIFICATE
        if isinstance(error, AlertReceived) and refused and missing:
            failure.what = (
                "the server asked for a client certificate, none was given, and it refused "
                f"(alert {AlertDescription.label(error.description)})"
            )
            failure.hint = "use --pki DIR --name NAME, --bundle FILE, or --sign-cert and the others"
        return failure


def _with_dialects(first: Failure, failed: list[tuple[str, str]]) -> Failure:
    """The first failure, and what came of all else that was tried; each cause once."""
    causes: dict[str, list[str]] = {}
    for name, what in failed[1:]:
        causes.setdefault(what, []).append(name)
    if causes:
        others = [
            f"{' and '.join(names)} ({_SAME if what == failed[0][1] else what})"
            for what, names in causes.items()
        ]
        hint = _TRY_ANOTHER.sub("", first.hint)  # that has been done
        first.hint = f"{hint}; tried in vain: {', '.join(others)}".removeprefix("; ")
    return first


def _dial(address: Address, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((address.host, address.port), timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class _Stdout:
    """What the peer sends, byte for byte."""

    def take(self, data: bytes) -> None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise ReaderGone from None


class _Kept:
    """What the peer sends, its beginning kept for ``--json``."""

    def __init__(self) -> None:
        self._data, self._size = bytearray(), 0

    def take(self, data: bytes) -> None:
        self._size += len(data)
        self._data += data[: _KEPT_BYTES - len(self._data)]

    def as_dict(self) -> dict[str, object]:
        """Its length; as "text" if it is UTF-8, else as "base64"."""
        facts: dict[str, object] = {"bytes": self._size, "cut": self._size > len(self._data)}
        try:
            return {**facts, "text": self._data.decode("utf-8")}
        except UnicodeDecodeError:
            return {**facts, "base64": base64.b64encode(self._data).decode()}
