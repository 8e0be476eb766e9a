"""Supply chain: what is installed is pinned, free of known holes, and of licences that fit.

``make lint`` runs the checks that need no build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from packaging.markers import Marker

from assurance.figures import Result, Tell

__all__ = [
    "TITLE",
    "check_audit",
    "check_licences",
    "check_locks",
    "judge_audit",
    "licences",
    "main",
    "run",
    "sbom",
    "shipped",
]

TITLE: Final = "Supply chain: pinned dependencies, known holes, licences, reproducible builds"

ROOT: Final = Path(__file__).resolve().parents[1]
LOCKS: Final = ROOT / "requirements"
_SHIPPED: Final = ("cli", "redis")  # the extras whose packages our users get
_NAME: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_PINNED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")
# Free licences whose terms Apache-2.0 code may be used under.
_FITS: Final = re.compile(
    r"Apache|BSD|MIT|PSF|Python Software Foundation|ISC|Unlicense|Zlib|CC0|0BSD|HPND|MPL|Mozilla",
    re.IGNORECASE,
)
_VIRAL: Final = re.compile(r"\b[AL]?GPL|GNU (Affero|General|Lesser)", re.IGNORECASE)
_EPOCH: Final = "1767225600"  # 2026-01-01, for builds that name no other moment
# Packages that do not say their licence, and what it is.
_TOLD: Final = {"atheris": "Apache-2.0"}
_AUDIT_S: Final = 120
_UNREACHABLE: Final = "pip-audit could not reach the advisories of PyPI: known holes not asked for"
# How pip-audit says that nobody answered, or that the index has no advisories.
_NO_ANSWER: Final = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|Max retries exceeded")
_NOT_THERE: Final = "Dependency not found on PyPI"


def run(*, long: bool, tell: Tell) -> Result:
    """All checks; both forms are the same."""
    result = Result()
    check_locks(result)
    tell("licences")
    check_licences(result)
    tell("known holes")
    check_audit(result)
    tell("bill of materials")
    components = sbom()["components"]
    result.add("components in the bill of materials", len(components), least=5)
    named = sum("licenses" in one for one in components)
    result.add("of them with their licence", named, least=len(shipped()))
    tell("the source distribution, twice")
    _check_reproducible(result)
    return result


def locked(extra: str) -> dict[str, tuple[str, int]]:
    """The packages of a lock file: name -> version and how many hashes."""
    found = dict[str, tuple[str, int]]()
    name = ""
    for line in (LOCKS / f"{extra}.txt").read_text(encoding="utf-8").splitlines():
        if pinned := _PINNED.match(line):
            name = _canonical(pinned[1])
            found[name] = (pinned[2], 0)
        elif "--hash=sha256:" in line:
            version, count = found[name]
            found[name] = (version, count + 1)
    return found


def check_locks(result: Result) -> None:
    """Each extra has a lock file with all that it names, every package with its hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    packages = set[str]()
    for extra in sorted(path.stem for path in LOCKS.glob("*.txt")):
        found = locked(extra)
        packages |= set(found)
        for name, (_, hashes) in found.items():
            if not hashes:
                result.failures.append(f"requirements/{extra}.txt: {name} is without a hash")
        for wanted in _names(extra, extras) | {_name(one) for one in project["dependencies"]}:
            if wanted not in found:
                result.failures.append(
                    f"requirements/{extra}.txt lacks {wanted}: run `make lock` and commit it"
                )
    result.add("packages pinned by hash", len(packages), least=1)


def _names(extra: str, extras: dict[str, list[str]]) -> set[str]:
    """The packages that an extra names, those of the extras in it, too."""
    found = set[str]()
    for one in extras[extra]:
        inner = re.match(r"tlcp\[(.+?)\]", one)
        found |= _names(inner[1], extras) if inner else {_name(one)}
    return found


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement")
    return _canonical(match[1])


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def shipped() -> dict[str, str]:
    """The packages that users get here: name -> version; those for other systems are left out."""
    here = set(_needed(_SHIPPED))
    return {
        name: version
        for extra in _SHIPPED
        for name, (version, _) in locked(extra).items()
        if name in here
    }


def _needed(extras: Iterable[str]) -> Iterator[str]:
    """What lock files name and this interpreter needs, by their markers."""
    for extra in extras:
        for line in (LOCKS / f"{extra}.txt").read_text(encoding="utf-8").splitlines():
            if pinned := _PINNED.match(line):
                _, _, marker = line.rstrip("\\ ").partition(";")
                if not marker.strip() or Marker(marker.strip()).evaluate():
                    yield _canonical(pinned[1])


def licences() -> dict[str, str]:
    """The licence of each package that is installed here, in its own words."""
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {_canonical(one["Name"]): one["License"] for one in json.loads(told)}
    return found | {name: licence for name, licence in _TOLD.items() if name in found}


