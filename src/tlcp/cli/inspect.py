"""``tlcp inspect``: what happened in the TLCP connections of a capture."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from tlcp.alerts import Text
from tlcp.cli.failures import ExitCode, Failure
from tlcp.cli.inspecting import (
    STDIN,
    Here,
    Inspection,
    Output,
    Progress,
    Reading,
    Totals,
    named,
    run,
    tell,
    unreadable,
)
from tlcp.cli.language import lang_option, spoken, usage
from tlcp.cli.language import language as locale_language
from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.page_file import PageFile
from tlcp.cli.pcapng import PcapngOut
from tlcp.cli.places import (
    CAPTURE,
    PAGE,
    Command,
    Reads,
    Writes,
    WritesFolder,
    overwrite_option,
)
from tlcp.inspect.captures import Capture, CaptureError, key_logs, open_capture
from tlcp.inspect.exporting import DataExport
from tlcp.inspect.farm import Farm, FarmError
from tlcp.inspect.report import ConnectionReport, schema
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.x509.trust import TrustStore

__all__ = ["inspect"]

_LARGE = 8 << 20  # bytes of a file for which other processes are worth their start
_OBJECTS_BETWEEN = 50_000  # new ones, between two searches for cycles


def _document_schema() -> dict[str, Any]:
    """The schema of all that ``--json`` prints: an array of the engine's connections."""
    connection = schema()
    dialect, definitions = connection.pop("$schema"), connection.pop("$defs")
    return {
        "$schema": dialect,
        "title": "What tlcp inspect --json prints: the TLCP connections of a capture",
        "type": "array",
        "items": {"$ref": "#/$defs/connection"},
        "$defs": {**definitions, "connection": connection},
    }


