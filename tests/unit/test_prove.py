"""The long campaigns, small: what they find, how they go on after a kill, and when they are run again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import evidence, prove, scan
from benchmarks.evidence import Bar, Key, Progress
from benchmarks.prove import CAMPAIGNS, Campaign


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "steps.json", Key("", {}, {}))


def test_mutants(progress: Progress) -> None:
    """Mutants of several seeds are counted together by how they ended."""
    found = prove.mutants(progress, {"module": "benchmarks.mutate_edf", "seeds": [7, 8], "count": 10})
    assert (found["n"], found["n_wrong"], found["wrong"]) == (20, 0, {})
    assert sum(found["ended"].values()) == 20


def test_round_trip(progress: Progress) -> None:
    """The figures of a short night are as good as those of long ones, but for its ends."""
    found = prove.round_trip(progress, {"cohorts": ["shhs"], "hours": 0.2})["shhs"]
    assert {name: worst["n_channel"] for name, worst in found["waves"].items()} == {"fast": 6, "slow": 3}
    assert min(worst["lowest_correlation"] for worst in found["waves"].values()) >= 0.99
    assert found["stages"] == {"n_epoch": 24, "n_wrong": 0}
    assert found["audit"] == {"n_compared": 1, "n_problem": 0}


def test_synthesis_speed(progress: Progress) -> None:
    """A night costs CPU and memory, and its EDF has a size."""
    found = prove.synthesis_speed(progress, {"recipes": ["shhs"], "nights": 1, "hours": 0.1})["shhs"]
    assert found["nights_a_minute"] == pytest.approx(60 / found["cpu_s"])
    assert found["peak_mb"] > 20  # at least; what the tests had when they forked, if that was more
    assert found["edf_mb"] == pytest.approx(38 * 0.1 / 8, rel=0.25)


def test_outages(progress: Progress) -> None:
    """A way that is cut in the middle of a run: one good outcome a recording, nothing torn, nothing done twice."""
    found = prove.outages(progress, {"victims": ["way_reset"], "seeds": [1], "n_recording": 3})
    (hit,) = found["way_reset"].pop("hits")
    assert (hit["redone"], hit["unsound"], hit["faults"]) == ((), (), ())
    assert found["way_reset"] == {name: n for name, n in found.items() if name != "way_reset"}
    assert (found["n_hit"], found["n_recording"]) == (1, 3)


def test_scale(progress: Progress) -> None:
    """Every made-up recording is converted and then kept, by processes and by Dask, and a ledger is counted."""
    found = prove.scale(progress, {"n_recording": 12, "n_dask": 6, "workers": 1, "n_row": 100})
    assert set(found) == {"archive", "processes", "dask", "status"}
    assert [found[name]["n_recording"] for name in ("archive", "processes", "dask")] == [12, 6, 6]
    assert all(found[name]["wall_s"] > found[name]["least_s"] for name in ("archive", "processes", "dask"))
    assert found["status"]["n_row"] == 100


def test_a_census_is_timed() -> None:
    """Headers with a night behind them that takes no room: little more than they is read."""
    found = scan.measure(5, workers=1, hours=0.05, runs=1)
    assert found["n_file"] == 5
    assert found["files_gb"] * 1e3 > 2 * found["headers_mb"] > 0
    assert {found[way]["wall_s"]["median"] > 0 for way in ("with_manifest", "headers_alone")} == {True}
    assert 4 < found["read_kb_a_file"] < 16


def test_decoding(progress: Progress) -> None:
    """Every reader is compared with reading the bytes."""
    found = prove.decoding(progress, {"rounds": 1, "records": 60})
    assert found["megabytes"] == pytest.approx(60 * 2 * (9 * 256 + 8 * 32 + 3) / 1e6, rel=0.05)
    assert found["over_fromfile"]["np_fromfile"] == 1
    assert set(found["cpu_ms"]) == set(found["over_fromfile"]) >= {"ours_all_signals_digital"}


def test_derived_cost(progress: Progress) -> None:
    """Every part of the derivations is measured, and the whole is more than a part."""
    found = prove.derived_cost(progress, {"hours": 0.1, "runs": 1})
    assert set(found["cpu_s"]) == {"all", "heart", "breathing", "desaturations"}
    assert set(found["peak_mb"]) == {"with", "without"}
    assert found["added_mb"] == found["peak_mb"]["with"]["median"] - found["peak_mb"]["without"]["median"]


def test_conversion_is_summed_up() -> None:
    """Ratios are medians of pairs of runs, correlations the lowest of all channels."""
    ours, peer = [1.0, 2.0, 6.0], [2.0, 2.0, 60.0]
    night = {
        "figures": {"ours": {"cpu_s": ours, "store_mb": 3.0}, "a peer": {"cpu_s": peer, "store_mb": 4.0}},
        "agreement": {"a peer": {"ecg": {"correlation": 0.99}, "thor": {"correlation": 0.98}}},
    }
    progress = Progress(Path("none"), Key("", {}, {}))
    progress.once = lambda name, work: {"shhs": night}  # type: ignore[method-assign]
    found = prove.conversion(progress, {})
    assert found["shhs"]["ratios"] == {"a_peer": {"cpu_s": 0.5}}
    assert found["shhs"]["programs"]["ours"] == {"cpu_s": {"median": 2, "least": 1, "most": 6}, "store_mb": 3}
    assert found["shhs"]["lowest_correlation"] == {"a_peer": 0.98}


# --- what is run, and when ---------------------------------------------------------------------------------


class Steps:
    """A campaign of three steps that counts how often each was done and stops when it is told to."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.stop_at: int | None = None

    def __call__(self, progress: Progress, parameters: prove.Parameters) -> evidence.Figures:
        return {"sum": sum(progress.once(str(k), lambda k=k: self._step(k)) for k in parameters["steps"])}

    def _step(self, k: int) -> int:
        if k == self.stop_at:
            raise KeyboardInterrupt
        self.done.append(k)
        return k


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def counting(steps: Steps) -> Campaign:
    return Campaign(steps, {"steps": [1, 2, 3]}, ("benchmarks/prove.py",), (Bar("sum", most=6),), "")


