"""The checks of the supply chain can fail: each is shown something wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from assurance import supply
from assurance.figures import Result

UNREACHED = "known holes not asked for"


def audited(out: object, errors: str = "") -> Result:
    result = Result()
    supply.judge_audit(out if isinstance(out, str) else json.dumps(out), errors, result)
    return result


def one(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1", **more}


def skipped(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": why}


def test_a_known_hole_is_a_failure() -> None:
    hole = {"id": "PYSEC-1", "fix_versions": ["2"]}
    result = audited({"dependencies": [one("a", vulns=[hole]), one("b", vulns=[])]})
    assert result.failures == ["a 1 has the known hole PYSEC-1; mended in 2"]
    assert [figure.value for figure in result.figures] == [2]


@pytest.mark.parametrize(
    "errors",
    [
        "/bin/python: No module named pip_audit",
        "pip-audit: error: unrecognized arguments: --disable-pip",
        "",
    ],
)
def test_a_pip_audit_that_does_not_work_is_a_failure(errors: str) -> None:
    for out in ("", "[]", "{}"):
        result = audited(out, errors)
        assert result.failures == [f"pip-audit did not work: {errors or 'it printed nothing'}"]
        assert not result.notes


@pytest.mark.parametrize(
    ("out", "errors"),
    [
        ("", "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org')"),
        ({"dependencies": [skipped("a", "Dependency not found on PyPI and could not")]}, ""),
    ],
)
def test_an_index_that_is_not_there_is_a_note(out: object, errors: str) -> None:
    result = audited(out, errors)
    assert not result.failures
    assert UNREACHED in result.notes[0]


def test_what_was_passed_over_is_a_failure_where_the_rest_was_asked_for() -> None:
    result = audited({"dependencies": [one("a", vulns=[]), skipped("b", "no such version")]})
    assert result.failures == ["pip-audit passed over b: no such version"]
    assert audited({"dependencies": [skipped("b", "another reason")]}).failures


LICENCES = {"cffi": "MIT", "click": "GPL-3.0", "pytest": "UNKNOWN", "mypy": "LGPL-2.1"}


def test_licences_that_do_not_fit_are_missing_or_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "licences", lambda: LICENCES)
    monkeypatch.setattr(supply, "shipped", lambda: dict.fromkeys(("cffi", "click", "rich"), "1"))
    result = Result()
    supply.check_licences(result)
    assert result.failures[:3] == [
        "click comes with tlcp under GPL-3.0, which does not fit",
        "rich comes with tlcp and is not installed here: not judged",
        "pytest, which tests use, does not say its licence",
    ]
    assert result.notes == ["used by tests alone, under a GNU licence: click, mypy"]


def test_what_users_get_is_what_the_lock_files_name_for_this_interpreter() -> None:
    given = supply.shipped()
    assert {"cffi", "cryptography", "idna", "click", "rich", "redis"} <= set(given)
    assert given["redis"] == supply.locked("redis")["redis"][0]


def test_the_bill_of_materials_names_each_package_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cyclonedx_py", reason="needs cyclonedx-bom, which make lint installs")
    monkeypatch.setattr(supply, "licences", lambda: LICENCES)
    components = supply.sbom()["components"]
    names = [component["name"] for component in components]
    assert len(set(names)) == len(names) >= len(supply.shipped())
    (cffi,) = (one for one in components if one["name"] == "cffi")
    assert cffi["licenses"] == [{"license": {"name": "MIT"}}]
