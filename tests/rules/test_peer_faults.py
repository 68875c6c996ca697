"""Twelve ways in which conversions of sleep recordings were seen to go wrong, each through our whole path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import xarray as xr
from scipy import signal as sps

from pipeline.api import open_recording
from pipeline.batch.attempt import Failed, Job, attempt
from pipeline.batch.convert import convert_recording
from pipeline.batch.plan import plan
from pipeline.batch.recipe import fingerprint_of
from pipeline.batch.run import RunReport, run
from pipeline.cohort import find_recordings
from pipeline.files.discover import Source
from pipeline.files.hashing import hash_file
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.synth import synthesise
from pipeline.synth.edf_patch import EdfPatch
from pipeline.verify.store import verify_store
from pipeline.write.ledger import Row, read_ledger
from schemas.manifest import CohortManifest
from schemas.vocabulary import Outcome

MANIFEST = load_manifest("synthetic")
COHORT_SEED = 3
EDFS = "polysomnography/edfs/visit1"
XMLS = "polysomnography/annotations-events-nsrr/visit1"
N_SECOND = 240  # of the recordings that are made here
CODES = (0, 1, 2, 3, 4)  # every position code of the source
LEVELS = ((97.0, 60), (0.0, 60), (94.0, 60), (91.5, 60))  # saturation in per cent, seconds
ECG_MV, TONE_MV, ALIASING_HZ, TONE_HZ = 4.5, 0.4, 70.4, 10.0  # 1.1 times half of 128 Hz, and one to keep


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound night with every sensor, a truncated one, and one whose XML is laid out in another way."""
    root = tmp_path_factory.mktemp("cohort")
    faults = ("missing_subject_row", "truncated", "other_xml_layout")
    synthesise(root, recipe="synthetic", nights=0, hours=0.1, seed=COHORT_SEED, faults=faults)
    return root


def recording(root: Path, number: int) -> Source:
    return next(s for s in find_recordings(MANIFEST, root) if s.key.subject == f"{number:04d}")


@pytest.fixture(scope="module")
def sound(cohort: Path) -> xr.Dataset:
    return harmonise(recording(cohort, 1), MANIFEST)


def copy_of_sound(cohort: Path, root: Path) -> Path:
    """Copy the sound night to a root of its own; return its EDF."""
    for source in recording(cohort, 1).paths:
        path = root / source.relative_to(cohort)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    return root / EDFS / "synthetic-visit1-0001.edf"


