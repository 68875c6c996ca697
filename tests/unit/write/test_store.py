"""Writing and publishing recording stores, judged by plain xarray and the file system."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.verify.store import verify_store
from pipeline.write.digest import stat_digest
from pipeline.write.publish import publish, temporary_name
from pipeline.write.store import write_store
from schemas.errors import OutputBusy, SpecViolation, StorageError
from schemas.kinds import KINDS

MakeNight = Callable[..., xr.Dataset]
SLOW = ("thor", "spo2", "position")
STEP = {"eeg_c4_m1": 2**-5, "spo2": 2**-7}


@pytest.mark.parametrize(
    ("n_epoch", "channels"), [(1, None), (3, None), (59, SLOW), (60, SLOW), (61, SLOW), (961, SLOW)]
)
def test_round_trip_is_the_identity(
    make_night: MakeNight, tmp_path: Path, n_epoch: int, channels: tuple[str, ...] | None
) -> None:
    """What plain xarray opens is what was written, within half a step, for any number of epochs."""
    night = make_night(n_epoch, **({} if channels is None else {"channels": channels}))
    write_store(night, tmp_path / "n.zarr")
    opened = xr.open_zarr(tmp_path / "n.zarr")
    for name in set(night.variables) - {"thor", "pleth", "channel"}:
        np.testing.assert_allclose(opened[name].values, night[name].values, rtol=0, atol=STEP.get(name, 0) / 2)
    assert list(night.channel.values) == list(opened.channel.values)
    factor = opened.thor.attrs["night_factor"]
    np.testing.assert_allclose(opened.thor * factor, night.thor, rtol=1e-6, atol=factor * 2**-11)


def test_plain_xarray_sees_the_promised_types(store: Path) -> None:
    """Signals decode to float64, stages and codes stay int8, seconds stay float64."""
    opened = xr.open_zarr(store)
    types = {name: str(opened[name].dtype) for name in opened.variables if name != "channel"}
    assert types == {
        "eeg_c4_m1": "float64",
        "pleth": "float64",
        "thor": "float64",
        "spo2": "float64",
        "position": "int8",
        "stage": "int8",
        "stage_source": "int8",
        "in_bed": "int8",
        "epoch_start_s": "float64",
        "usable_fraction": "float32",
        "quality": "uint16",
        "event_onset_s": "float64",
        "event_duration_s": "float64",
        "event_type": "int16",
        "event_channel": "int16",
        "event_term": "int16",
        "nn_valid": "int8",
        "beat_time_s": "float64",
        "beat_type": "int8",
        "beat_valid": "int8",
        "breath_time_s": "float64",
        "breath_valid": "int8",
        "breath_obstructed": "int8",
        "resp_phase_deg": "float32",
        "desaturation_rule_percent": "int8",
        "desaturation_onset_s": "float64",
        "desaturation_nadir_s": "float64",
        "desaturation_end_s": "float64",
        "desaturation_baseline_percent": "float32",
        "desaturation_nadir_percent": "float32",
    }
    assert {"channel", "epoch_start_s"} == set(opened.coords)


def test_scales_are_those_of_the_specification() -> None:
    """The packing scales of version 1 never change: every store ever written depends on them."""
    exponents = {
        **dict.fromkeys(("eeg", "eog", "emg", "leg_emg", "emg_envelope"), -5),
        **dict.fromkeys(("airflow_wave", "nasal_pressure_wave", "snore", "pleth", "airflow", "belt", "resp"), -10),
        "nasal_pressure": -10,
        "ecg": -12,
        "spo2": -7,
        "pap_pressure": -8,
        "pulse_rate": -6,
        "temperature": -9,
        "ibi": -13,
        "bbi": -11,
        **dict.fromkeys(("position", "light", "status"), 0),
    }
    assert {kind.value: spec.scale for kind, spec in KINDS.items()} == {k: 2.0**e for k, e in exponents.items()}


def test_missing_samples_stay_missing(make_night: MakeNight, tmp_path: Path) -> None:
    """NaN comes back as NaN at the same samples; a night of nothing but NaN too, with every chunk written."""
    night = make_night(61)
    night["eeg_c4_m1"][2, 5:900] = np.nan
    night["spo2"][:] = np.nan
    night["usable_fraction"][:, 3] = 0
    write_store(night, tmp_path / "n.zarr")
    opened = xr.open_zarr(tmp_path / "n.zarr")
    for name in ("eeg_c4_m1", "spo2"):
        np.testing.assert_array_equal(np.isnan(night[name]), np.isnan(opened[name]))
    assert verify_store(tmp_path / "n.zarr").problems == ()


def test_saturation_is_counted_flagged_and_found(make_night: MakeNight, tmp_path: Path) -> None:
    """Samples beyond the range stop at its end; attribute, quality bit and finding say so."""
    night = make_night(3)
    night["eeg_c4_m1"][1, :4] = [5000.0, -5000.0, 1023.96875, -1023.96875]
    summary = write_store(night, tmp_path / "n.zarr")
    opened = xr.open_zarr(tmp_path / "n.zarr")
    assert opened.eeg_c4_m1[1, :4].values.tolist() == [1023.96875, -1023.96875] * 2
    assert opened.eeg_c4_m1.attrs["n_saturated"] == 2
    assert opened.quality.values.T[:2].tolist() == [[0, 64, 0], [0, 0, 0]]
    assert [(f.code, f.channel, f.epochs) for f in summary.findings] == [("PSG-S002", "eeg_c4_m1", ((1, 2),))]
    assert [row["code"] for row in opened.attrs["findings"]] == ["PSG-S002"]
    assert night.quality.values.sum() == 0
    assert verify_store(tmp_path / "n.zarr").problems == ()


def test_an_arbitrary_unit_counts_in_the_nights_factor(make_night: MakeNight, tmp_path: Path) -> None:
    """A belt of any gain is stored about as large as any other, and its source unit can be had back."""
    night = make_night(3)
    write_store(night, tmp_path / "a.zarr")
    write_store(night.assign(thor=night.thor.copy(data=night.thor.values * 1000)), tmp_path / "b.zarr")
    a, b = (xr.open_zarr(tmp_path / name).thor for name in ("a.zarr", "b.zarr"))
    assert "1" == a.attrs["units"] == b.attrs["units"]
    assert pytest.approx(1000) == b.attrs["night_factor"] / a.attrs["night_factor"]
    np.testing.assert_allclose(a.values, b.values, atol=2**-10)


@pytest.mark.parametrize("n_event", [0, 1, 7])
def test_any_number_of_events(make_night: MakeNight, tmp_path: Path, n_event: int) -> None:
    """A night without events opens and verifies like any other."""
    write_store(make_night(2, n_event), tmp_path / "n.zarr")
    opened = xr.open_zarr(tmp_path / "n.zarr")
    assert [7.25 + 10 * k for k in range(n_event)] == opened.event_onset_s.values.tolist()
    assert verify_store(tmp_path / "n.zarr").problems == ()


def test_at_most_two_files_an_array(store: Path) -> None:
    """Every array is one document and one shard or chunk."""
    for folder in (entry for entry in store.iterdir() if entry.is_dir()):
        assert len([file for file in folder.rglob("*") if file.is_file()]) <= 2


def test_one_night_gives_one_sequence_of_bytes(make_night: MakeNight, tmp_path: Path) -> None:
    """Writing twice gives equal digests, so that a store can be compared with another."""
    digests = {write_store(make_night(), tmp_path / name).root_digest for name in ("a", "b")}
    assert len(digests) == 1


def test_root_document_is_written_last(store: Path) -> None:
    """Whatever the root document promises was there before it."""
    root = (store / "zarr.json").stat().st_mtime_ns
    assert all(file.stat().st_mtime_ns <= root for file in store.rglob("*") if file.is_file())


def test_summary_describes_the_folder(make_night: MakeNight, tmp_path: Path) -> None:
    """Counts and digests are those of the files on disk."""
    summary = write_store(make_night(3), tmp_path / "n.zarr")
    files = [file for file in (tmp_path / "n.zarr").rglob("*") if file.is_file()]
    assert (len(files), sum(file.stat().st_size for file in files), 3) == (
        summary.n_file,
        summary.n_byte,
        summary.n_epoch,
    )
    assert verify_store(tmp_path / "n.zarr", expected_root_digest=summary.root_digest).problems == ()


def test_stat_digest_notices_what_changed(store: Path) -> None:
    """It survives reading and changes with a new time, a new size, a new file and a lost file."""
    before = stat_digest(store)
    xr.open_zarr(store).load()
    assert before == stat_digest(store)
    seen = {before}
    for change in (
        lambda: (store / "stage" / "c" / "0").touch(),
        lambda: (store / "stage" / "c" / "0").write_bytes(b"longer than it was"),
        lambda: (store / "new").touch(),
        lambda: (store / "spo2" / "zarr.json").unlink(),
    ):
        time.sleep(0.01)  # coarse clocks of file systems
        change()
        seen.add(stat_digest(store))
    assert len(seen) == 5


def test_a_taken_name_is_refused(make_night: MakeNight, store: Path) -> None:
    """An existing folder is never written into."""
    before = stat_digest(store)
    with pytest.raises(OutputBusy, match="exists already"):
        write_store(make_night(), store)
    assert before == stat_digest(store)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ds: ds.drop_vars("stage"),
        lambda ds: ds.drop_vars("thor"),
        lambda ds: ds.assign(humidity=ds.stage),
        lambda ds: ds.isel(epoch=slice(0, 0)),
        lambda ds: ds.isel(slow_sample=slice(0, 100)),
        lambda ds: ds.transpose("fast_sample", ...),
        lambda ds: ds.assign_attrs(age_years=float("nan")),
        lambda ds: ds.assign_attrs(age_years=object()),
    ],
)
def test_what_is_no_recording_is_refused(
    make_night: MakeNight, tmp_path: Path, spoil: Callable[[xr.Dataset], xr.Dataset]
) -> None:
    """A dataset that the specification does not describe is not written as if it were."""
    with pytest.raises(SpecViolation):
        write_store(spoil(make_night()), tmp_path / "n.zarr")


def test_a_refusing_disk_is_a_storage_error(make_night: MakeNight, tmp_path: Path) -> None:
    """What may succeed later is of the one family that is retried, and no absolute path is in its text."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as raised:
        write_store(make_night(), tmp_path / "file" / "n.zarr")
    assert str(tmp_path) not in str(raised.value)


