"""The benchmarks' machinery, on calls that do nothing and on the smallest case."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # ``python -m pytest`` has it already
    sys.path.append(str(ROOT))

from benchmarks import measure, profile, report  # noqa: E402
from benchmarks.__main__ import all_cases, chosen, main, run  # noqa: E402
from benchmarks.measure import OURS, Call, Case, Pace, Room  # noqa: E402
from benchmarks.results import Result  # noqa: E402
from benchmarks.targets import TARGETS  # noqa: E402

TINY = Pace(turns=3, turn_seconds=0.0)


def result(unit: measure.Unit, name: str = "x", **medians: float) -> Result:
    case = Case("group", name, unit, lambda _: {}, ("Tongsuo", "GmSSL"))
    return Result.of(case, {who: [value] for who, value in medians.items()})


# ---- measuring -----------------------------------------------------------------------------


def test_turns_alternate_and_each_is_counted() -> None:
    order: list[str] = []
    calls = {name: Call(lambda name=name: order.append(name)) for name in ("a", "b")}  # type: ignore[misc]
    taken = measure.alternate(calls, TINY)
    assert {name: len(times) for name, times in taken.items()} == {"a": 3, "b": 3}
    assert order[6:] == ["a", "b", "b", "a", "a", "b"]  # after three calls each to warm up


def test_what_comes_before_a_call_is_not_timed_but_done_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock[0])

    def spend(nanoseconds: int) -> None:
        clock[0] += nanoseconds

    call = Call(lambda: spend(1_000), before=lambda: spend(1_000_000))
    assert measure.seconds_per_call(call, 4) == pytest.approx(1e-6)
    assert clock[0] == 4 * 1_001_000


def test_median_and_quartiles() -> None:
    found = measure.figures([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.low, found.median, found.high, found.turns) == (2.0, 3.0, 4.0, 5)
    assert found.spread == pytest.approx(100 / 3)
    assert measure.figures([7.0]) == measure.Figures(7.0, 7.0, 7.0, 1)


def test_shares_and_numbers_per_second() -> None:
    case = Case("group", "x", "us", lambda _: {}, ("Tongsuo",))
    part = Result.of(case, {OURS: [20.0], measure.whole(OURS): [80.0], "Tongsuo": [10.0]})
    assert (set(part.found), part.ratio) == ({OURS, "Tongsuo"}, 0.5)
    assert part.share == {OURS: 0.25}
    assert part.per_second == {OURS: 50_000.0, "Tongsuo": 100_000.0}
    found = part.as_json()
    assert (found["share"], found["per_second"]) == (part.share, part.per_second)
    assert set(found["peers"]) == {"Tongsuo"}
    console = Console(width=100, record=True)
    console.print(report.table([part]))
    assert "25.0%" in console.export_text()
    other = result("MB/s", tlcp=2.0)
    assert (other.share, other.per_second) == (None, None)


@pytest.mark.parametrize(("unit", "expected"), [("us", 4.0), ("KiB", 4.0), ("MB/s", 0.25)])
def test_ratio_says_how_many_times_better_we_are(unit: measure.Unit, expected: float) -> None:
    assert result(unit, tlcp=2.0, Tongsuo=8.0, GmSSL=1.0).ratio == expected


def test_a_target_is_met_against_tongsuo_only() -> None:
    name = "SM2 decrypt"  # at least 4 times
    assert result("us", name, tlcp=1.0, Tongsuo=4.0).met is True
    assert result("us", name, tlcp=1.0, Tongsuo=3.9).met is False
    assert result("us", name, tlcp=1.0, GmSSL=99.0).met is False
    assert result("us", name, tlcp=1.0).met is False
    assert result("us", "without", tlcp=1.0, Tongsuo=3.9).met is None


def test_amounts_are_readable() -> None:
    assert report.amount(1234.5, "us") == "1.23 ms"
    assert report.amount(12.34, "us") == "12.3 µs"
    assert report.amount(2345.6, "MB/s") == "2,346 MB/s"


# ---- the list of cases ---------------------------------------------------------------------


def test_names_are_unique_and_targets_are_among_them() -> None:
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names)
    assert set(TARGETS) <= set(names)


def test_only_takes_names_and_groups_in_any_case() -> None:
    cases = all_cases()
    assert [case.name for case in chosen(cases, ["sm3 64 b"])] == ["SM3 64 B"]
    assert {case.group for case in chosen(cases, ["MEMORY", "scaling"])} == {"memory", "scaling"}
    assert chosen(cases, []) == cases


def test_list_prints_names_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--only", "SM2 ", "--only", "HMAC"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {"SM2 sign", "HMAC-SM3 16 x 16 KiB"} < set(listed)
    assert all(name.startswith(("SM2 ", "HMAC")) for name in listed)


def test_nothing_chosen_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such case"]) == 2
    assert "no such case" in capsys.readouterr().err


def test_a_case_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: Room) -> measure.Measured:
        raise ValueError("it broke")

    cases = [Case("g", "bad", "us", broken), Case("g", "good", "us", lambda _: {OURS: [1.0, 2.0]})]
    results, failed = run(cases, TINY, Console(width=100))
    assert [one.case.name for one in results] == ["good"]
    assert failed == ["bad"]
    assert "it broke" in capsys.readouterr().out


# ---- real ones -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "SM3 64 B",
        "SM4-GCM decrypt 16 KiB",
        "SM2 key exchange",
        "records SM4-CBC 1 KiB",
        "handshake ECDHE_SM4_GCM_SM3 one-way, cold",
        "handshake with 1 intermediate, warm",
        "resumed by id, ECC_SM4_GCM_SM3 mutual, warm",
        "resumed by ticket, ECDHE_SM4_CBC_SM3 mutual, cold",
        "verify a chain of 2, cold",
        "verify an ECDSA chain of 2, cold",
        "refuse 3000 names under 3000 constraints",
    ],
)
def test_each_kind_of_case_measures_us(name: str, tmp_path: Path) -> None:
    """They compare results with the other libraries' before they measure: that holds, too."""
    (case,) = (case for case in all_cases() if case.name == name)
    with ExitStack() as stack:
        measured = case.run(Room(TINY, tmp_path, stack))
    assert len(measured[OURS]) == 3
    result = Result.of(case, measured)
    assert set(result.found) <= {OURS, *case.peers}
    assert set(result.wholes) == (set(result.found) if case.group == "resumption" else set())


