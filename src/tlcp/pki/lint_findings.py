"""What a rule of ``lint`` finds, and the words that all rules share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tlcp.errors import TLCPError
from tlcp.pki.lint_words import WORDS, Language
from tlcp.pki.material import Found, Material
from tlcp.pki.stacks import STACKS, Stack
from tlcp.x509.certificate import Certificate

__all__ = [
    "ALL",
    "ROLES",
    "Finding",
    "Severity",
    "ends",
    "finding",
    "leaves_of",
    "name_of",
    "public_of",
    "signed_with_sm3",
    "stacks_that",
    "uses_of",
]

Severity = Literal["error", "warning", "note"]

#: The names of all stacks.
ALL: Final = tuple(stack.name for stack in STACKS)
#: Place in the pair -> its name in both languages.
ROLES: Final = {"sign": ("signing", "签名"), "enc": ("encryption", "加密")}
_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        rule: its name, a key of ``lint_words.WORDS``.
        severity: "error" = the stacks refuse the pair; "warning" = it works only in some
            configurations, or hides mistakes; "note" = worth knowing.
        stacks: the names of the stacks that it concerns.
        values: what the text is about, by name: (English, Chinese), mostly the same.
    """

    rule: str
    severity: Severity
    stacks: tuple[str, ...]
    values: tuple[tuple[str, tuple[str, str]], ...] = ()

    def text(self, language: Language) -> str:
        """What is wrong."""
        return self._filled(language, 0)

    def remedy(self, language: Language) -> str:
        """What to do."""
        return self._filled(language, 1)

    def as_dict(self, language: Language) -> dict[str, object]:
        """For JSON."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "stacks": list(self.stacks),
            "what": self.text(language),
            "remedy": self.remedy(language),
        }

    def _filled(self, language: Language, part: int) -> str:
        at = 0 if language == "en" else 1
        values = {name: both[at] for name, both in self.values}
        return WORDS[self.rule][at][part].format_map(values)


def finding(
    rule: str, severity: Severity, stacks: tuple[str, ...], **values: str | tuple[str, str]
) -> Finding:
    """Make a finding.

    Args:
        rule: a key of ``lint_words.WORDS``.
        severity: see ``Finding``.
        stacks: the names of those that it concerns.
        values: what the text names; a pair is (English, Chinese).
    """
    pairs = tuple(
        (name, value if isinstance(value, tuple) else (value, value))
        for name, value in values.items()
    )
    return Finding(rule, severity, stacks, pairs)


def stacks_that(applies: Callable[[Stack], bool]) -> tuple[str, ...]:
    """The names of the stacks of which something holds."""
    return tuple(stack.name for stack in STACKS if applies(stack))


def ends(material: Material) -> Iterator[tuple[str, Found]]:
    """The certificates that are in a place, with the place: "sign", "enc"."""
    if material.sign is not None:
        yield "sign", material.sign
    if material.enc is not None:
        yield "enc", material.enc


def leaves_of(material: Material) -> list[Certificate]:
    """Every end certificate, in order."""
    return [leaf.certificate for leaf in material.leaves]


def public_of(certificate: Certificate) -> bytes | None:
    """The public point; None for keys of other kinds."""
    try:
        return certificate.public_point
    except TLCPError:
        return None


def signed_with_sm3(certificate: Certificate) -> bool:
    """Whether its issuer signed it with SM2 and SM3."""
    return _SM2_WITH_SM3 in certificate.signature_algorithm


def uses_of(certificate: Certificate) -> str:
    """Its keyUsage, for showing."""
    usage = certificate.key_usage
    return "any" if usage is None else ", ".join(sorted(usage)) or "-"


def name_of(certificate: Certificate) -> str:
    """Its subject, or its serial number if it has none."""
    return certificate.subject_text or f"{certificate.serial_number:x}"
