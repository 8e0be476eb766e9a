"""Mutated certificates before ``openssl verify``: who believes them.

The chains are of ECDSA keys, which OpenSSL knows.  A mutant is signed again by the key of its
issuer, so that both look behind the signature.  Leaves go many to a run; of CAs each has its own.

Spec: RFC 5280 6.1
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from assurance.figures import Tell
from assurance.fuzzing.against_tshark import plain_changes
from assurance.fuzzing.der_mutator import Node
from assurance.fuzzing.differences import Compared
from tlcp.errors import CertificateVerifyError

if TYPE_CHECKING:
    from tlcp.x509.certificate import Certificate

__all__ = ["compare"]

_TIMEOUT_S: Final = 300
_MANY: Final = 200  # files in one run
_SHARE_OF_CAS: Final = 10  # every tenth
_EXTENSIONS: Final = 0xA3
_STRINGS: Final = (0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E)  # those of names
_OF_SERVERS: Final = {"digitalSignature", "keyEncipherment", "keyAgreement"}
_NO_TEXT: Final = "\ufffd"  # stands in names for what is no text
_UNREAD: Final = re.compile(r"Unable to load certificate file (.*)|Could not .* from (.*)")
_FAILED: Final = re.compile(r"^error (\d+) at (\d+) depth lookup: (.*)$")


def compare(cases: int, tell: Tell) -> Compared:
    """Ask about so many mutants."""
    compared = Compared("openssl verify")
    program = shutil.which("openssl")
    if program is None:
        compared.absent = "not installed: no differential cases"
        return compared
    with tempfile.TemporaryDirectory() as folder:
        asking = _Asking(program, Path(folder), Random("openssl"))  # noqa: S311
        cas = cases // _SHARE_OF_CAS
        asking.leaves(compared, cases - cas)
        asking.cas(compared, cas)
    tell(f"openssl: {compared.cases:,} cases, {compared.reasons.total()} explained disagreements")
    return compared


class _Asking:
    """A chain Root, Sub, leaf, and mutants of the two below the root."""

    def __init__(self, program: str, folder: Path, draw: Random) -> None:
        from chains.making import NOW
        from revocation.making import certificate

        self._folder, self._draw, self._now = folder, draw, NOW
        self._root, self._sub = certificate("Root", "ecdsa"), certificate("Sub", "ecdsa")
        self._leaf = certificate("leaf", "ecdsa")
        self._plain = plain_changes(draw)
        for name, one in (("root", self._root), ("sub", self._sub), ("leaf", self._leaf)):
            (folder / f"{name}.pem").write_bytes(_pem(one.der))
        self._command = [
            *(program, "verify", "-no-CApath", "-no-CAstore", "-policy_check"),
            *("-purpose", "sslserver", "-attime", str(round(NOW.timestamp()))),
            *("-CAfile", str(folder / "root.pem")),
        ]

    def leaves(self, compared: Compared, count: int) -> None:
        """Mutants of leaves, each below the same CA."""
        seeds = [self._leaf, *_leaves()]
        for start in range(0, count, _MANY):
            mutants = self._mutants(seeds, "Sub", min(_MANY, count - start))
            files = self._write(mutants)
            told = self._ask("-untrusted", str(self._folder / "sub.pem"), *map(str, files))
            for der, file in zip(mutants, files, strict=True):
                self._note(compared, der, der, self._sub, told.get(str(file), "not told"))

    def cas(self, compared: Compared, count: int) -> None:
        """Mutants of the CA above the leaf."""
        for der in self._mutants([self._sub], "Root", count):
            (file,) = self._write([der])
            told = self._ask("-untrusted", str(file), str(self._folder / "leaf.pem"))
            theirs = told.get(str(self._folder / "leaf.pem"), "not told")
            self._note(compared, der, self._leaf.der, None, theirs)

    def _mutants(self, seeds: Sequence[Certificate], issuer: str, count: int) -> list[bytes]:
        from assurance.fuzzing.der_mutator import mutate_der, remember
        from assurance.fuzzing.targets_x509 import resigned

        remember([seed.tbs_der for seed in seeds])
        found = dict[bytes, None]()
        while len(found) < count:
            seed = self._draw.choice(seeds).der
            der = mutate_der(seed, 4000, self._draw, self._plain, _extensions)
            found[resigned(der, issuer, "p256")] = None
        return list(found)

    def _write(self, ders: list[bytes]) -> list[Path]:
        files = [self._folder / f"mutant-{number}.pem" for number in range(len(ders))]
        for file, der in zip(files, ders, strict=True):
            file.write_bytes(_pem(der))
        return files

    def _ask(self, *words: str) -> dict[str, str]:
        """File -> "", or why it is not believed."""
        done = subprocess.run(
            [*self._command, *words],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        found, reason = dict[str, str](), ""
        text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        for line in text.splitlines():
            if line.endswith(": OK"):
                found[line.removesuffix(": OK")] = ""
            elif match := _FAILED.match(line):
                reason = reason or f"{match[3]} ({match[1]}) at {match[2]}"
            elif match := re.match(r"error (.*): verification failed", line):
                found[match[1]], reason = reason or "refused", ""
            elif match := re.match(
                r"Unable to load certificate file (.*)|Could not .* from (.*)", line
            ):
                found[(match[1] or match[2]).split()[-1]] = "cannot be read"
        return found

    def _note(
        self, compared: Compared, mutant: bytes, leaf: bytes, sub: Certificate | None, theirs: str
    ) -> None:
        ours, pair = self._ours(leaf, sub, mutant)
        reason = "" if (not ours) == (not theirs) else _reason(ours, theirs, pair, mutant)
        words = f"{mutant.hex()}: OpenSSL: {theirs or 'OK'}; ours: {ours or 'accepted'}"
        compared.note(not ours, not theirs, reason, words)

    def _ours(
        self, leaf: bytes, sub: Certificate | None, mutant: bytes
    ) -> tuple[str, tuple[Certificate, Certificate] | None]:
        """ "", or why we do not believe it; and the two that were read."""
        from tlcp.x509.certificate import Certificate
        from tlcp.x509.chain import verify_chain
        from tlcp.x509.trust import TrustStore

        pair = None
        try:
            above = sub if sub is not None else Certificate.from_der(mutant)
            pair = Certificate.from_der(leaf), above
            trust = TrustStore([self._root])
            verify_chain(pair[0], [above], trust, now=self._now, purpose="server")
        except CertificateVerifyError as error:
            return f"{error.problem.name}: {error.what}", pair
        return "", pair


def _extensions(root: Node) -> list[Node]:
    """Where to mutate: three times of four in the extensions, or hardly any mutant is believed."""
    signed = root.parts[0]  # what is behind it is made anew
    return [part for part in signed.parts if part.tag == _EXTENSIONS] * 3 + [signed]


def _leaves() -> list[Certificate]:
    """The leaves of the chain cases, with their many extensions, issued by the CA here."""
    from chains import cases_constraints, cases_policies, cases_rules
    from chains.making import NOW, build
    from revocation.making import CERTS
    from tlcp.x509.certificate import Certificate

    found = dict[bytes, Certificate]()
    for cases in (cases_constraints, cases_policies, cases_rules):
        for case in cases.CASES:
            for cert in case.certs:
                if cert.ca is None and cert.name == "leaf" and not cert.algorithm:
                    again = replace(
                        cert, issuer="Sub", issuer_dn="", signer="", type="", aki=b"", key="leaf"
                    )
                    try:
                        one = build(again, {**CERTS, "leaf": again}, "ecdsa")
                    except (ValueError, CertificateVerifyError):  # meant to be unreadable
                        continue
                    if one.not_after != NOW:  # of the last second they think differently
                        found[one.der] = one
    return list(found.values())


def _reason(
    ours: str, theirs: str, pair: tuple[Certificate, Certificate] | None, mutant: bytes
) -> str:
    """Why they disagree; "" = nobody knows.

    Args:
        ours, theirs: why it is not believed; "" = it is.
        pair: the leaf and the CA above it, where we could read them.
        mutant: what was mutated.
    """
    if ours:
        found = next(
            (w for said, w, holds in _STRICTER if re.match(said, ours) and holds(mutant)), ""
        )
        return f"we refuse: {found}" if found else ""
    if pair is None:
        return ""
    found = next((w for pattern, w, holds in _LAXER if pattern in theirs and holds(*pair)), "")
    return f"we accept: {found}" if found else ""


def _unreadable(mutant: bytes) -> bool:
    """Whether another strict reader of DER, the library cryptography, refuses a part of it, too."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    parts = ("version", "subject", "issuer", "extensions", "not_valid_before_utc")
    try:
        read = x509.load_der_x509_certificate(mutant)
        for part in (*parts, "not_valid_after_utc"):
            getattr(read, part)
        read.public_key()
    except UnsupportedAlgorithm:
        return False
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension):
        return True
    return False