def proven(tmp_path: Path, what: Campaign, **options: Any) -> dict[str, Any]:
    return prove.prove("counting", what, folder=tmp_path, unfinished=tmp_path / "unfinished", **options)


def test_current_evidence_is_not_made_again(tmp_path: Path, counting: Campaign, steps: Steps) -> None:
    """The second call reads what the first one wrote."""
    assert proven(tmp_path, counting) == proven(tmp_path, counting)
    assert steps.done == [1, 2, 3]
    assert [path.name for path in tmp_path.rglob("*.json")] == ["counting.json"]


def test_fresh_starts_from_the_beginning(tmp_path: Path, counting: Campaign, steps: Steps) -> None:
    """With ``fresh`` neither evidence nor finished steps count."""
    proven(tmp_path, counting)
    steps.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        proven(tmp_path, counting, fresh=True)
    steps.stop_at = None
    proven(tmp_path, counting, fresh=True)
    assert steps.done == [1, 2, 3, 1, 2, 1, 2, 3]


def test_a_killed_campaign_goes_on(tmp_path: Path, counting: Campaign, steps: Steps) -> None:
    """Finished steps are kept; the time they took counts."""
    steps.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        proven(tmp_path, counting)
    steps.stop_at = None
    assert proven(tmp_path, counting)["figures"] == {"sum": 6}
    assert steps.done == [1, 2, 3]


def test_other_parameters_are_another_campaign(tmp_path: Path, counting: Campaign, steps: Steps) -> None:
    """Evidence and steps of other parameters are not used."""
    proven(tmp_path, counting)
    found = proven(tmp_path, replace(counting, parameters={"steps": [4]}))
    assert (found["figures"], steps.done) == ({"sum": 4}, [1, 2, 3, 4])


def test_code_that_changes_meanwhile_proves_nothing(
    tmp_path: Path, counting: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of two versions of the code are not kept."""
    digests = iter("ab")
    monkeypatch.setattr(evidence, "code_digest", lambda covers: next(digests))
    with pytest.raises(RuntimeError, match="counting: files that it covers were changed"):
        proven(tmp_path, counting)
    assert not (tmp_path / "counting.json").exists()


def test_changed_code_is_another_campaign() -> None:
    """The digest is that of names and contents of the files covered, and of no others."""
    one = evidence.code_digest(["benchmarks/prove.py"])
    assert one == evidence.code_digest(["benchmarks/prove.p[xy]"])
    assert one != evidence.code_digest(["benchmarks/*.py"]) != evidence.code_digest([])


def test_every_pattern_covers_files() -> None:
    """No pattern of a campaign has gone stale."""
    empty = [(name, p) for name, c in CAMPAIGNS.items() for p in c.covers if not any(evidence.ROOT.glob(p))]
    assert empty == []


@pytest.mark.parametrize(("bar", "holds"), [(Bar("a.b", most=2), True), (Bar("a.b", least=2.1), False)])
def test_bars_are_judged(bar: Bar, holds: bool) -> None:
    """A figure at its bar holds it."""
    assert bar.judge({"a": {"b": 2}})["holds"] is holds


def test_a_missed_bar_is_said(tmp_path: Path, counting: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints every bar and ends with 1 where one is missed."""
    missed = proven(tmp_path, replace(counting, bars=(Bar("sum", least=7),)))
    assert prove._show(missed) is False
    assert "sum 6, at least 7: MISSED" in capsys.readouterr().out
    assert json.loads((tmp_path / "counting.json").read_text())["bars"][0]["holds"] is False


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name lists the right ones."""
    with pytest.raises(SystemExit):
        prove.main(["killls"])
    assert "kills" in capsys.readouterr().err
