"""The program itself: its group of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from tlcp import __version__
from tlcp.cli.capture import capture
from tlcp.cli.connect import connect
from tlcp.cli.demo import demo
from tlcp.cli.failures import ExitCode, ReaderGone, as_failure
from tlcp.cli.inspect import inspect
from tlcp.cli.language import chosen
from tlcp.cli.options import examples
from tlcp.cli.output import Printer
from tlcp.cli.pki import pki
from tlcp.cli.serve import serve
from tlcp.inspect.steps import Lang

__all__ = ["program"]


class _Program(click.Group):
    """A group that never shows a traceback, unless asked to."""

    debug = False
    _lang: Lang = "en"  # of the command that failed

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run and exit with a code of ``ExitCode``."""
        self.debug, self._lang = False, "en"
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError):  # a stream of a test
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except click.Abort:
            code = ExitCode.INTERRUPTED
        except click.ClickException as error:
            error.show()
            code = ExitCode.USAGE
        except Exception as error:
            code = self._report(error)
        sys.exit(int(code or 0))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of stdout that has left is no error worth a word."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, ReaderGone):  # before click sees it, who would exit with 1
            _forget_stdout()
            return ExitCode.BROKEN_PIPE
        except Exception:
            self._lang = chosen(ctx)
            raise

    def _report(self, error: Exception) -> ExitCode:
        failure = as_failure(error)
        if self.debug:
            lines = "".join(traceback.format_exception(error)).splitlines()
            Printer().say(*lines)  # made harmless: texts of errors hold names of the peer's choice
        Printer().say(*failure.lines(self._lang))
        return failure.code


def _forget_stdout() -> None:
    """Whoever read our output is gone; without this the interpreter complains at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if isinstance(context.command, _Program):
        context.command.debug = value


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "tlcp demo                                   a whole handshake, explained",
        "tlcp pki init mypki                         a CA of your own",
        "tlcp pki issue mypki server --host localhost",
        "tlcp serve localhost:4433 --pki mypki --name server",
    ),
)
@click.version_option(__version__, prog_name="tlcp")
@click.option(
    "--debug", is_flag=True, callback=_set_debug, expose_value=False, help="Show tracebacks."
)
def program() -> None:
    """TLCP (GB/T 38636-2020): mutual authentication with SM2, SM3 and SM4.

    Exit codes: 0 all went well, 1 the handshake or the verification failed, 2 wrong usage or
    configuration, 3 no connection, 4 a bug of tlcp; 130 ended by Ctrl-C, 143 by SIGTERM, 141 the
    reader of stdout has left.
    """


program.add_command(pki)
program.add_command(serve)
program.add_command(connect)
program.add_command(demo)
program.add_command(inspect)
program.add_command(capture)