def _has(oid: str) -> Callable[[bytes], bool]:
    def holds(mutant: bytes) -> bool:
        from tlcp.x509.certificate import Certificate

        extensions = Certificate.from_der(mutant)._x509.extensions
        return any(one.oid.dotted_string == oid for one in extensions)

    return holds


#: What we say where OpenSSL accepts, why, and when that is so.
_STRICTER: Final[tuple[tuple[str, str, Callable[[bytes], bool]], ...]] = (
    (
        "MALFORMED",
        "what is not in DER, or not in the form of its extension, is not read",
        _unreadable,
    ),
    (
        "UNSUPPORTED_CONSTRAINT: .*name constraints and is not",
        "name constraints in a leaf",
        _has("2.5.29.30"),
    ),
    (
        "UNHANDLED_CRITICAL_EXTENSION: .*cRLDistributionPoints",
        "critical CRL distribution points",
        _has("2.5.29.31"),
    ),
)


def _other_key_id(leaf: Certificate, sub: Certificate) -> bool:
    from cryptography import x509

    authority = leaf.extension(x509.AuthorityKeyIdentifier)
    if authority is None:
        return False
    named = authority.authority_cert_serial_number not in (None, sub.serial_number)
    return named or authority.key_identifier != sub.subject_key_id


def _any_purpose(leaf: Certificate, _: Certificate) -> bool:
    purposes = {one.dotted_string for one in leaf.extended_key_usage or ()}
    return "2.5.29.37.0" in purposes and "1.3.6.1.5.5.7.3.1" not in purposes