# --- files made here, by a writer that is not ours ----------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one unscored recording whose content is known exactly."""
    root = tmp_path_factory.mktemp("made")
    time_s = np.arange(N_SECOND * 256) / 256
    ecg = ECG_MV * np.sin(2 * np.pi * ALIASING_HZ * time_s) + TONE_MV * np.sin(2 * np.pi * TONE_HZ * time_s)
    noise = np.random.default_rng(1).normal(0, 40, N_SECOND * 50)
    spo2 = np.repeat([level for level, _ in LEVELS], [seconds for _, seconds in LEVELS])
    position = np.repeat(CODES, N_SECOND // len(CODES)).astype(float)
    signals = [
        edfio.EdfSignal(ecg, 256, label="ECG", physical_dimension="mV", physical_range=(-5, 5)),
        edfio.EdfSignal(noise, 50, label="EOG L", physical_dimension="uV", physical_range=(-500, 500)),
        edfio.EdfSignal(
            spo2, 1, label="SpO2", physical_dimension="%", physical_range=(0, 100), digital_range=(0, 1000)
        ),
        edfio.EdfSignal(position, 1, label="Position", physical_range=(0, 4), digital_range=(0, 4)),
    ]
    (root / EDFS).mkdir(parents=True)
    edfio.Edf(signals, data_record_duration=1).write(root / EDFS / "synthetic-visit1-0001.edf")
    return root


@pytest.fixture(scope="module")
def known(made: Path) -> xr.Dataset:
    return harmonise(recording(made, 1), MANIFEST)


# --- a run --------------------------------------------------------------------------------------------------


def convert(root: Path, out: Path, **choices: Any) -> RunReport:
    todo = plan(find_recordings(MANIFEST, root), out, MANIFEST, read_ledger(out), **choices)
    return run(todo, convert_recording)


def rows(out: Path) -> dict[str, Row]:
    return {key: row for (_, key), row in read_ledger(out).rows.items()}


@pytest.fixture(scope="module")
def converted(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    out = tmp_path_factory.mktemp("run") / "out"
    return out, convert(cohort, out)


@pytest.fixture
def damaged(converted: tuple[Path, RunReport], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the output with its times, to be damaged; and the shard of one channel in it."""
    out = tmp_path / "out"
    shutil.copytree(converted[0], out)
    return out, out / "synthetic" / "synthetic-visit1-0001.zarr" / "ecg" / "c" / "0" / "0"


# --- the twelve ---------------------------------------------------------------------------------------------


def test_fault_01_channels_inverted_and_in_counts(cohort: Path, tmp_path: Path) -> None:
    """Sign and size of every wave are the header's, also where physical minimum and maximum change places."""
    edf = EdfPatch(copy_of_sound(cohort, tmp_path))
    turned = [edf.get("label", i) for i in range(edf.n_signal)].index("ECG")
    edf.set("physical_min", "5", turned)
    edf.set("physical_max", "-5", turned)
    edf.save()
    ds = harmonise(recording(tmp_path, 1), MANIFEST)
    reader = {s.label: s for s in edfio.read_edf(edf.path).signals}
    slopes = {name: slope(ds, str(name), reader) for name in ds["channel"].values if is_wave(ds[name])}
    assert len(slopes) >= 14
    assert {name: pytest.approx(1.0, abs=0.02) for name in slopes} == slopes
    assert (reader["ECG"].physical_min, reader["ECG"].physical_max) == (5, -5)


def is_wave(channel: xr.DataArray) -> bool:
    return channel.attrs["band_high_hz"] is not None


def slope(ds: xr.Dataset, name: str, reader: dict[str, edfio.EdfSignal]) -> float:
    """How many times the source's physical value ours is, inside the band that both hold."""
    channel, source = ds[name], reader[ds[name].attrs["source_label"]]
    rate_hz = channel.shape[1] / 30
    first = round(ds.attrs["grid_offset_s"] * source.sampling_frequency)
    counts = np.asarray(source.digital[first:], float)
    gain = (source.physical_max - source.physical_min) / (source.digital_max - source.digital_min)
    theirs = sps.resample_poly(gain * counts, int(rate_hz), int(source.sampling_frequency), padtype="line")
    low, high = channel.attrs["band_low_hz"], channel.attrs["band_high_hz"]
    band = sps.butter(2, (2 * low, high / 2), "bandpass", fs=rate_hz, output="sos")
    ours = sps.sosfiltfilt(band, channel.values.reshape(-1).astype(float))
    theirs = sps.sosfiltfilt(band, theirs)[: ours.size]
    inner = slice(int(30 * rate_hz), -int(30 * rate_hz))
    assert np.corrcoef(ours[inner], theirs[inner])[0, 1] > 0.99, name
    return float(np.dot(ours[inner], theirs[inner]) / np.dot(theirs[inner], theirs[inner]))


def test_fault_02_names_shift_when_a_channel_is_dropped(cohort: Path, sound: xr.Dataset, tmp_path: Path) -> None:
    """Without its first, unusable signal a night keeps every other one, sample by sample under its name."""
    edf = EdfPatch(copy_of_sound(cohort, tmp_path))
    edf.set("physical_max", edf.get("physical_min", 0), 0)
    edf.save()
    ds = harmonise(recording(tmp_path, 1), MANIFEST)
    others = [name for name in sound["channel"].values if name != "eeg_c4_m1"]
    assert list(sound["channel"].values) == ["eeg_c4_m1", *others]
    assert list(ds["channel"].values) == others
    for name in others:
        np.testing.assert_array_equal(ds[name].values, sound[name].values)
        assert ds[name].attrs["source_label"] == sound[name].attrs["source_label"]
    assert ("PSG-C014", "eeg_c4_m1") in {(f["code"], f.get("channel")) for f in ds.attrs["findings"]}


def test_fault_03_a_truncated_edf_passes_for_a_whole_one(converted: tuple[Path, RunReport]) -> None:
    """A file that ends before its header says fails, and leaves no store."""
    out, _ = converted
    row = rows(out)["synthetic-visit1-0002"]
    assert (row.outcome, row.reason, row.store) == (Outcome.FAILED, "edf_truncated", None)
    assert not (out / "synthetic" / "synthetic-visit1-0002.zarr").exists()


def test_fault_04_a_torn_output_counts_as_done(cohort: Path, damaged: tuple[Path, Path]) -> None:
    """A store that is there but not whole is written again by the next run, and no other is."""
    out, shard = damaged
    shard.write_bytes(shard.read_bytes()[:1000])
    report = convert(cohort, out)
    assert (report.n_converted, report.n_unchanged) == (1, 1)
    assert verify_store(shard.parents[3]).problems == ()


def test_fault_05_a_completion_marker_is_trusted(cohort: Path, damaged: tuple[Path, Path]) -> None:
    """With size and time unchanged, a wrong byte is still found by any reader, by verify and by --deep."""
    out, shard = damaged
    store, times = shard.parents[3], shard.stat()
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Exception, match=r"(?i)checksum|crc"):
        open_recording(store)["ecg"].load()
    problems = verify_store(store).problems
    assert [(p.array, p.file) for p in problems] == [("ecg", "ecg/c/0/0")]
    assert convert(cohort, out, deep=True).n_converted == 1
    assert verify_store(store).problems == ()


def test_fault_06_ecg_decimated_without_a_low_pass(known: xr.Dataset) -> None:
    """A tone beyond half of the new rate is gone by 80 dB, where it would fold to included; a slow one stays."""
    ecg = known["ecg"].values.reshape(-1)[128:-128].astype(float)
    window = sps.windows.blackmanharris(ecg.size)
    height = 2 * np.abs(np.fft.rfft(ecg * window)) / window.sum()
    hz = np.fft.rfftfreq(ecg.size, 1 / 128)
    assert height[np.abs(hz - TONE_HZ) < 0.1].max() == pytest.approx(TONE_MV, rel=0.01)
    assert height[np.abs(hz - TONE_HZ) > 1].max() < 1e-4 * ECG_MV


def test_fault_07_one_bad_file_ends_the_run(converted: tuple[Path, RunReport]) -> None:
    """The others are converted, and the bad one is named with its reason."""
    out, report = converted
    ended = {key: row.outcome.value for key, row in rows(out).items()}
    assert set(ended) == {f"synthetic-visit1-000{n}" for n in (1, 2, 3)}
    assert ended.pop("synthetic-visit1-0002") == "failed"
    assert all(outcome.startswith("converted") for outcome in ended.values())
    assert [(row.key, row.reason) for row in report.failed] == [("synthetic-visit1-0002", "edf_truncated")]
    assert "synthetic-visit1-0002.edf" in (report.failed[0].detail or "")


def test_fault_08_stages_lost_to_a_blank_line(cohort: Path, sound: xr.Dataset, tmp_path: Path) -> None:
    """White space, a comment and the order of tags in the XML change neither a stage nor an event."""
    xml = copy_of_sound(cohort, tmp_path).parents[3] / XMLS / "synthetic-visit1-0001-nsrr.xml"
    text = xml.read_text("utf-8")
    moved = text.replace("<ScoredEvent>\n", "\n\n<ScoredEvent >\n\n\t").replace("</EventType>\n", "</EventType> ")
    xml.write_text(moved.replace("<ScoredEvents>", "<!-- again -->\n\n<ScoredEvents>"), "utf-8")
    ds = harmonise(recording(tmp_path, 1), MANIFEST)
    assert (sound["stage"].values >= 0).all()
    for name in ("stage", "stage_source", "event_onset_s", "event_duration_s", "event_type"):
        np.testing.assert_array_equal(ds[name].values, sound[name].values)
    assert (harmonise(recording(cohort, 3), MANIFEST)["stage"].values >= 0).any()


def test_fault_09_steps_ring_and_codes_become_fractions(known: xr.Dataset) -> None:
    """Saturation takes the source's readings and no other, the drop-out is masked, positions are whole codes."""
    spo2 = known["spo2"].values.reshape(-1)
    readings = {level for level, _ in LEVELS} - {0.0}
    np.testing.assert_allclose(sorted(set(spo2[np.isfinite(spo2)])), sorted(readings), atol=1e-4)
    assert np.isnan(spo2[4 * 60 : 4 * 120]).all()
    assert np.isfinite(spo2[4 * 125 :]).all()
    assert known["position"].dtype == np.int8
    assert set(np.unique(known["position"].values)) <= set(CODES)


def test_fault_10_the_record_does_not_say_what_was_done(known: xr.Dataset, made: Path) -> None:
    """A band is stored as the native rate let it be applied; a changed filter changes the fingerprint."""
    eog = known["eog_l"]
    assert eog.attrs["source_rate_hz"] == 50
    assert 15 < eog.attrs["band_high_hz"] < 25
    assert "PSG-S001" in {f["code"] for f in known.attrs["findings"] if f.get("channel") == "eog_l"}
    hz, power = sps.welch(eog.values.reshape(-1).astype(float), 128, nperseg=1024)
    inside = np.median(power[(hz > 1) & (hz < 0.9 * eog.attrs["band_high_hz"])])
    assert power[hz > 25].max() < 1e-6 * inside
    filtered = with_high_pass("eog_l", 1.0)
    again = harmonise(recording(made, 1), filtered)["eog_l"]
    assert (eog.attrs["band_low_hz"], again.attrs["band_low_hz"]) == (0.3, 1.0)
    assert np.var(again.values) < 0.99 * np.var(eog.values)
    source = recording(made, 1)
    files = [hash_file(path, name) for path, name in zip(source.paths, source.names, strict=True)]
    assert fingerprint_of(source, MANIFEST, files) != fingerprint_of(source, filtered, files)


def with_high_pass(channel: str, hz: float) -> CohortManifest:
    montage = tuple(
        r.model_copy(update={"high_pass_hz": hz, "high_pass_source": "a test"}) if r.channel == channel else r
        for r in MANIFEST.montage
    )
    return MANIFEST.model_copy(update={"montage": montage})


def _raise(error: BaseException) -> Callable[..., Any]:
    def convert(*_: object) -> Any:
        raise error

    return convert


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("x"),
        RecursionError(),
        KeyError("x"),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_fault_11_only_two_kinds_of_exceptions_are_caught(cohort: Path, tmp_path: Path, error: Exception) -> None:
    """Whatever a recording raises becomes its own outcome, with the place and without the text."""
    job = Job(recording(cohort, 1), "recipe", tmp_path / "t.part", tmp_path / "t", False, None)
    answer = attempt(job, _raise(error), MANIFEST)
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.detail.split(":")[0]) == (
        "internal_error",
        f"{type(error).__name__} at test_peer_faults.py",
    )


def test_fault_12_codes_recoded_one_after_the_other(known: xr.Dataset) -> None:
    """All codes are looked up at once: 0 becomes 1 and 1 becomes 2, and none goes further."""
    rule = next(rule for rule in MANIFEST.montage if rule.channel == "position")
    assert set(rule.value_map) & set(rule.value_map.values())
    source = np.repeat(CODES, N_SECOND // len(CODES))
    np.testing.assert_array_equal(known["position"].values.reshape(-1), [rule.value_map[code] for code in source])


def test_every_fault_has_its_test() -> None:
    """The twelve are numbered without a gap."""
    numbers = [name.split("_")[2] for name in globals() if name.startswith("test_fault_")]
    assert numbers == [f"{n:02d}" for n in range(1, 13)]