def check_licences(result: Result) -> None:
    """What users get is here and fits Apache-2.0; nothing that tests use is unnamed."""
    installed, given = licences(), sorted(shipped())
    for name in given:
        licence = installed.get(name)
        if licence is None:
            result.failures.append(f"{name} comes with tlcp and is not installed here: not judged")
        elif not _FITS.search(licence) or _VIRAL.search(licence):
            result.failures.append(f"{name} comes with tlcp under {licence}, which does not fit")
    for name, licence in sorted(installed.items()):
        if name not in given and licence.strip().upper() in ("", "UNKNOWN"):
            result.failures.append(f"{name}, which tests use, does not say its licence")
    judged = [name for name in given if name in installed]
    viral = sorted(name for name, text in installed.items() if _VIRAL.search(text))
    result.add("packages whose licence was read", len(installed), least=len(given))
    result.add("packages that users get, their licences judged", len(judged), least=5)
    if viral:
        result.notes.append(f"used by tests alone, under a GNU licence: {', '.join(viral)}")


def check_audit(result: Result) -> None:
    """No pinned version has a known hole, as far as the advisories can be reached.

    That they cannot be reached is a note; that pip-audit does not work is a failure.
    """
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "-f", "json"]
    command += ["--disable-pip", "--require-hashes", "--timeout", "5"]
    for file in sorted(LOCKS.glob("*.txt")):
        command += ["-r", str(file)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_AUDIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        result.notes.append(_UNREACHABLE)
        return
    judge_audit(done.stdout, done.stderr, result)


def judge_audit(out: str, errors: str, result: Result) -> None:
    """What pip-audit printed: holes, silence of the index, or that it did not work."""
    try:
        told = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if _NO_ANSWER.search(errors):
            result.notes.append(_UNREACHABLE)
        else:
            last = errors.strip().splitlines()[-1:] or ["it printed nothing"]
            result.failures.append(f"pip-audit did not work: {last[0]}")
        return
    skipped = {one["name"]: one["skip_reason"] for one in told if "skip_reason" in one}
    asked = [one for one in told if "skip_reason" not in one]
    if not asked and skipped and all(_NOT_THERE in why for why in skipped.values()):
        result.notes.append(_UNREACHABLE)
        return
    result.failures += [f"pip-audit passed over {name}: {why}" for name, why in skipped.items()]
    result.add("packages whose known holes were asked for", len(asked), least=1)
    for one in told:
        for hole in one.get("vulns", ()):
            what = f"{one['name']} {one['version']} has the known hole {hole['id']}"
            fixed = ", ".join(hole["fix_versions"]) or "no version"
            result.failures.append(f"{what}; mended in {fixed}")


def sbom() -> dict[str, Any]:
    """The CycloneDX bill of materials of what users get, each with its licence."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--of", "JSON"]
    command += ["--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), "-"]
    pins = "".join((LOCKS / f"{name}.txt").read_text(encoding="utf-8") for name in _SHIPPED)
    done = subprocess.run(command, input=pins, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    known, once = licences(), dict[str, dict[str, Any]]()
    for one in found["components"]:
        name = _canonical(one["name"])
        if name in known:
            one["licenses"] = [{"license": {"name": known[name]}}]
        once.setdefault(name, one)
    found["components"] = list(once.values())
    return found


def _check_reproducible(result: Result) -> None:
    digests = [build_sdist()[1] for _ in range(2)]
    if digests[0] != digests[1]:
        result.failures.append(f"two builds of the source distribution differ: {digests}")
    result.add("builds of the source distribution that are the same", len(digests))


def build_sdist(into: Path | None = None) -> tuple[str, str]:
    """Build the source distribution of what is committed, from a fresh copy.

    Returns:
        Its name, and its SHA-256.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy, out = Path(folder, "copy"), into or Path(folder, "out")
        archive = Path(folder, "tree.tar")
        subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(archive), "HEAD"], check=True)
        with tarfile.open(archive) as tree:
            tree.extractall(copy, filter="data")
        environment = {"SOURCE_DATE_EPOCH": _EPOCH, **os.environ}
        command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", str(out)]
        subprocess.run([*command, str(copy)], check=True, env=environment, capture_output=True)
        (made,) = out.glob("*.tar.gz")
        return made.name, hashlib.sha256(made.read_bytes()).hexdigest()


def main() -> int:
    """``python -m assurance.supply``: what ``make lint`` asks."""
    result = Result()
    check_locks(result)
    check_licences(result)
    check_audit(result)
    for text in result.notes:
        print(f"note: {text}", file=sys.stderr)
    for text in result.failures:
        print(text, file=sys.stderr)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