def _odd_name(*pair: Certificate) -> bool:
    """Whether there are names with values that are no strings, or hold no text."""
    from assurance.fuzzing.der_mutator import parse

    for one in pair:
        try:
            names = (one._x509.subject, one._x509.issuer)
        except (ValueError, TypeError):
            return True
        if any(_NO_TEXT in str(attribute.value) for name in names for attribute in name):
            return True
        attributes = (
            a for name in parse(one.subject_der) or () for s in name.parts for a in s.parts
        )
        if any(a.parts and a.parts[-1].tag not in _STRINGS for a in attributes):
            return True
    return False


def _critical_key_id(*pair: Certificate) -> bool:
    from cryptography import x509

    ids = (x509.SubjectKeyIdentifier.oid, x509.AuthorityKeyIdentifier.oid)
    return any(one.critical and one.oid in ids for cert in pair for one in cert._x509.extensions)


def _policy_twice(*pair: Certificate) -> bool:
    from cryptography import x509

    for cert in pair:
        named = [one.policy_identifier for one in cert.extension(x509.CertificatePolicies) or ()]
        if len(set(named)) < len(named):
            return True
    return False


def _dir_name(leaf: Certificate, _: Certificate) -> bool:
    from cryptography import x509

    names = leaf.extension(x509.SubjectAlternativeName) or ()
    return any(isinstance(name, x509.DirectoryName) for name in names)


def _other_usage(leaf: Certificate, _: Certificate) -> bool:
    usage = leaf.key_usage
    return usage is not None and not usage & _OF_SERVERS


#: What OpenSSL says where we accept, why, and when that is so.
_LAXER: Final[tuple[tuple[str, str, Callable[[Certificate, Certificate], bool]], ...]] = (
    ("local issuer certificate (20)", "key identifiers are hints and no promises", _other_key_id),
    ("certificate purpose (26)", "the usage of a leaf is judged with the pair", _other_usage),
    ("certificate purpose (26)", "anyExtendedKeyUsage is for servers, too", _any_purpose),
    ("local issuer certificate (20)", "the usage of a leaf is judged with the pair", _other_usage),
    ("local issuer certificate (20)", "a directory name in subjectAltName may be odd", _dir_name),
    ("critical extension (34)", "critical key identifiers are understood", _critical_key_id),
    ("policy extension (42)", "a policy that is named twice counts once", _policy_twice),
    ("cannot be read", "a subject that is no text is compared as bytes, never shown", _odd_name),
)


def _pem(der: bytes) -> bytes:
    from tlcp.crypto.pem import to_pem

    return to_pem("CERTIFICATE", der)