def test_a_run_writes_what_it_promises(tmp_path: Path) -> None:
    target, picture = tmp_path / "new" / "b.json", tmp_path / "b.png"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "SM3 64 B"]
    command += ["--json", str(target), "--plot", str(picture)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SM3 64 B" in done.stdout
    content = json.loads(target.read_text(encoding="utf-8"))
    machine = {"date", "processor", "flags", "cores", "path", "python", "libraries", "quick"}
    assert machine <= set(content["machine"])
    (case,) = content["cases"]
    assert set(case) == {
        *("name", "group", "unit", "ours", "peers", "against", "ratio", "per_second", "share"),
        *("target", "aim", "met"),
    }
    assert (case["name"], case["group"], case["unit"]) == ("SM3 64 B", "hashes", "MB/s")
    for figures in (case["ours"], *case["peers"].values()):
        assert set(figures) == {"median", "low", "high", "turns"}
        assert 0 < figures["low"] <= figures["median"] <= figures["high"]
    assert case["target"] is None
    assert case["met"] is None
    if importlib.util.find_spec("matplotlib"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    else:
        assert "no plot" in done.stderr


# ---- the profile ---------------------------------------------------------------------------


def test_shares_of_samples_become_times() -> None:
    counts = Counter({("client", "wire"): 1, ("client", "kernel tlcp_x"): 3, ("server", "wire"): 5})
    lines = profile.markdown(counts, {"client": 400.0, "server": 100.0}).splitlines()
    assert lines[2:] == [
        "| C: `tlcp_x` | 300 | 0 | 60.0 % |",
        "| wire | 100 | 100 | 40.0 % |",
        "| **all kernels** | 300 | 0 | 60.0 % |",
        "| **all Python** | 100 | 100 | 40.0 % |",
        "| **a handshake** | 400 | 100 | 100.0 % |",
    ]


def test_a_sample_belongs_to_the_kernel_or_the_floor_that_runs() -> None:
    found: list[str] = []
    profile.Kernel("tlcp_x", lambda: found.append(profile.layer(sys._getframe())))()
    found.append(profile.layer(sys._getframe()))
    assert found == ["kernel tlcp_x", "other"]
