"""The long campaigns and their evidence: ``python -m benchmarks.prove [NAME ...] [--fresh]``.

Each writes docs/evidence/NAME.json; documents then quote the new figures. One whose evidence was made with the same
code, parameters and versions is not run again; one that was killed goes on after its last finished step. The exit
code is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import campaign, evidence, quotes
from benchmarks.checks_campaign import checks
from benchmarks.convert import MOST_CPU, MOST_MEMORY
from benchmarks.evidence import Bar, Campaign, Figures, Key, Parameters, Progress
from benchmarks.gpu_steps import gpu_steps
from benchmarks.loader import loader_cost
from benchmarks.measure import THREAD_SETTINGS, Spread, run
from benchmarks.operation import scale
from benchmarks.outages import outages
from benchmarks.report import report
from benchmarks.shards import shards
from benchmarks.study import study, study_settings
from benchmarks.study_analysis import BARS as STUDY_BARS
from benchmarks.twins import twins

UNFINISHED = evidence.ROOT / "out" / "prove"

_READING = ("schemas/*.py", "pipeline/read/*.py")
_BEATS = (
    "pipeline/derive/beat_*.py",
    "pipeline/derive/*detectors.py",
    "pipeline/derive/rpeaks.py",
    "benchmarks/mitdb.py",
)
_STUDY = (
    *("schemas/*.py", "pipeline/synth/**/*.py", "pipeline/shards/*.py", "model/**/*.py"),
    *("benchmarks/study*.py", "benchmarks/study*.yaml"),
)
_SMALL_STUDY = "tests/unit/model/experiments/test_study.py::test_a_small_study_runs_to_its_end"
_CONVERTING = ("schemas/*.py", "pipeline/**/*.py", "pipeline/**/*.yaml", "data_manifests/*.yaml")


def mutants(progress: Progress, parameters: Parameters) -> Figures:
    """Damaged files in child processes: how many ended in which way."""
    ended: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    for seed in parameters["seeds"]:
        counted = progress.once(f"seed {seed}", lambda seed=seed: _mutants(seed, parameters))
        ended.update(counted["ended"])
        wrong |= counted["wrong"]
    return {"n": ended.total(), "n_wrong": len(wrong), "ended": dict(sorted(ended.items())), "wrong": wrong}


def _mutants(seed: int, parameters: Parameters) -> Figures:
    ended = campaign.run(parameters["module"], seed, parameters["count"])
    first_words = {number: how.split(":")[0] for number, how in ended.items()}
    wrong = {f"{seed}/{number}": first_words[number] for number in campaign.wrong(ended)}
    return {"ended": Counter(first_words.values()), "wrong": wrong}


def kills(progress: Progress, parameters: Parameters) -> Figures:
    """Kill -9 of the command at moments drawn over its length, and when some of its stores were published."""
    found = progress.once("kills", lambda: _kills(**parameters))
    n_recording, moments = parameters["n_recording"], [*found["drawn"], *found["counted"]]
    return {
        "n_interrupted": sum(m["n_finished"] < n_recording for m in found["drawn"]),
        "n_with_some_finished": sum(0 < m["n_finished"] < n_recording for m in moments),
        "n_fault": sum(len(m["faults"]) for m in moments),
        **found,
    }


def _kills(*, n_moment: int, seed: int, after_stores: Sequence[int], **nights: Any) -> Figures:
    from tests.e2e.crash_campaign import campaign, command_subject, kill_at

    with tempfile.TemporaryDirectory() as folder:
        subject = command_subject(Path(folder), **nights)
        found = campaign(subject, n_moment=n_moment, seed=seed)
        counted = [kill_at(subject, n, whole_group=bool(i % 2)) for i, n in enumerate(after_stores)]
    drawn, counted_rows = ([asdict(moment) for moment in moments] for moments in (found.moments, counted))
    return {"undisturbed_s": found.undisturbed_s, "drawn": drawn, "counted": counted_rows}


def round_trip(progress: Progress, parameters: Parameters) -> Figures:
    """Nights to stores and back, through two independent readers."""
    return {
        cohort: progress.once(cohort, lambda cohort=cohort: _child("round_trip", cohort, parameters["hours"]))
        for cohort in parameters["cohorts"]
    }


def synthesis_speed(progress: Progress, parameters: Parameters) -> Figures:
    """CPU and memory of making up nights, with one thread."""
    with _one_thread():
        return {
            recipe: progress.once(recipe, lambda recipe=recipe: _synthesis(recipe, parameters))
            for recipe in parameters["recipes"]
        }


def _synthesis(recipe: str, parameters: Parameters) -> Figures:
    usage = run(["-m", "benchmarks.synthesis", recipe, str(parameters["nights"]), str(parameters["hours"])])
    found = json.loads(usage.output)
    return {**found, "nights_a_minute": 60 / found["cpu_s"], "peak_mb": usage.peak_mb}


def decoding(progress: Progress, parameters: Parameters) -> Figures:
    """CPU of decoding one EDF, against named readers, with one thread."""
    options = ("--rounds", parameters["rounds"], "--records", parameters["records"], "--json")
    with _one_thread():
        found = progress.once("all readers", lambda: _child("decode", *options))
    spent_s = {_word(reader): seconds for reader, seconds in found["cpu_s"].items()}
    floor_s = spent_s["np_fromfile"]
    return {
        "megabytes": found["bytes"] / 1e6,
        "cpu_ms": {reader: 1e3 * seconds for reader, seconds in spent_s.items()},
        "over_fromfile": {reader: seconds / floor_s for reader, seconds in spent_s.items()},
    }


def one_program(module: str, *flags: str) -> Callable[[Progress, Parameters], Figures]:
    """Return what runs a benchmark that prints its figures, with one thread; parameters are its options."""

    def find(progress: Progress, parameters: Parameters) -> Figures:
        options: list[Any] = [*flags]
        for name, value in parameters.items():
            options += [f"--{name}", *(value if isinstance(value, list) else [value])]
        with _one_thread():
            found: Figures = progress.once("all runs", lambda: _child(module, *options))
        return found

    return find


derived_cost = one_program("derived")
beats = one_program("beats", "--figures")
intervals = one_program("ibi", "--json")
flow_overhead = one_program("flows")
census = one_program("scan")
staging = one_program("staging", "--json")
training_step = one_program("train_step", "--json")


def conversion(progress: Progress, parameters: Parameters) -> Figures:
    """CPU and memory of one conversion, against named peers, each with the threads that it takes."""
    nights = progress.once("all programs", lambda: _comparisons(parameters))
    return {cohort: _comparison(night) for cohort, night in nights.items()}


def _comparisons(parameters: Parameters) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        settings = [f"--{name}={parameters[name]}" for name in ("hours", "runs", "seed")]
        run(["-m", "benchmarks.convert", *settings, f"--json={path}"])
        nights: Figures = json.loads(path.read_text("utf-8"))["nights"]
        return nights


def _comparison(night: Figures) -> Figures:
    """Return every program's figures, ours over each peer's round by round, and how far the channels agree."""
    programs = {_word(name): figures for name, figures in night["figures"].items()}
    ours = programs["ours"]
    runs = [name for name, values in ours.items() if isinstance(values, list)]
    peers = {name: figures for name, figures in programs.items() if name != "ours"}
    return {
        "programs": {
            program: {name: asdict(Spread.of(figures[name])) for name in runs} | {"store_mb": figures["store_mb"]}
            for program, figures in programs.items()
        },
        "ratios": {
            peer: {name: _ratio(ours[name], figures[name]) for name in runs} for peer, figures in peers.items()
        },
        "lowest_correlation": {
            _word(peer): min(found["correlation"] for found in channels.values())
            for peer, channels in night["agreement"].items()
        },
    }


def _ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    return median(mine / other for mine, other in zip(ours, peers, strict=True))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let the libraries of child processes use one thread."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _child(module: str, *arguments: object) -> Any:
    return json.loads(run(["-m", f"benchmarks.{module}", *map(str, arguments)]).output)


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _round_trip_bars(cohort: str, classes: Mapping[str, float]) -> tuple[Bar, ...]:
    """Return the bars of one cohort; ``classes`` are its rate classes with their largest lag in ms."""
    waves = [
        bar
        for name, lag_ms in classes.items()
        for bar in (
            Bar(f"{cohort}.waves.{name}.lowest_correlation", least=0.99),
            Bar(f"{cohort}.waves.{name}.largest_gain_error_percent", most=1),
            Bar(f"{cohort}.waves.{name}.largest_lag_ms", most=lag_ms),
        )
    ]
    return (
        *waves,
        Bar(f"{cohort}.readings.largest_error_steps", most=0.5),
        Bar(f"{cohort}.stages.n_wrong", most=0),
        Bar(f"{cohort}.audit.n_compared", least=1),
        Bar(f"{cohort}.audit.n_problem", most=0),
    )


def _conversion_bars(cohort: str) -> tuple[Bar, ...]:
    """Return the bars that the benchmark itself prints, for one night."""
    cpu = [
        Bar(f"{cohort}.ratios.{peer}.{night}_cpu_s", most=most)
        for night in ("first", "next")
        for peer, most in MOST_CPU.items()
    ]
    return (*cpu, *(Bar(f"{cohort}.ratios.{peer}.peak_mb", most=most) for peer, most in MOST_MEMORY.items()))


CAMPAIGNS = {  # those that measure time come last
    "mutated-headers": Campaign(
        mutants,
        {"module": "benchmarks.mutate_edf", "seeds": [1, 2, 3, 4, 5], "count": 1000},
        (*_READING, "benchmarks/campaign.py", "benchmarks/mutate_edf.py", "benchmarks/edf_bytes.py"),
        (Bar("n", least=1000), Bar("n_wrong", most=0)),
        "tests/unit/read/test_edf_mutations.py::test_mutated_headers_never_escape",
    ),
    "mutated-xml": Campaign(
        mutants,
        {"module": "benchmarks.mutate_xml", "seeds": [1, 2, 3, 4, 5], "count": 1000},
        (
            *(*_READING, "pipeline/scoring/*.py"),
            *("benchmarks/campaign.py", "benchmarks/mutate_xml.py", "benchmarks/xml_bytes.py"),
        ),
        (Bar("n", least=1000), Bar("n_wrong", most=0)),
        "tests/unit/read/test_xml_mutations.py::test_mutated_annotations_end_well",
    ),
    "twins": Campaign(
        twins,
        {"hours": 8.0, "n_hypnogram": 2000, "n_ecg": 40, "cut_epoch": 17, "seed": 12},
        ("pipeline/catalog/twins.py", "pipeline/synth/*.py", *_BEATS, "benchmarks/twins.py"),
        tuple(Bar(f"{way}.n_{fault}", most=0) for way in ("stages", "heart") for fault in ("missed", "false")),
        "tests/unit/catalog/test_twins.py::test_a_second_export_is_found",
    ),
    "checks": Campaign(
        checks,
        {"n_clean": 200, "n_fault": 50, "hours": 1.0, "runs": 3, "mitdb": "../shared/data/mitdb"},
        (
            *("schemas/checks.py", "schemas/quality.py", "pipeline/quality/*.py", "benchmarks/checks.py"),
            *("benchmarks/checks_campaign.py", "pipeline/synth/faults_sensors.py"),
            "pipeline/synth/night_samples.py",
        ),
        (
            *(Bar("least_detected", least=0.95), Bar("most_false_alarms", most=0.01)),
            *(Bar("any_false_alarm", most=0.05), Bar("real.mitdb.n", least=1)),
            *(Bar(f"cost.{cohort}.added", most=0.25) for cohort in ("shhs", "mesa", "synthetic")),
        ),
        "tests/unit/quality/test_campaign.py::test_faults_are_found_and_nothing_else",
    ),
    "staging": Campaign(
        staging,
        {"nights": 16, "hours": 1.0, "steps": 200, "seed": 1},
        (
            *("model/experiments/baseline_yasa.py", "model/encoder.py", "model/downstream.py", "model/data/*.py"),
            *("data_manifests/sleep_edf.yaml", "benchmarks/staging.py"),
        ),
        (Bar("model.n_epoch", least=300), Bar("yasa.eeg_fpz_cz.kappa", least=0.6)),
        "tests/unit/model/experiments/test_baseline_yasa.py::test_yasa_stages_a_real_night",
    ),
    "training-step": Campaign(
        training_step,
        {"config": "base", "batch": 2, "window": 120, "steps": 5},
        ("model/encoder.py", "model/loss.py", "model/projection.py", "benchmarks/train_step.py"),
        (),
        "tests/unit/model/test_train_step.py::test_a_step_is_timed",
    ),
    "kills": Campaign(
        kills,
        {
            "cohort": "mesa",
            "n_recording": 16,
            "hours": 4.0,
            "n_moment": 10,
            "seed": 10,
            "after_stores": [1, 5, 9, 13],
        },
        (*_CONVERTING, "flows/**/*.py", "tests/e2e/crash_campaign.py"),
        (Bar("n_fault", most=0), Bar("n_interrupted", least=7), Bar("n_with_some_finished", least=4)),
        "tests/e2e/test_crash.py::test_kills_leave_nothing_to_repair",
    ),
    "outages": Campaign(
        outages,
        {
            "victims": ["flow", "server", "dask_worker", "way_refuse", "way_reset", "way_hang"],
            "seeds": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
            "n_recording": 8,
        },
        (
            *("pipeline/batch/*.py", "pipeline/write/*.py", "pipeline/files/places.py", "flows/*.py"),
            *("benchmarks/outages.py", "tests/*_campaign.py", "tests/e2e/*_campaign.py", "tests/aftermath.py"),
        ),
        (
            *(Bar(f"n_{name}", most=0) for name in ("redone", "unsound", "fault")),
            *(Bar(f"{victim}.n_interrupted", least=7) for victim in ("flow", "server", "dask_worker")),
            *(Bar(f"way_{mode}.n_interrupted", least=7) for mode in ("refuse", "reset", "hang")),
        ),
        "tests/unit/test_prove.py::test_outages",
    ),
    "round-trip": Campaign(
        round_trip,
        {"cohorts": ["shhs", "mesa"], "hours": 8.0},
        (*_CONVERTING, "benchmarks/round_trip.py", "tests/e2e/test_round_trip.py"),
        (
            *_round_trip_bars("shhs", {"fast": 0.1, "slow": 5}),
            *_round_trip_bars("mesa", {"fast": 0.1, "mid": 1, "slow": 5}),
        ),
        "tests/e2e/test_round_trip.py::test_waves_are_those_of_the_source",
    ),
    "synthesis-speed": Campaign(
        synthesis_speed,
        {"recipes": ["shhs", "mesa", "synthetic"], "nights": 4, "hours": 8.0},
        ("schemas/*.py", "pipeline/synth/**/*.py", "pipeline/synth/**/*.yaml", "benchmarks/synthesis.py"),
        tuple(Bar(f"{recipe}.nights_a_minute", least=20) for recipe in ("shhs", "mesa", "synthetic")),
        "tests/unit/test_prove.py::test_synthesis_speed",
    ),
    "decoding": Campaign(
        decoding,
        {"rounds": 7, "records": 28_800},
        (*_READING, "benchmarks/decode.py", "benchmarks/edf_bytes.py"),
        (Bar("over_fromfile.ours_all_signals_digital", most=2),),
        "tests/unit/test_prove.py::test_decoding",
    ),
    "ibi": Campaign(
        intervals,
        {"data": "../shared/data/mitdb", "hours": 1.0, "seeds": [31, 32, 33, 34, 35]},
        (
            *(*_BEATS, "pipeline/derive/ibi.py", "benchmarks/ibi*.py", "pipeline/synth/cardiac.py"),
            *("pipeline/synth/night.py", "pipeline/synth/noise.py", "pipeline/synth/sources.py"),
        ),
        (
            *(Bar("worst.off_percent", most=0.5), Bar("worst.clean_median_ms", most=2)),
            *(Bar("worst.clean_p95_ms", most=8), Bar("worst.clean_rmssd_error_ms", most=2)),
        ),
        "tests/unit/derive/test_ibi.py::test_nothing_wrong_is_called_valid",
    ),
    "beats": Campaign(
        beats,
        {"data": "../shared/data/mitdb", "runs": 7},
        (*_BEATS, "benchmarks/beats.py"),
        (
            *(Bar("f1.ours.within_150_ms", least=0.993), Bar("f1.ours.within_50_ms", least=0.97)),
            Bar("cpu_ratio_to_sleepecg.ours", most=2),
        ),
        "tests/unit/test_benchmarks.py::test_detectors_are_compared",
    ),
    "derived-cost": Campaign(
        derived_cost,
        {"hours": 8.0, "runs": 5},
        (
            *("pipeline/derived/*.py", "pipeline/derive/*.py", "pipeline/leads.py", "pipeline/process.py"),
            *("benchmarks/derived.py", "benchmarks/measure.py"),
        ),
        (Bar("cpu_s.all.median", most=0.6), Bar("added_mb", most=200)),
        "tests/unit/test_prove.py::test_derived_cost",
    ),
    "scan": Campaign(
        census,
        {"files": 2000, "workers": 2, "hours": 8.0, "runs": 3},
        ("pipeline/scan/*.py", "pipeline/read/edf*.py", "benchmarks/scan.py", "benchmarks/measure.py"),
        (
            *(Bar("headers_alone.wall_s.median", most=30), Bar("with_manifest.wall_s.median", most=60)),
            Bar("read_kb_a_file", most=16),
        ),
        "tests/unit/test_prove.py::test_a_census_is_timed",
    ),
    "flows": Campaign(
        flow_overhead,
        {"nights": 200, "hours": 0.3, "workers": 2, "rounds": 1},
        ("flows/*.py", "benchmarks/flows.py"),
        (Bar("batch_100.over_plain_cpu_s", most=1.05),),
        "tests/unit/flows/test_conversion.py::test_the_plain_way_is_timed",
    ),
    "scale": Campaign(
        scale,
        {"n_recording": 42_249, "n_dask": 2_000, "workers": 16, "n_row": 50_000},
        (
            *("schemas/*.py", "pipeline/batch/*.py", "pipeline/write/*.py", "pipeline/files/discover.py"),
            *(
                "pipeline/files/layout.py",
                "flows/commands/status.py",
                "benchmarks/scale.py",
                "benchmarks/scale_cohort.py",
            ),
        ),
        (
            Bar("archive.wall_s", most=1800),
            Bar("archive.peak_mb", most=2000),
            Bar("status.wall_s", most=1),
        ),
        "tests/unit/test_prove.py::test_scale",
    ),
    "loader": Campaign(
        loader_cost,
        {"nights": 8, "rounds": 41, "windows": 8, "many": 10_000, "workers": 2},
        (
            *("model/data/*.py", "pipeline/shards/direct.py", "pipeline/shards/read.py", "benchmarks/loader*.py"),
            *("benchmarks/shard_set.py", "benchmarks/measure.py"),
        ),
        (
            *(Bar("over_floor.ours", most=1.5), Bar("over_floor.ours_workers", most=3)),
            *(Bar("peer_over_ours.npz", least=10), Bar("peer_over_ours.zarr_python", least=8)),
            *(Bar("peer_over_ours.memory_map", least=1), Bar("many_over_one", most=1.2)),
            *(Bar("opening.shards.wall_s", most=1), Bar("opening.shards.peak_mb", most=200)),
        ),
        "tests/unit/model/test_loader_cost.py::test_ways_come_to_the_same",
    ),
    "shards": Campaign(
        shards,
        {"nights": 3, "hours": 8.0, "times": 8, "windows": 100, "sizes": [1, 100, 10_000]},
        ("schemas/shard.py", "pipeline/shards/*.py", "benchmarks/shards.py", "benchmarks/measure.py"),
        (
            *(Bar("window.over_floor.direct", most=1.5), Bar("window.over_direct.npz_float32", least=10)),
            *(Bar("window.over_direct.zarr_python", least=8), Bar("build.nights_a_second", least=20)),
            *(Bar("set_of_10000.open_s", most=1), Bar("set_of_10000.peak_mb", most=200)),
        ),
        "tests/unit/shards/test_benchmark.py::test_costs_are_measured",
    ),
    "report": Campaign(
        report,
        {"n_recording": 10_000, "hours": 8.0, "n_run": 5},
        (
            *("pipeline/report/**/*", "pipeline/drift/**/*", "pipeline/catalog/*.py", "flows/commands/report.py"),
            *("benchmarks/report*.py", "benchmarks/measure.py", "tests/page_checks.py"),
        ),
        (
            *(Bar("cohort.build_s.median", most=60), Bar("cohort.all_mb", most=15)),
            *(Bar("cohort.page_open_s.median", most=3), Bar("cohort.list_open_s.median", most=3)),
            *(Bar("recording.page_mb", most=5), Bar("recording.build_cpu_s.median", most=5)),
        ),
        "tests/unit/report/test_cohort_page.py::test_sections_are_there",
    ),
    "study": Campaign(study, study_settings(), _STUDY, STUDY_BARS, _SMALL_STUDY),
    "conversion": Campaign(
        conversion,
        {"hours": 8.0, "runs": 5, "seed": 1},
        (
            *(*_CONVERTING, "benchmarks/convert.py", "benchmarks/nights.py", "benchmarks/ours.py"),
            *("benchmarks/measure.py", "benchmarks/clock.py", "benchmarks/agreement.py", "benchmarks/peers/*.py"),
        ),
        (*_conversion_bars("shhs"), *_conversion_bars("mesa")),
        "tests/unit/test_benchmarks.py::test_figures_are_written",
    ),
    "training-step-gpu": Campaign(  # last: where nobody has brought figures it ends the run
        gpu_steps,
        {"batches": [320, 64]},
        ("model/*.py", "model/data/*.py", "benchmarks/train_step.py", "benchmarks/gpu_steps.py"),
        (
            Bar("batch_320.eeg-ecg.share_of_matrix", least=0.45),
            *(
                Bar(f"batch_{size}.with_data.{pair}.wait_share", most=0.02)
                for size in (320, 64)
                for pair in ("eeg-ecg", "eeg-ibi", "ibi-resp")
            ),
        ),
        "tests/unit/model/test_train_step.py::test_figures_of_a_gpu_are_brought",
    ),
}


def prove(
    name: str,
    what: Campaign,
    *,
    fresh: bool = False,
    folder: Path = evidence.EVIDENCE,
    unfinished: Path = UNFINISHED,
) -> dict[str, Any]:
    """Run a campaign unless its evidence is current, and return its evidence.

    Parameters
    ----------
    fresh : bool
        Run it from the beginning in any case.
    folder, unfinished : Path
        Where evidence is kept, and where the steps of campaigns that have not ended.

    Raises
    ------
    RuntimeError
        When the code under trial was changed meanwhile.
    """
    key = Key.of(what.covers, what.parameters)
    kept = evidence.read(folder, name)
    if not fresh and key.fits(kept):
        return kept
    if fresh:
        shutil.rmtree(unfinished / name, ignore_errors=True)
    progress = Progress(unfinished / name / "steps.json", key)
    figures = what.find(progress, what.parameters)
    if Key.of(what.covers, what.parameters) != key:
        shutil.rmtree(unfinished / name)
        raise RuntimeError(
            f"{name}: files that it covers were changed while it ran; its figures are of no one version"
        )
    written = evidence.write(folder, name, key, progress, figures, what.bars)
    shutil.rmtree(unfinished / name)
    return written


def _show(found: Mapping[str, Any]) -> bool:
    """Print a campaign's bars; return whether all hold."""
    print(f"{found['name']}: {found['started']}, {found['took_s']:g} s", flush=True)
    for bar in found["bars"]:
        bounds = ", ".join(f"{side} {bar[side]:g}" for side in ("most", "least") if side in bar)
        print(f"  {bar['figure']} {bar['value']:g}, at {bounds}: {'holds' if bar['holds'] else 'MISSED'}")
    return all(bar["holds"] for bar in found["bars"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The long campaigns; each writes docs/evidence/NAME.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    parser.add_argument("--fresh", action="store_true", help="run also what is current, from the beginning")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(CAMPAIGNS):
        parser.error(f"no campaign {', '.join(sorted(unknown))}; choose from {', '.join(CAMPAIGNS)}")
    chosen = args.names or list(CAMPAIGNS)
    held = [_show(prove(name, CAMPAIGNS[name], fresh=args.fresh)) for name in chosen]
    for path in quotes.renew():
        print(f"{path} quotes new figures: read it again")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