def test_temporary_names_are_new_and_marked(tmp_path: Path) -> None:
    """They lie beside the final name, contain .part and never repeat."""
    names = {temporary_name(tmp_path / "n.zarr") for _ in range(100)}
    assert len(names) == 100
    assert {tmp_path} == {name.parent for name in names}
    assert all(name.name.startswith("n.zarr.part") for name in names)


def test_publish_gives_the_name_and_keeps_the_files(make_night: MakeNight, tmp_path: Path) -> None:
    """The published store is the written one, modification times included, and nothing else is left."""
    final = tmp_path / "n.zarr"
    temporary = temporary_name(final)
    summary = write_store(make_night(), temporary)
    publish(temporary, final)
    assert [final] == list(tmp_path.iterdir())
    assert summary.stat_digest == stat_digest(final)


def test_publish_replaces_an_older_store(make_night: MakeNight, tmp_path: Path) -> None:
    """The new store takes the old one's place whole; the old one is gone."""
    final = tmp_path / "n.zarr"
    for n_epoch in (3, 2):
        temporary = temporary_name(final)
        write_store(make_night(n_epoch), temporary)
        publish(temporary, final)
    assert xr.open_zarr(final).sizes["epoch"] == 2
    assert verify_store(final).problems == ()
    assert [final] == list(tmp_path.iterdir())


