"""What each deployed stack would say of a pair, before any of them is asked.

::

    report = lint([("server.sign.crt", data), ("server.enc.crt", data)])
    for finding in report.findings:
        print(finding.severity, finding.text("en"), finding.remedy("en"))

Spec: GB/T 38636-2020 6.4.5.3; GB/T 20518-2018; the stacks' own rules are in ``stacks.py``
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from tlcp.pki.lint_chain import chain_rules
from tlcp.pki.lint_findings import Finding
from tlcp.pki.lint_pair import pair_rules
from tlcp.pki.material import Material, read_material
from tlcp.pki.stacks import STACKS, Stack

__all__ = ["LintReport", "Verdict", "lint"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one stack would do with the pair.

    Attributes:
        stack: which one.
        refused_by: the findings for which it refuses; none = it takes the pair.
        notes: what else is to be known for it.
    """

    stack: Stack
    refused_by: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def accepts(self) -> bool:
        """It takes the pair."""
        return not self.refused_by


@dataclass(frozen=True, slots=True)
class LintReport:
    """All that was found.

    Attributes:
        material: what the files hold.
        findings: the worst first.
    """

    material: Material
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """No errors and no warnings; there may be notes."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each stack."""
        return tuple(
            Verdict(
                stack,
                tuple(f for f in self.findings if f.severity == "error" and stack.name in f.stacks),
                tuple(f for f in self.findings if f.severity != "error" and stack.name in f.stacks),
            )
            for stack in STACKS
        )


def lint(
    files: Iterable[tuple[str, bytes]],
    *,
    trusted: tuple[str, bytes] | None = None,
    password: bytes | None = None,
    now: datetime.datetime | None = None,
) -> LintReport:
    """Look at a pair as each stack would.

    Args:
        files: (name, content) of the certificates and keys of one pair, PEM or DER. Which
            certificate is to sign, the names say (``x.sign.crt``, ``x.enc.crt``), or the order.
        trusted: the file of the CAs that a server with this pair would trust for its clients.
        password: for keys and PKCS#12 files that are encrypted.
        now: the moment to judge validity at; None = the system clock.

    Raises:
        ConfigError: a file cannot be read, or there is no certificate at all.
    """
    material = read_material(files, trusted, password)
    moment = now or datetime.datetime.now(datetime.UTC)
    findings = [*pair_rules(material), *chain_rules(material, moment)]
    order = ("error", "warning", "note")
    return LintReport(
        material, tuple(sorted(dict.fromkeys(findings), key=lambda f: order.index(f.severity)))
    )
