"""``tlcp pki lint``: what each stack would say of a pair."""

from __future__ import annotations

from pathlib import Path

import click

from tlcp.cli.failures import ExitCode
from tlcp.cli.language import lang_option
from tlcp.cli.language import language as locale_language
from tlcp.cli.options import examples, read_password
from tlcp.cli.output import Printer
from tlcp.cli.pki_common import FILE, as_json_option, read_file
from tlcp.inspect.steps import Lang
from tlcp.pki.lint import LintReport, Verdict, lint
from tlcp.pki.lint_findings import Finding, Severity
from tlcp.pki.stacks import stack_names

__all__ = ["lint_files"]

_SEVERITIES: dict[Severity, tuple[str, str, str]] = {
    "error": ("error", "错误", "bold red"),
    "warning": ("warning", "警告", "yellow"),
    "note": ("note", "说明", "dim"),
}


@click.command(
    "lint",
    short_help="Tell what each stack would say of a pair.",
    epilog=examples(
        "tlcp pki lint server.sign.crt server.sign.key server.enc.crt server.enc.key",
        "tlcp pki lint mypki/server.* --ca mypki/ca.crt --for gmssl --lang zh",
    ),
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "--ca",
    type=FILE,
    metavar="FILE",
    help="The CAs that peers trust, and that a server with this pair names to its clients.",
)
@click.option("--key-password-file", type=FILE, help="File whose first line opens encrypted keys.")
@click.option(
    "--for",
    "stacks",
    multiple=True,
    type=click.Choice(stack_names()),
    help="Only what this stack would say; may be repeated.",
)
@lang_option
@as_json_option
@click.pass_context
def lint_files(
    context: click.Context,
    files: tuple[Path, ...],
    ca: Path | None,
    key_password_file: Path | None,
    stacks: tuple[str, ...],
    lang: Lang | None,
    as_json: bool,
) -> None:
    """Tell what Tongsuo, TASSL, GmSSL, gotlcp, Kona and tlcp would say of a pair.

    Give the certificates and keys of one pair. Which is to sign, the files' names say
    (NAME.sign.crt, NAME.enc.crt), or their order: the signing certificate first. Exit code 1 if a
    stack refuses the pair.
    """
    report = lint(
        [(str(path), read_file(path)) for path in files],
        trusted=None if ca is None else (str(ca), read_file(ca)),
        password=read_password(key_password_file),
    )
    wanted = set(stacks or stack_names())
    verdicts = [verdict for verdict in report.verdicts if verdict.stack.name in wanted]
    findings = [finding for finding in report.findings if wanted & set(finding.stacks)]
    language: Lang = lang or locale_language()
    if as_json:
        Printer(stderr=False).json(_facts(report, verdicts, findings, language))
    else:
        _tell(report, verdicts, findings, language)
    if not all(verdict.accepts for verdict in verdicts):
        context.exit(ExitCode.FINDING)


def _facts(
    report: LintReport, verdicts: list[Verdict], findings: list[Finding], language: Lang
) -> dict[str, object]:
    sign, enc = report.material.sign, report.material.enc
    return {
        "ok": all(verdict.accepts for verdict in verdicts),
        "sign": None if sign is None else {"file": sign.file, "certificate": str(sign.certificate)},
        "enc": None if enc is None else {"file": enc.file, "certificate": str(enc.certificate)},
        "stacks": {
            verdict.stack.name: {
                "accepts": verdict.accepts,
                "refused_by": [finding.rule for finding in verdict.refused_by],
                "notes": [finding.rule for finding in verdict.notes],
            }
            for verdict in verdicts
        },
        "findings": [finding.as_dict(language) for finding in findings],
    }


def _tell(
    report: LintReport, verdicts: list[Verdict], findings: list[Finding], language: Lang
) -> None:
    zh = language == "zh"
    printer = Printer(stderr=False)
    sign, enc = report.material.sign, report.material.enc
    rows = [
        ("签名证书" if zh else "signing", sign),
        ("加密证书" if zh else "encryption", enc),
    ]
    printer.pairs(
        (
            (name, "-" if found is None else f"{found.file}: {found.certificate.subject_text}")
            for name, found in rows
        ),
        indent=0,
    )
    for finding in findings:
        word, word_zh, style = _SEVERITIES[finding.severity]
        printer.say("")
        printer.say(
            f"{word_zh if zh else word}: {finding.text(language)} [{finding.rule}]", style=style
        )
        printer.say(f"  → {finding.remedy(language)}")
    printer.say("")
    printer.pairs(((one.stack.title, _verdict(one, zh)) for one in verdicts), indent=0)


def _verdict(verdict: Verdict, zh: bool) -> str:
    if verdict.accepts:
        return "接受" if zh else "takes it"
    rules = ", ".join(dict.fromkeys(finding.rule for finding in verdict.refused_by))
    return f"拒绝：{rules}" if zh else f"refuses: {rules}"
