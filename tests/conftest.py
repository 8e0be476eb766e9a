"""Fixtures for all tests, and the rule that CI skips nothing."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from peers.pki import PKI, make_pki

_IN_CI = os.environ.get("TLCP_CI") == "1"

# No example is timed: a busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    """A CA with the certificates of a server and a client, and a second CA that nobody trusts."""
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def workdirs(tmp_path: Path) -> Iterator[Path]:
    """Fresh directories, one for each ``next()``."""

    def fresh() -> Iterator[Path]:
        number = 0
        while True:
            number += 1
            path = tmp_path / f"work{number}"
            path.mkdir()
            yield path

    return fresh()


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With TLCP_CI=1 everything must be installed: turn a skip into a failure."""
    if _IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped with TLCP_CI=1: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
