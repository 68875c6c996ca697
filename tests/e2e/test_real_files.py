"""Every real EDF and BDF at hand becomes a store that verifies, or fails with an error that names file and reason.

No two of these files agree in their labels, so each gets a manifest of its own, made from its header: signals in
volts become EEG, percentages saturation, all others uncalibrated belts and the like.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import yaml

from pipeline.batch.attempt import Converted, Failed, Job, attempt
from pipeline.batch.convert import convert_recording
from pipeline.cohort import find_recordings
from pipeline.draft import draft_manifest
from pipeline.read.edf_header import read_header
from pipeline.verify.store import verify_store
from schemas.errors import PsgError
from schemas.manifest import CohortManifest
from schemas.units import Unit, parse_unit

EEG = [f"eeg_{site}" for site in ("f3", "f4", "c3", "c4", "o1", "o2", "p3", "p4", "t3", "t4", "fz", "cz", "pz")]
OTHERS = ["thor", "abdo", "effort_sum", "airflow", "airflow_2", "nasal_pressure", "snore", "pleth", "resp"]
UNCALIBRATED = {"unit": "1", "source": "this test"}
SUFFIXES = (".edf", ".bdf")
# Name: the reason of its failure. What is not listed must convert.
FAILING = {
    "invalid-date.edf": "edf_truncated",  # published without a data record
    "zero-data-records.edf": "edf_truncated",
    "simulated-01.edf": "recording_too_short",
}
HYPNOGRAMS = "no_usable_channel"  # files with annotations alone


def edfs(*roots: Path) -> list[Path]:
    return sorted(path for root in roots for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)


def rules(path: Path) -> list[dict[str, Any]]:
    """One rule a signal, as long as there are canonical channels left for its unit."""
    free = {"eeg": iter(EEG), "spo2": iter(["spo2"]), "other": iter(OTHERS)}
    found, seen = [], list[str]()
    for info in read_header(path).infos:
        seen.append(info.label)
        channel = next(free[group_of(info.unit_text)], None)
        if channel is not None and info.label:
            choice = {"label": info.label, "nth": seen.count(info.label)}
            found.append({"channel": channel, "labels": [choice], **unit_of(channel, info.unit_text)})
    return found


def group_of(unit_text: str) -> str:
    try:
        unit = parse_unit(unit_text)
    except PsgError:
        return "other"
    return {Unit.MICROVOLT: "eeg", Unit.MILLIVOLT: "eeg", Unit.VOLT: "eeg", Unit.PERCENT: "spo2"}.get(unit, "other")


def unit_of(channel: str, unit_text: str) -> dict[str, Any]:
    """What the manifest must add where the header's unit does not say enough."""
    if channel not in OTHERS:
        return {}
    return {"unit_when_blank": UNCALIBRATED, "unit_override": {"when": unit_text, **UNCALIBRATED}}


def manifest_of(path: Path) -> CohortManifest:
    try:
        montage = rules(path)
    except PsgError:
        montage = []
    anything = [{"channel": "eeg_c4_m1", "labels": ["no such label"]}]
    return CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "real",
            "title": "Real files",
            "terms": {"agreement": "see README", "redistribution": False, "commercial": False}
            | {"citation": "see README", "release": "1"},
            "layout": {"signals": "{subject}" + path.suffix},
            "montage": montage or anything,
        }
    )


@dataclass(frozen=True)
class Ended:
    """How one file's conversion ended."""

    path: Path
    answer: Converted | Failed
    store: Path


def converted(path: Path, tmp: Path) -> Ended:
    root = tmp / "root"
    root.mkdir()
    (root / path.name).symlink_to(path.absolute())
    manifest = manifest_of(path)
    (source,) = find_recordings(manifest, root)
    store = tmp / "store.zarr"
    answer = attempt(Job(source, "recipe", store, store, False, None), convert_recording, manifest)
    return Ended(path, answer, store)


def faults(ended: Ended) -> Iterator[str]:
    """What is wrong with how a file ended."""
    name = ended.path.name
    if isinstance(ended.answer, Failed):
        expected = FAILING.get(name, HYPNOGRAMS if "Hypnogram" in name else "none")
        if ended.answer.reason != expected:
            yield f"{name} failed with {ended.answer.reason}, expected {expected}: {ended.answer.detail}"
        if Path(name).stem not in ended.answer.detail:
            yield f"{name} is not named in {ended.answer.detail!r}"
        return
    if name in FAILING or "Hypnogram" in name:
        yield f"{name} was expected to fail"
    yield from (f"{name}: {problem}" for problem in verify_store(ended.store).problems)
    ds = xr.open_zarr(ended.store, chunks=None)
    if not all(float(ds["usable_fraction"].sel(channel=c).max()) > 0 for c in ds["channel"].values):
        yield f"{name} has a channel without a sample"


def test_every_file_of_the_project_converts(data: Path, tmp_path: Path) -> None:
    """The small files of the tests all end as they should."""
    check(edfs(data), tmp_path)


@pytest.mark.system
def test_every_file_of_the_data_root_converts_or_says_why(data_root: Path, tmp_path: Path) -> None:
    """Files of six other projects, hypnograms and broken headers among them."""
    check(edfs(data_root), tmp_path)


def check(paths: list[Path], tmp: Path) -> None:
    assert paths
    told = []
    for number, path in enumerate(paths):
        folder = tmp / str(number)
        folder.mkdir()
        told += faults(converted(path, folder))
        shutil.rmtree(folder)
    assert told == []


def test_a_drafted_manifest_needs_only_what_no_header_says(data: Path, tmp_path: Path) -> None:
    """A draft converts as it is; what it proposes for a blank unit waits for a person, and is needed."""
    root = tmp_path / "root"
    shutil.copytree(data / "sleep-edf", root, ignore=shutil.ignore_patterns("*.tsv", "*Hypnogram*"))
    draft = yaml.safe_load(draft_manifest("unknown", root))
    assert isinstance(drafted(draft, root, tmp_path / "first.zarr"), Converted)
    assert verify_store(tmp_path / "first.zarr").problems == ()
    (airflow,) = [rule for rule in draft["montage"] if rule["channel"] == "airflow"]
    assert airflow.pop("unit_when_blank") == {"unit": "1", "source": "REVIEW no unit in 1 file"}
    second = drafted(draft, root, tmp_path / "second.zarr")
    assert isinstance(second, Failed)
    assert (second.reason, "'Resp oro-nasal'" in second.detail) == ("unit_missing", True)


def drafted(draft: dict[str, Any], root: Path, store: Path) -> Converted | Failed:
    manifest = CohortManifest.model_validate(draft)
    (source,) = find_recordings(manifest, root)
    return attempt(Job(source, "recipe", store, store, False, None), convert_recording, manifest)
