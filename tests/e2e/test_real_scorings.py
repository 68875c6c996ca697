"""Published scorings and WFDB records are read as other libraries read them, and become stores."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import wfdb
import xarray as xr

from pipeline.batch.attempt import Converted, Job, attempt
from pipeline.batch.convert import convert_recording
from pipeline.cohort import find_recordings
from pipeline.read.annotations import read_annotations
from pipeline.read.night import open_night
from pipeline.verify.store import verify_store
from schemas.hypnogram import Annotations
from schemas.manifest import CohortManifest
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import EPOCH_S, Stage

pytestmark = pytest.mark.system

# Length of the night in whole epochs is the files' own; the table is R&K, as the cohort documents.
RK = {"W": Stage.W, "1": Stage.N1, "2": Stage.N2, "3": Stage.N3, "4": Stage.N3, "R": Stage.REM}
SLPDB = {1: "N1", 2: "N2", 3: "N3", 4: "N3", "M": "UNSCORED", "MT": "UNSCORED"}
BOAS = {0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "REM", 8: "UNSCORED", -2: "UNSCORED"}


def read(path: Path, **rule: Any) -> Annotations:
    by = AnnotationRule.model_validate({"scheme": "rk"} | rule)
    return read_annotations({"annotations": path}, [by], clock_start_s=None)[0]


def counted(found: Annotations) -> dict[str, int]:
    """Epochs of every stage that was scored."""
    assert found.hypnogram is not None
    return dict(Counter(Stage(code).name for code in found.hypnogram.stage if code >= 0))


def test_sleep_edf_hypnograms(data_root: Path) -> None:
    """Epochs a stage are those that edfio's annotations add up to; five whole nights."""
    paths = sorted(path for path in (data_root / "sleep-edf").glob("*-Hypnogram.edf") if "rec" not in path.name)
    assert len(paths) == 5
    for path in paths:
        expected: Counter[str] = Counter()
        for annotation in edfio.read_edf(path).annotations:
            word = annotation.text.removeprefix("Sleep stage ")
            if word in RK and annotation.duration:
                expected[RK[word].name] += round(annotation.duration / EPOCH_S)
        assert counted(read(path, format="edf_plus")) == dict(expected), path.name


def test_boas_events(data_root: Path) -> None:
    """Both scorers of three nights, epoch by epoch, as the table has them."""
    paths = sorted((data_root / "boas").glob("sub-*/**/*psg_events.tsv"))
    assert len(paths) == 3
    for path in paths:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        for column in ("stage_hum", "stage_ai"):
            table = {"delimiter": "\t", "onset": "onset", "duration": "duration", "stage": column}
            found = read(path, format="table", holds="stages", stages=BOAS, table=table)
            assert found.hypnogram is not None
            n_epoch = round(float(rows[-1]["onset"])) // EPOCH_S + 1
            expected = np.full(n_epoch, -1)
            for row in rows:
                expected[round(float(row["onset"])) // EPOCH_S] = Stage[BOAS[int(row[column])]]
            np.testing.assert_array_equal(found.hypnogram.stage, expected)


@pytest.mark.parametrize("record", ["slp01a", "slp59"])
def test_slpdb_stages_and_events(data_root: Path, record: str) -> None:
    """Stages and words about breathing are those that the wfdb library finds."""
    folder = data_root / "slpdb"
    events = {"H": "hypopnea", "HA": "hypopnea", "OA": "obstructive_apnea", "X": "obstructive_apnea"}
    events |= {"CA": "central_apnea", "CAA": "central_apnea", "L": "limb_movement", "LA": "limb_movement"}
    found = read(folder / f"{record}.st", format="wfdb", stages=SLPDB, events=events)
    library = wfdb.rdann(str(folder / record), "st")
    notes = [note.rstrip("\0").split() for note in library.aux_note]
    expected = Counter(RK[note[0]].name for note in notes if note[0] in RK)
    assert counted(found) == dict(expected)
    words = Counter(word for note in notes for word in note[1:] if word in events)
    assert found.events.n_event == words.total()
    assert found.hypnogram is not None
    assert found.hypnogram.start_s == library.sample[0] / library.fs


def test_mit_bih_records(data_root: Path) -> None:
    """Every sample of sixteen records in format 212, in millivolts."""
    paths = sorted((data_root / "mitdb").glob("*.hea"))
    assert len(paths) == 16
    for path in paths:
        library = wfdb.rdrecord(str(path.with_suffix("")))
        with open_night([path]) as night:
            assert [info.label for info in night.infos] == library.sig_name
            for index in range(len(night.infos)):
                signal = night.signal(index)
                (segment,) = signal.segments
                assert segment.start_s == 0
                np.testing.assert_allclose(signal.physical(), library.p_signal[:, index], atol=1e-9)


def test_mit_bih_becomes_a_store(data_root: Path, tmp_path: Path) -> None:
    """Half an hour of ECG through the whole of a conversion, hashed with the file that the header names."""
    manifest = CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "mitdb",
            "title": "MIT-BIH Arrhythmia Database",
            "terms": {"agreement": "ODC-By", "redistribution": True, "commercial": True}
            | {"citation": "Moody GB, Mark RG, 2001", "release": "1.0.0"},
            "layout": {"signals": "mitdb/{subject}.hea", "companions": "mitdb/{subject}.dat"},
            "montage": [{"channel": "ecg", "labels": ["MLII"]}],
        }
    )
    source = next(s for s in find_recordings(manifest, data_root) if s.key.name == "100")
    store = tmp_path / "100.zarr"
    answer = attempt(Job(source, "recipe", store, store, False, None), convert_recording, manifest)
    assert isinstance(answer, Converted)
    assert verify_store(store).problems == ()
    ds = xr.open_zarr(store, chunks=None)
    assert [row["name"] for row in ds.attrs["sources"]] == ["mitdb/100.hea", "mitdb/100.dat"]
    assert ds.sizes["epoch"] == 60
    library = wfdb.rdann(str(data_root / "mitdb" / "100"), "atr")
    within = np.array(library.sample) < ds.sizes["epoch"] * EPOCH_S * library.fs
    expected = np.isin(np.array(library.symbol)[within], list("NLRAV")).sum()
    assert abs(ds.sizes["beat"] - expected) <= 3