KILLED = """
import os, sys
from pathlib import Path
from pipeline.write.publish import make_durable, publish

def die_before(step):
    def hook(event, args):
        nonlocal step
        if event in ("os.rename", "os.rmdir", "os.remove", "open"):
            step -= 1
            if step < 0:
                os._exit(9)
    sys.addaudithook(hook)

for trial in sorted(Path(sys.argv[1]).iterdir(), key=lambda folder: int(folder.name)):
    temporary, final = trial / "n.zarr.part-new", trial / "n.zarr"
    child = os.fork()
    if child == 0:
        die_before(int(trial.name))
        make_durable(temporary)
        publish(temporary, final)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_kill_while_publishing_leaves_a_whole_store_or_none(make_night: MakeNight, tmp_path: Path) -> None:
    """Stopped before any of its steps, replacing leaves the old store, the new one, or .part names alone."""
    write_store(make_night(3, channels=("spo2",)), tmp_path / "old")
    write_store(make_night(2, channels=("spo2",)), tmp_path / "new")
    n_sync = len([tmp_path / "new", *(tmp_path / "new").rglob("*")])
    trials = tmp_path / "trials"
    for step in [0, n_sync - 1, *range(n_sync, n_sync + 5), n_sync + 40, 1000]:
        shutil.copytree(tmp_path / "old", trials / str(step) / "n.zarr")
        shutil.copytree(tmp_path / "new", trials / str(step) / "n.zarr.part-new")
    done = subprocess.run([sys.executable, "-c", KILLED, trials], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["9"] * 8 + ["0"]
    survivors = []
    for trial in sorted(trials.iterdir(), key=lambda folder: int(folder.name)):
        final = trial / "n.zarr"
        assert all(".part" in entry.name for entry in trial.iterdir() if entry != final)
        survivors.append(xr.open_zarr(final).sizes["epoch"] if final.exists() else None)
        assert not final.exists() or verify_store(final).is_good
    assert survivors == [3, 3, 3, None, 2, 2, 2, 2, 2]


def test_a_store_cut_short_does_not_open(make_night: MakeNight, tmp_path: Path) -> None:
    """Until the root document is there, no reader takes the folder for a store."""
    write_store(make_night(), tmp_path / "n.zarr")
    (tmp_path / "n.zarr" / "zarr.json").unlink()
    with pytest.raises(FileNotFoundError):
        xr.open_zarr(tmp_path / "n.zarr")


def test_attributes_come_back_as_they_were(make_night: MakeNight, store: Path) -> None:
    """Nested attributes, None and numbers survive; the writer adds its own."""
    root = json.loads((store / "zarr.json").read_text())["attributes"]
    night = make_night()
    assert night.attrs == {key: root[key] for key in night.attrs}
    assert {"Conventions", "title", "spec", "spec_version", "files", "self_digest"} == set(root) - set(night.attrs)