def _print_schema(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(json.dumps(_document_schema(), indent=1))
        context.exit()


@click.command(
    cls=Command,
    short_help="Decrypt, verify and explain the connections of a capture.",
    epilog=examples(
        "tlcp inspect capture.pcap --keylog keys.log --ca ca.crt",
        "tlcp inspect capture.pcapng.gz --key server.enc.key --lang zh",
        "tlcp inspect capture.pcap --keylog keys.log --html page.html",
        "tcpdump -i lo -w - port 4433 | tlcp inspect - --json",
    ),
)
@click.argument(
    "file",
    type=Reads(dash=True, dir_okay=True),  # opening it tells more, in both languages
    metavar="FILE|-",
)
@click.option(
    "--keylog",
    type=Reads(),
    metavar="FILE",
    help="Key log with CLIENT_RANDOM lines. One inside a pcapng file is used without asking.",
)
@click.option(
    "--key",
    type=Reads(),
    metavar="FILE",
    help="The server's encryption private key. It decrypts the ECC and RSA suites; the ECDHE "
    "suites need a key log.",
)
@click.option(
    "--key-password-file",
    type=Reads(),
    metavar="FILE",
    help="The first line of FILE is the password of the key, if it is encrypted.",
)
@click.option(
    "--ca",
    type=Reads(),
    metavar="FILE",
    help="PEM file with the CAs; without it no chain is checked.",
)
@click.option("--host", metavar="NAME", help="The name that the server must have; needs --ca.")
@lang_option
@click.option("--details", is_flag=True, help="Every field of every message; JSON has them always.")
@click.option("--brief", is_flag=True, help="One line for each connection.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of connections.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    metavar="N",
    help="Inspect with N processes; if not given, with one for each processor for files over "
    f"{_LARGE >> 20} MiB, else without. The output is the same.",
)
@click.option(
    "--pcapng",
    type=Writes(CAPTURE),
    metavar="FILE",
    help="Write the capture again with the keys inside, so that Wireshark opens it decrypted.",
)
@click.option(
    "--html",
    type=Writes(PAGE),
    metavar="FILE",
    help="Write one page, for a browser, that shows all of it. It holds the keys that are known.",
)
@click.option("--no-keys", is_flag=True, help="Leave the keys out of the page of --html.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON schema of what --json prints, and exit.",
)
@click.option(
    "--export-data",
    type=WritesFolder(),
    metavar="DIR",
    help="Write all decrypted application data into files in DIR, which must be new or empty: "
    "conn-N.client.bin, conn-N.server.bin, and the bodies of HTTP messages.",
)
@click.option(
    "--dangerous-secrets",
    is_flag=True,
    help="Print the keys of each connection, too: whoever has them can read it.",
)
@overwrite_option
def inspect(
    file: Path,
    keylog: Path | None,
    key: Path | None,
    key_password_file: Path | None,
    ca: Path | None,
    host: str | None,
    lang: Lang | None,
    details: bool,
    brief: bool,
    as_json: bool,
    jobs: int | None,
    pcapng: Path | None,
    html: Path | None,
    no_keys: bool,
    export_data: Path | None,
    dangerous_secrets: bool,
) -> int:
    """Show the TLCP connections of a capture: decrypted, verified and explained.

    FILE is pcap or pcapng, or either in gzip; - is standard input.  TLCP is recognised on any
    port.  A connection's number is its place among all TCP connections of the capture.
    Decrypted application data is shown, too, HTTP as HTTP.  What is passed over, and what of the
    capture could not be read, is told on stderr.

    Exit codes: 0 nothing wrong was found, 1 a verification failed or a finding is an error, 2 wrong
    usage, or the file is no capture or damaged (what could be read of it is shown); others as
    `tlcp --help` says.
    """
    if brief and (as_json or details):
        raise usage(
            "--brief is one line of text: give it without --json and --details",
            "--brief 每个连接只输出一行：不能与 --json 或 --details 同用",
        )
    _check(host, ca, html, no_keys)
    language = lang or locale_language()
    talk = Printer()
    page = None if html is None else PageFile(html, named(file).en, lang=lang, keys=not no_keys)
    secrets = _secrets(keylog, key, key_password_file, talk, language)
    trust = None if ca is None else TrustStore.from_pem_file(ca)
    if dangerous_secrets:
        warning = Text("WARNING: the output holds keys", "警告：输出中含有密钥")
        talk.say(spoken(warning, language), style="bold yellow")
    progress = Progress(sys.stderr) if talk.is_terminal else None
    at_once = str(file) == STDIN or sys.stdout.isatty()
    output = Output(language, as_json, details, brief, dangerous_secrets, progress, at_once=at_once)
    again = None if pcapng is None else PcapngOut(pcapng, None if str(file) == STDIN else file)
    export = None if export_data is None else DataExport(export_data)

    reading = Reading(file, _open(file, progress, again))
    for log in _logs_inside(file, progress):
        secrets.add_key_log(log.decode("latin-1"))
    totals = Totals(output.write)
    work = Inspection(secrets, trust, host, _render(again, output, page), export)
    # what these gather must be here, not in another process
    alone = any(one is not None for one in (again, page, export))
    count = 1 if alone else jobs or _jobs(file)
    with reading.capture, contextlib.closing(export) if export else contextlib.nullcontext():
        place = Here(work, totals.take) if count == 1 else Farm(count, work, totals.take)
        try:
            with _few_collections():
                run(reading, place)
        except FarmError as error:
            raise Failure(ExitCode.BUG, str(error)) from error
        finally:
            place.close()
            output.flush()
    output.finish()
    if page is not None:
        page.finish(talk, language)
    tell(totals, reading, talk, language)
    if again is not None:
        written = again.write(progress)
        if progress is not None:
            progress.clear()
        talk.say(written.zh if language == "zh" else written.en)
    for text in export.summary() if export is not None else ():
        talk.say(text.zh if language == "zh" else text.en)
    if totals.failed:
        return ExitCode.FINDING
    return ExitCode.USAGE if reading.broken_off else ExitCode.OK


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Look for unreachable cycles less often: a connection makes thousands of objects and none."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _check(host: str | None, ca: Path | None, html: Path | None, no_keys: bool) -> None:
    if host is not None and ca is None:
        raise usage(
            "--host needs --ca: a name is worth nothing without a trusted chain",
            "--host 需要 --ca：没有受信任的证书链，名称没有意义",
        )
    if no_keys and html is None:
        raise usage(
            "--no-keys needs --html: without a page there are no keys in it",
            "--no-keys 需要 --html：没有页面就没有要省略的密钥",
        )


def _render(
    again: PcapngOut | None, output: Output, page: PageFile | None
) -> Callable[[ConnectionReport], str]:
    def render(report: ConnectionReport) -> str:
        if again is not None:
            again.note(report)
        if page is not None:
            page.show(report)
        return output.render(report)

    return render


def _jobs(file: Path) -> int:
    """How many processes a file is worth."""
    try:
        large = str(file) != STDIN and file.stat().st_size > _LARGE
    except OSError:
        return 1
    return len(os.sched_getaffinity(0)) if large else 1


def _secrets(
    keylog: Path | None,
    key: Path | None,
    password_file: Path | None,
    talk: Printer,
    lang: Lang,
) -> Secrets:
    secrets = Secrets()
    if keylog is not None and not secrets.add_key_log_file(keylog):
        line = "CLIENT_RANDOM <32 bytes> <48 bytes>"
        what = Text(
            f"WARNING: the key log {keylog} has no line {line}, both in hex",
            f"警告：密钥日志 {keylog} 中没有 {line} 这样的行（两者均为十六进制）",
        )
        talk.say(spoken(what, lang), style="bold yellow")
    if key is not None:
        secrets.add_key_file(key, read_password(password_file))
    return secrets


def _open(file: Path, progress: Progress | None, again: PcapngOut | None) -> Capture:
    try:
        if str(file) != STDIN:
            return open_capture(file, progress)
        stream = _stdin()
        return open_capture(stream if again is None else again.spooled(stream), progress)
    except CaptureError as error:
        hint = Text(
            "give pcap or pcapng, as tcpdump, dumpcap and Wireshark write them",
            "请给出 pcap 或 pcapng 文件，即 tcpdump、dumpcap 和 Wireshark 写出的格式",
        )
        what = Text(f"{named(file).en}: {error}", f"{named(file).zh}：{error.zh or error}")
        raise Failure(ExitCode.USAGE, what, hint=hint) from error
    except OSError as error:
        raise unreadable(file, error) from error


def _logs_inside(file: Path, progress: Progress | None) -> list[bytes]:
    """The key logs of a file, wherever they are in it; a stream tells them when they come."""
    try:
        return key_logs(file, progress) if str(file) != STDIN and file.is_file() else []
    except (CaptureError, OSError):
        return []  # reading the packets comes to it, and tells it


def _stdin() -> BinaryIO:
    if sys.stdin.isatty():
        raise usage(
            "standard input is a terminal: give a file, or pipe a capture in",
            "标准输入是终端：请给出文件，或通过管道送入抓包数据",
        )
    return sys.stdin.buffer
