"""Whether checks see what they should and nothing else: ``python -m benchmarks.checks`` prints JSON.

Nights of which no sensor fails are converted as they are, and again with the faults of
`pipeline.synth.faults_sensors` planted, several at once where they concern different sensors and checks. A check
has missed where the code of its fault is not among the findings; it gives a false alarm where its code is among
those of the night as it was. The cost is the CPU time of the checks over that of the rest of a conversion, both in
one process with one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import xarray as xr

from benchmarks.measure import with_one_thread
from pipeline.files.discover import Source, discover
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.synth import synthesise
from pipeline.synth.cohort import complete_recording
from pipeline.synth.faults_sensors import SENSOR_FAULTS, plant
from pipeline.synth.night_files import NightFiles
from pipeline.synth.noise import stream
from pipeline.write.store import write_store
from schemas.checks import CHECKS
from schemas.manifest import CohortManifest

RECIPE = "synthetic"
GROUPS = (  # faults that are planted together
    ("ecg_inverted", "belt_inverted", "emg_envelope", "spo2_low", "mislabelled"),
    ("beat_coverage", "flow_differs", "spo2_stuck", "duplicated", "sleep_wake"),
    ("pulse_differs", "breath_coverage", "mains", "one_stage"),
    ("clock_drift", "hypnogram_shifted", "unit_factor"),
    ("wrong_range", "flat", "events_in_wake"),
    ("range_end", "dropped_out"),
)
MITDB = {
    "manifest_version": 1,
    "cohort": "mitdb",
    "title": "MIT-BIH Arrhythmia Database",
    "terms": {
        "agreement": "ODC-By",
        "redistribution": True,
        "commercial": True,
        "citation": "Moody & Mark 2001",
        "release": "1.0.0",
    },
    "layout": {"signals": "{subject}.hea", "companions": "{subject}.dat"},
    "montage": [
        {"channel": "ecg", "labels": "MLII"},
        {"channel": "ecg_2", "labels": ["V1", "V2", "V5"]},
    ],
}
WHOLLY_FLAT = "PSG-S010"  # one value all night; a part of it has the check's own code
CODES = frozenset({WHOLLY_FLAT, *(spec.code for spec in CHECKS.values())})


def night(seed: int, hours: float, groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Convert one complete night as it is and with each group of faults.

    Returns
    -------
    dict
        ``alarms``: by check, whether it remarks on the night as it is. ``found``: by fault, whether it was found.
    """
    manifest = load_manifest(RECIPE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = complete_recording(folder, recipe=RECIPE, hours=hours, seed=seed)
        (source,) = discover(manifest, folder)
        clean = _codes(harmonise(source, manifest))
        edf, xml = files.edf.read_bytes(), files.xml.read_bytes()
        found: dict[str, bool] = {}
        for group in groups:
            files.edf.write_bytes(edf)
            files.xml.write_bytes(xml)
            rng = stream(seed, "faults of sensors", *group)
            plant(group, NightFiles(files.edf, files.xml, files.sensors, rng))
            codes = _codes(harmonise(source, manifest))
            found |= {fault: SENSOR_FAULTS[fault].finding in codes for fault in group}
    alarms = {check: spec.code in clean for check, spec in CHECKS.items()}
    return {"alarms": {**alarms, "flat": bool(clean & {CHECKS["flat"].code, WHOLLY_FLAT})}, "found": found}


def _codes(ds: xr.Dataset) -> set[str]:
    return {row["code"] for row in ds.attrs["findings"]}


def real(mitdb: Path) -> dict[str, dict[str, int]]:
    """Return how many findings of each code real recordings have: an excerpt of Sleep-EDF, and ECGs of MIT-BIH.

    Parameters
    ----------
    mitdb : Path
        Records of the MIT-BIH Arrhythmia Database, half an hour each.
    """
    from flows.commands.demo import lay_out_sleep_edf

    with tempfile.TemporaryDirectory() as name:
        lay_out_sleep_edf(Path(name))
        sleep_edf = _counted(load_manifest("sleep_edf"), Path(name))
    return {"sleep_edf": sleep_edf, "mitdb": _counted(CohortManifest.model_validate(MITDB), mitdb)}


def _counted(manifest: CohortManifest, root: Path) -> dict[str, int]:
    """Return how many recordings have a finding of each code; ``n`` counts all of them."""
    nights = [_codes(harmonise(source, manifest)) & CODES for source in discover(manifest, root)]
    counted = Counter(code for codes in nights for code in codes)
    return {"n": len(nights), **dict(sorted(counted.items()))}


def cost(hours: float, runs: int) -> dict[str, dict[str, float]]:
    """Return CPU seconds of the checks and of the rest of a conversion, medians over runs, by cohort."""
    return {cohort: _cost(cohort, hours, runs) for cohort in ("shhs", "mesa", "synthetic")}


def _cost(cohort: str, hours: float, runs: int) -> dict[str, float]:
    manifest = load_manifest(cohort)
    with tempfile.TemporaryDirectory() as name:
        synthesise(Path(name), recipe=cohort, nights=1, hours=hours, seed=1)
        (source,) = discover(manifest, Path(name))
        pairs = [_convert(source, manifest, Path(name) / f"{run}.zarr") for run in range(runs + 1)][1:]
    checks_s, rest_s = (median(pair[which] for pair in pairs) for which in (0, 1))
    return {"checks_s": checks_s, "rest_s": rest_s, "added": median(pair[0] / pair[1] for pair in pairs)}


def _convert(source: Source, manifest: CohortManifest, path: Path) -> tuple[float, float]:
    with _timed_checks() as spent_s:
        begun_s = time.process_time()
        write_store(harmonise(source, manifest), path)
        whole_s = time.process_time() - begun_s
    return sum(spent_s), whole_s - sum(spent_s)


@contextmanager
def _timed_checks() -> Iterator[list[float]]:
    """Let the conversion note the CPU seconds of its checks."""
    import pipeline.harmonise as recipe

    plain, spent_s = recipe.check_night, list[float]()

    def timed(*arguments: Any) -> Any:
        begun_s = time.process_time()
        checked = plain(*arguments)
        spent_s.append(time.process_time() - begun_s)
        return checked

    recipe.check_night = timed
    try:
        yield spent_s
    finally:
        recipe.check_night = plain


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Checks of quality: what they find, and what they cost, as JSON.")
    parser.add_argument("--cost", action="store_true", help="CPU of the checks over that of the rest")
    parser.add_argument("--real", type=Path, metavar="MITDB", help="findings of real recordings")
    parser.add_argument("--first", type=int, default=0, help="seed of the first night")
    parser.add_argument("--count", type=int, default=2, help="nights")
    parser.add_argument("--faults", action="store_true", help="plant the faults, too")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(arguments)
    if args.cost:
        found: Any = cost(args.hours, args.runs)
    elif args.real:
        found = real(args.real)
    else:
        seeds = range(args.first, args.first + args.count)
        found = [night(seed, args.hours, GROUPS if args.faults else ()) for seed in seeds]
    print(json.dumps(found))


if __name__ == "__main__":
    with_one_thread("benchmarks.checks")
    main()
