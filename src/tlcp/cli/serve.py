"""``tlcp serve``: a server for many clients, which echoes or serves files."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click

from tlcp.cli.facts import Outcome
from tlcp.cli.failures import ExitCode, Failure, as_failure
from tlcp.cli.options import SECONDS, Address, Common, common_options, examples, parse_address
from tlcp.cli.output import JsonLines, Printer
from tlcp.cli.peers import how_resumed, peer_line
from tlcp.cli.places import (
    CAPTURE,
    RESULTS,
    Command,
    Reads,
    ReadsFolder,
    Writes,
    overwrite_option,
)
from tlcp.cli.recording import CAPTURE_HELP, finish, record
from tlcp.cli.relay import complete, part
from tlcp.cli.revocation import RevocationOptions, read_ocsp_response, revocation_options
from tlcp.cli.sessions import SessionOptions, session_options
from tlcp.cli.trace import Trace
from tlcp.cli.www import serve_files
from tlcp.config import ClientAuth, Config, Limits
from tlcp.context import PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.context.handshakes import Handshakes
from tlcp.errors import HandshakeEvicted, TLCPError
from tlcp.events import HandshakeCompleted, Recorder
from tlcp.socket import TLCPSocket

__all__ = ["serve"]

_CHUNK_BYTES = 1 << 18
_BACKLOG = 1024
_REST_S = 1.0  # a client that is silent for longer may lose its place to a new one
_HANDSHAKE_S = 5.0  # that a handshake has at least while all others talk
_SERVED_SHARE = 0.75  # of the places; the others are for handshakes
_BREATH_S = 0.05  # between attempts when the system has no descriptors or threads left


@click.command(
    cls=Command,
    short_help="A server for many clients: echoes, or serves files.",
    epilog=examples(
        "tlcp serve localhost:4433 --pki mypki --name server",
        "tlcp serve '[::1]:4433' --pki mypki --name server --client-auth none --www public",
        "tlcp serve localhost:4433 --pki mypki --name server --tickets --dialect tassl -v",
    ),
)
@click.argument("address", callback=parse_address, metavar="HOST:PORT")
@common_options
@click.option(
    "--client-auth",
    type=click.Choice([auth.value for auth in ClientAuth]),
    default=ClientAuth.REQUIRED.value,
    show_default=True,
    help="Whether clients must show certificates of a trusted CA.",
)
@click.option(
    "--www",
    type=ReadsFolder(exists=True),
    metavar="DIR",
    help="Serve the files of DIR over HTTP/1.1 instead of echoing.",
)
@session_options
@revocation_options
@click.option(
    "--ocsp-response",
    type=Reads(),
    metavar="FILE",
    help="Staple this OCSP response (DER, of `tlcp pki ocsp`) for clients that ask.",
)
@click.option("--once", is_flag=True, help="As --connections 1.")
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take N connections, one after the other, and end; exit code 1 if one failed.",
)
@click.option(
    "--capture",
    type=Writes(CAPTURE, beside=RESULTS),
    metavar="FILE",
    help=CAPTURE_HELP,
)
@overwrite_option
@click.option("--verbose", "-v", is_flag=True, help="Tell also what each client looks like.")
@click.option(
    "--max-clients",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="At a time; for one more, the oldest handshake or the most silent client must go.",
)
@click.option(
    "--idle-timeout",
    type=SECONDS,
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds that a client may be silent after the handshake.",
)
def serve(
    address: Address,
    common: Common,
    client_auth: str,
    www: Path | None,
    sessions: SessionOptions,
    revoked: RevocationOptions,
    ocsp_response: Path | None,
    once: bool,
    connections: int | None,
    capture: Path | None,
    verbose: bool,
    max_clients: int,
    idle_timeout: float,
) -> int:
    """Serve many TLCP clients at once: echo what they send, or serve files with --www.

    Port 0 picks a free port; the line "listening on HOST:PORT" on stdout says which. One line
    per connection goes to stderr. Ctrl-C or SIGTERM ends it.
    """
    printer = Printer()
    identity = common.identity()
    config = Config(
        identity=identity,
        trust=common.trust(),
        suites=common.suites(),
        client_auth=ClientAuth(client_auth),
        dialect=common.spoken(),
        chain_policy=common.chain_policy(),
        session_store=sessions.store(printer),
        ticket_keys=sessions.ticket_keys(),
        revocation=revoked.policy(printer),
        ocsp_response=read_ocsp_response(ocsp_response, identity, printer),
        keylog=common.key_log(printer),
        limits=Limits(handshake_s=None),  # --timeout is the limit
    )
    if config.identity is None:
        raise click.UsageError(
            "a server needs certificates: --pki DIR --name NAME, --bundle FILE, or --sign-cert and "
            "the others"
        )
    common.warn(printer, config.identity, config.trust)
    if not (config.identity.sign_cert.dns_names or config.identity.sign_cert.ip_addresses):
        printer.say("WARNING: our certificates name no host, so clients that check will refuse us")
    config.server_identity()  # finds out now, not with the first client, what is missing
    server = _Server(config, printer, common, www, idle_timeout, verbose=verbose)
    with _listen(address) as listener, _until_signalled(printer), contextlib.ExitStack() as stack:
        host, port = listener.getsockname()[:2]
        if (recording := record(capture, printer)) is not None:
            server.recorder = recording
            trust = config.trust
            stack.callback(finish, recording, printer, trust=trust, host=None, port=port)
        Printer(stderr=False).say(f"listening on {Address(host, port)}")
        if once or connections is not None:
            return server.accept_some(listener, connections or 1)
        return server.accept_forever(listener, max_clients)


def _listen(address: Address) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(where[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failure(ExitCode.USAGE, f"cannot listen on {address}: {reason}") from error


@contextlib.contextmanager
def _until_signalled(printer: Printer) -> Iterator[None]:
    """End at once on SIGTERM or Ctrl-C, with no thread caught in the middle of a line."""

    def stop(number: int, _: FrameType | None) -> None:
        code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        raise SystemExit(int(code))

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        yield
    except SystemExit:
        printer.hold()  # for good: the clients' threads may print no more
        raise
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class _Server:
    """What all connections share."""

    def __init__(
        self,
        config: Config,
        printer: Printer,
        common: Common,
        www: Path | None,
        idle_timeout_s: float,
        *,
        verbose: bool = False,
    ) -> None:
        self._config, self._printer, self._common = config, printer, common
        self._www, self._idle_timeout_s, self._verbose = www, idle_timeout_s, verbose
        self._log: JsonLines | None = common.trace_log()
        self.recorder: Recorder | None = None
        self._lock = threading.Lock()
        self._handshakes = Handshakes()  # of all contexts: each connection has its own
        self._served: dict[int, tuple[float, TLCPSocket]] = {}  # and when each was active
        self._made_room: set[int] = set()

    def accept_some(self, listener: socket.socket, count: int) -> int:
        """Serve so many clients, one after the other; the exit code."""
        well = [self.handle(*listener.accept(), number) for number in range(1, count + 1)]
        return ExitCode.OK if all(well) else ExitCode.FINDING

    def accept_forever(self, listener: socket.socket, max_clients: int) -> int:
        """Give every client a thread, and never more than ``max_clients``."""
        slots = threading.BoundedSemaphore(max_clients)
        number = 0
        while True:
            try:
                sock, peer = listener.accept()
                number += 1
                wait_s = 0.0
                while not slots.acquire(timeout=wait_s):
                    self._evict(_SERVED_SHARE * max_clients)
                    wait_s = _BREATH_S
                threading.Thread(
                    target=self._in_thread, args=(sock, peer, number, slots), daemon=True
                ).start()
            except RuntimeError as error:  # no thread to be had
                slots.release()
                sock.close()
                self._printer.say(f"cannot take a client: {error}")
            except OSError as error:
                self._printer.say(f"cannot take a client: {error}")
                time.sleep(_BREATH_S)

    def _evict(self, most_served: float) -> None:
        """Make room: a handshake must go, or if many clients are through it, the most silent."""
        with self._lock:
            if len(self._served) <= most_served and self._handshakes.evict():
                return
            late = time.monotonic() - _REST_S
            for number, (since, stream) in sorted(self._served.items(), key=lambda one: one[1][0]):
                if number in self._made_room:
                    return  # its place will be free
                if since > late:
                    break
                if stream.awaits_peer():  # not one whose bytes have not had their turn
                    self._made_room.add(number)
                    stream.hang_up()  # its thread sees the end and frees the place
                    return
        self._handshakes.evict(older_than_s=_HANDSHAKE_S)

    def _note_active(self, number: int, stream: TLCPSocket) -> None:
        with self._lock:
            self._served[number] = time.monotonic(), stream

    def _in_thread(
        self, sock: socket.socket, peer: Any, number: int, slots: threading.BoundedSemaphore
    ) -> None:
        try:
            self.handle(sock, peer, number)
        finally:
            slots.release()

    def handle(self, sock: socket.socket, peer: Any, number: int) -> bool:
        """Serve one client to its end; True if all went well."""
        where = str(Address(peer[0], peer[1]))
        label = f"[{number}] "
        trace = Trace(self._printer if self._common.trace else None, self._log, number, label)
        config = dataclasses.replace(self._config, trace=trace)
        context = TLCPContext(PROTOCOL_TLCP_SERVER, config)
        context.recorder, context.handshakes = self.recorder, self._handshakes
        begun = False
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(self._common.timeout)
                stream: TLCPSocket = context.wrap_socket(
                    sock,
                    server_side=True,
                    do_handshake_on_connect=False,
                    suppress_ragged_eofs=False,
                )
            with stream:
                begin = time.perf_counter()
                done = complete(stream)
                elapsed_ms = (time.perf_counter() - begin) * 1000
                begun = True
                auth = _client_auth(done, asked=trace.asked_for_client)
                dialect = self._config.dialect
                policy = self._config.revocation
                outcome = Outcome(
                    "server", done, where, auth, elapsed_ms, dialect, revocation=policy
                )
                trace.note("completed", outcome.as_dict())
                self._tell(number, where, done)
                self._serve(stream, peer, number, where)
                part(stream)
            return True
        except Exception as error:  # of this client only: the others go on
            self._fail(error, number, where, trace, begun=begun)
            return False

    def _tell(self, number: int, where: str, done: HandshakeCompleted) -> None:
        by = how_resumed(done)
        resumed = f", resumed ({by})" if by else ""
        self._say(number, where, f"{done.suite.name}{resumed}, client {_client(done)}")
        if self._verbose:
            self._say(number, where, peer_line(done.quirks))

    def _serve(self, stream: TLCPSocket, peer: Any, number: int, where: str) -> None:
        stream.settimeout(self._idle_timeout_s)

        def note_active() -> None:
            self._note_active(number, stream)

        note_active()
        try:
            if self._www is not None:
                log = functools.partial(self._say, number, where)
                serve_files(stream, peer, self._www, log, note_active)
                return
            while data := stream.recv(_CHUNK_BYTES):
                note_active()
                stream.sendall(data)
        finally:
            with self._lock:
                del self._served[number]

    def _fail(
        self, error: Exception, number: int, where: str, trace: Trace, *, begun: bool
    ) -> None:
        failure = as_failure(error)
        if isinstance(error, TimeoutError) and not isinstance(error, TLCPError):
            limit = self._idle_timeout_s if begun else self._common.timeout
            what = "the client was silent" if begun else "the handshake was not through"
            failure.what = f"{what} after {limit:g} s"
        with self._lock:
            if number in self._made_room or isinstance(error, HandshakeEvicted):
                self._made_room.discard(number)
                failure.what, failure.hint = "it had to make room for another client", ""
        trace.note("failed", failure.as_dict())
        self._say(number, where, f"{'ended' if begun else 'refused'}: {failure.one_line()}")

    def _say(self, number: int, where: str, text: str) -> None:
        self._printer.say(f"[{number}] {where} {text}")


def _client(done: HandshakeCompleted) -> str:
    if done.peer is None:
        return "not authenticated"
    return done.peer.describe()


def _client_auth(done: HandshakeCompleted, *, asked: bool) -> str:
    if done.peer is not None:
        return "done"
    return "asked for, but the client gave no certificate" if asked else "not asked for"
