"""Every rule of docs/store-spec.md, broken on purpose; damage of every kind, seen by xarray or by verify."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
import xarray as xr
import zarr

from pipeline.verify.store import Problem, verify_store
from pipeline.write.documents import self_digest
from pipeline.write.store import write_store

MakeNight = Callable[..., xr.Dataset]
Document = dict[str, Any]
SIGNAL = "eeg_c4_m1/c/0/0"


def seal(store: Path) -> None:
    """Make digests and consolidated metadata fit the files again, as a faulty writer would have left them."""
    root = json.loads((store / "zarr.json").read_text())
    files = [file for file in sorted(store.rglob("*")) if file.is_file() and file != store / "zarr.json"]
    root["attributes"]["files"] = {
        file.relative_to(store).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
    root["consolidated_metadata"]["metadata"] = {
        file.parent.name: json.loads(file.read_text()) for file in files if file.name == "zarr.json"
    }
    (store / "zarr.json").write_text(json.dumps(signed(root)))


def signed(root: Document) -> Document:
    """Give a root document the digest that fits its attributes."""
    root["attributes"]["self_digest"] = self_digest(root["attributes"])
    return root


def edit(store: Path, array: str, change: Callable[[Document], object]) -> None:
    """Change an array's document, or with ``""`` the root's, and seal the store."""
    file = store / array / "zarr.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    if not array and isinstance(document.get("attributes"), dict):
        file.write_text(json.dumps(signed(document)))
    if array:
        seal(store)


def put(store: Path, array: str, value: object, where: object = ...) -> None:
    """Change an array's stored values and seal the store."""
    zarr.open_array(str(store / array), mode="r+")[where] = value
    seal(store)


def found(store: Path) -> set[tuple[str, str, str]]:
    """Rule, array and file of every problem."""
    return {(problem.rule, problem.array, problem.file) for problem in verify_store(store).problems}


def test_a_good_store_has_no_problem(store: Path) -> None:
    """What was just written is as specified, and the report counts what is there."""
    report = verify_store(store)
    files = [file for file in store.rglob("*") if file.is_file()]
    assert report.is_good
    assert (report.n_file, report.n_byte) == (len(files), sum(file.stat().st_size for file in files))


def test_sealing_changes_nothing_that_matters(store: Path) -> None:
    """The helper of these tests leaves a good store good."""
    seal(store)
    assert verify_store(store).is_good


def test_further_scorers_are_optional_and_judged(tmp_path: Path, make_night: MakeNight) -> None:
    """A night may have their stages; codes that no stage has are found in them, too."""
    night = make_night()
    night["stage_scorer2"] = night["stage"]
    write_store(night, tmp_path / "two.zarr")
    assert verify_store(tmp_path / "two.zarr").is_good
    put(tmp_path / "two.zarr", "stage_scorer2", 7, 0)
    assert {(p.rule, p.array) for p in verify_store(tmp_path / "two.zarr").problems} == {("V10", "stage_scorer2")}


# --- damage ------------------------------------------------------------------------------------------------


def test_a_missing_store_is_a_problem(tmp_path: Path) -> None:
    """Nothing is raised for a store that is not there."""
    assert verify_store(tmp_path / "none.zarr").problems == (
        Problem("V1", "", "zarr.json", "the store is missing", "store_incomplete"),
    )


def flips(store: Path, name: str, position: int) -> set[tuple[str, str, str]]:
    """Return array, file and reason of what verify says while a byte of a file is another."""
    whole = (store / name).read_bytes()
    damaged = bytearray(whole)
    damaged[position] ^= 0x10
    digest = hashlib.sha256((store / "zarr.json").read_bytes()).hexdigest()
    (store / name).write_bytes(bytes(damaged))
    problems = verify_store(store, expected_root_digest=digest).problems
    (store / name).write_bytes(whole)
    return {(problem.array, problem.file, problem.reason) for problem in problems}


def test_a_flipped_byte_in_any_file_is_named(store: Path) -> None:
    """verify names file and array for a flip in the middle of every file; nothing is raised."""
    for file in (file for file in store.rglob("*") if file.is_file()):
        name = file.relative_to(store).as_posix()
        array = name.partition("/")[0] if "/" in name else ""
        assert flips(store, name, file.stat().st_size // 2) == {(array, name, "store_corrupt")}


@pytest.mark.parametrize("name", ["zarr.json", "stage/zarr.json", "stage/c/0", SIGNAL])
def test_a_flipped_byte_at_an_end_is_named(store: Path, name: str) -> None:
    """The first and the last byte of a document, a chunk and a shard count as well."""
    array = name.partition("/")[0] if "/" in name else ""
    for position in (0, -1):
        assert flips(store, name, position) == {(array, name, "store_corrupt")}


def test_plain_xarray_raises_on_a_flipped_byte_in_any_chunk(store: Path) -> None:
    """No byte of any chunk, index or checksum can change unnoticed by a reader that knows nothing of us."""
    rng = np.random.default_rng(0)
    for file in sorted(file for file in store.rglob("c/**/*") if file.is_file()):
        whole = file.read_bytes()
        for position in {0, len(whole) - 1, *rng.integers(0, len(whole), 2).tolist()}:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << int(rng.integers(8))
            file.write_bytes(bytes(damaged))
            with pytest.raises(Exception, match=r".*"):
                xr.open_zarr(store, chunks=None)[file.relative_to(store).parts[0]].load()
        file.write_bytes(whole)


def test_an_emptied_file_reads_as_missing_and_is_named(store: Path) -> None:
    """A file cut to nothing is to Zarr a chunk that is not there: NaN, and a problem."""
    (store / SIGNAL).write_bytes(b"")
    assert np.isnan(xr.open_zarr(store).eeg_c4_m1).all()
    assert found(store) == {("V2", "eeg_c4_m1", SIGNAL)}


@pytest.mark.parametrize("keep", [1, 40, -1])
def test_a_truncated_file_raises_and_is_named(store: Path, keep: int) -> None:
    """A file cut anywhere else raises in plain xarray and is named by verify."""
    (store / SIGNAL).write_bytes((store / SIGNAL).read_bytes()[:keep])
    with pytest.raises(Exception, match=r".*"):
        xr.open_zarr(store).eeg_c4_m1.load()
    assert found(store) == {("V2", "eeg_c4_m1", SIGNAL)}


def test_a_deleted_shard_reads_as_missing_and_is_named(store: Path) -> None:
    """Without its file a signal is all NaN, codes are all -1, quality has every bit: never plausible."""
    lost = {
        "eeg_c4_m1": "c/0/0",
        "position": "c/0/0",
        "stage": "c/0",
        "quality": "c/0/0",
        "usable_fraction": "c/0/0",
    }
    for name, chunk in lost.items():
        (store / name / chunk).unlink()
    opened = xr.open_zarr(store)
    assert np.isnan(opened.eeg_c4_m1).all()
    assert np.isnan(opened.usable_fraction).all()
    assert (opened.position == -1).all()
    assert (opened.stage == -1).all()
    assert (opened.quality == 65535).all()
    assert not np.isnan(opened.thor).any()
    assert found(store) == {("V2", name, f"{name}/{chunk}") for name, chunk in lost.items()}


def lose_chunk(store: Path, array: str, n_chunk: int, number: int) -> None:
    """Strike an inner chunk out of a shard's index, checksum made to fit, as if it had never been written."""
    file = store / array / "c" / "0" / "0"
    content = bytearray(file.read_bytes())
    start = len(content) - (16 * n_chunk + 4)
    content[start + 16 * number : start + 16 * (number + 1)] = b"\xff" * 16
    content[-4:] = int(google_crc32c.value(bytes(content[start:-4]))).to_bytes(4, "little")
    file.write_bytes(bytes(content))


def test_a_lost_inner_chunk_reads_as_missing_and_is_named(make_night: MakeNight, tmp_path: Path) -> None:
    """One chunk lost from the index is NaN there alone; V2 sees the bytes, V9 the chunk itself."""
    store = tmp_path / "n.zarr"
    write_store(make_night(121, channels=("thor", "spo2")), store)
    lose_chunk(store, "spo2", 3, 1)
    spo2 = xr.open_zarr(store).spo2.load()
    assert np.isnan(spo2[60:120]).all()
    assert not np.isnan(spo2[:60]).any()
    assert not np.isnan(spo2[120:]).any()
    assert found(store) == {("V2", "spo2", "spo2/c/0/0")}
    seal(store)
    (problem,) = verify_store(store).problems
    assert (problem.rule, problem.file, problem.reason) == ("V9", "spo2/c/0/0", "store_incomplete")
    assert "[1]" in problem.what


def test_a_file_too_many_is_named(store: Path) -> None:
    """What the root document does not list does not belong there, at the top or in an array."""
    (store / "notes.txt").touch()
    (store / "stage" / "c" / "1").touch()
    assert found(store) == {("V2", "notes.txt", "notes.txt"), ("V2", "stage", "stage/c/1")}


def test_another_stores_array_is_named(make_night: MakeNight, store: Path, tmp_path: Path) -> None:
    """An array of another night, whole in itself, is not taken for this one's."""
    write_store(make_night(4), tmp_path / "other.zarr")
    shutil.rmtree(store / "thor")
    shutil.copytree(tmp_path / "other.zarr" / "thor", store / "thor")
    assert {array for _, array, _ in found(store)} == {"thor"}


# --- rules -------------------------------------------------------------------------------------------------


def set_attr(key: str, value: object) -> Callable[[Document], object]:
    return lambda document: document["attributes"].update({key: value})


def drop_attr(key: str) -> Callable[[Document], object]:
    return lambda document: document["attributes"].pop(key)


def without_checksum(document: Document) -> None:
    codec = document["codecs"][0]
    (codec["configuration"]["codecs"] if codec["name"] == "sharding_indexed" else document["codecs"]).pop()


ROOT = [
    ("V1", set_attr("spec", "another store"), "spec_violation"),
    ("V1", set_attr("spec_version", 0), "spec_violation"),
    ("V1", set_attr("spec_version", True), "spec_violation"),
    ("V1", set_attr("spec_version", 2), "spec_too_new"),
    ("V1", drop_attr("spec_version"), "spec_violation"),
    ("V1", drop_attr("files"), "spec_violation"),
    ("V1", lambda root: root.pop("consolidated_metadata"), "spec_violation"),
    ("V1", lambda root: root.pop("attributes"), "spec_violation"),
    ("V11", drop_attr("fingerprint"), "spec_violation"),
    ("V11", set_attr("age_years", "sixty"), "spec_violation"),
    ("V11", set_attr("sex", "f"), "spec_violation"),
    ("V11", set_attr("study_type", "unheard of"), "spec_violation"),
    ("V11", set_attr("stage_scheme", "new"), "spec_violation"),
    ("V11", set_attr("event_scored", {"arousal": "maybe"}), "spec_violation"),
    ("V11", set_attr("clock_start_s", 86400), "spec_violation"),
    ("V11", set_attr("sources", [{"name": "a.edf"}]), "spec_violation"),
    ("V11", set_attr("findings", ["something"]), "spec_violation"),
]


@pytest.mark.parametrize(("rule", "change", "reason"), ROOT)
def test_rules_of_the_root_document(
    store: Path, rule: str, change: Callable[[Document], object], reason: str
) -> None:
    """V1 and V11: a wrong root document is one problem of the store, with its reason."""
    edit(store, "", change)
    assert [(p.rule, p.array, p.file, p.reason) for p in verify_store(store).problems] == [
        (rule, "", "zarr.json", reason)
    ]


ARRAY = [
    ("V5", "stage", lambda d: d.update(data_type="int16")),
    ("V5", "stage", lambda d: d.update(fill_value=0)),
    ("V5", "eeg_c4_m1", lambda d: d.update(fill_value=0)),
    ("V5", "eeg_c4_m1", lambda d: d.update(dimension_names=["epoch", "slow_sample"])),
    ("V5", "usable_fraction", lambda d: d.update(shape=[2, 5])),
    ("V5", "eeg_c4_m1", lambda d: d["codecs"][0]["configuration"].update(chunk_shape=[1, 3840])),
    ("V5", "eeg_c4_m1", lambda d: d["codecs"][0]["configuration"]["index_codecs"].pop()),
    ("V5", "eeg_c4_m1", without_checksum),
    ("V5", "stage", without_checksum),
    ("V5", "spo2", lambda d: d.update(codecs=[{"name": "bytes"}, {"name": "crc32c"}])),
    ("V5", "event_type", lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[1])),
    ("V5", "thor", lambda d: d.pop("chunk_grid")),
    ("V5", "thor", lambda d: d.update(attributes=None)),
    ("V6", "eeg_c4_m1", set_attr("scale_factor", 2**-6)),
    ("V6", "eeg_c4_m1", set_attr("add_offset", 0)),
    ("V6", "eeg_c4_m1", drop_attr("_FillValue")),
    ("V6", "eeg_c4_m1", set_attr("units", "mV")),
    ("V6", "stage", set_attr("_FillValue", -1)),
    ("V6", "position", set_attr("scale_factor", 1.0)),
    ("V6", "event_onset_s", set_attr("units", "ms")),
    ("V6", "thor", drop_attr("night_factor")),
    ("V6", "thor", set_attr("night_factor", 0)),
    ("V6", "thor", drop_attr("source_unit")),
    ("V7", "eeg_c4_m1", drop_attr("resampler")),
    ("V7", "eeg_c4_m1", set_attr("source_rate_hz", "128 Hz")),
    ("V7", "eeg_c4_m1", set_attr("primary", True)),
    ("V7", "eeg_c4_m1", set_attr("kind", "eog")),
    ("V7", "eeg_c4_m1", set_attr("modality", "brain")),
    ("V7", "eeg_c4_m1", set_attr("polarity", "up")),
    ("V7", "eeg_c4_m1", set_attr("band_high_hz", 65)),
    ("V7", "eeg_c4_m1", set_attr("band_low_hz", 60)),
    ("V7", "eeg_c4_m1", drop_attr("coordinates")),
    ("V5", "nn_valid", without_checksum),
    ("V5", "beat_type", lambda d: d.update(shape=[3])),
    ("V8", "beat_type", set_attr("flag_meanings", "normal uncertain ectopic")),
    ("V8", "stage", drop_attr("flag_values")),
    ("V8", "stage", set_attr("flag_meanings", "unscored W N1 N2 REM N3")),
    ("V8", "event_type", drop_attr("flag_meanings")),
    ("V8", "event_type", set_attr("flag_meanings", "obstructive apnea arousal")),
    ("V8", "position", set_attr("flag_values", [0, 0, 1])),
    ("V8", "quality", set_attr("flag_masks", [1, 2, 4, 8, 16, 32, 64, 3])),
    ("V8", "thor", set_attr("flag_values", [1])),
]


@pytest.mark.parametrize(("rule", "array", "change"), ARRAY)
def test_rules_of_an_arrays_document(
    store: Path, rule: str, array: str, change: Callable[[Document], object]
) -> None:
    """V5 to V8: a wrong document is named by rule, array and file, however well it is sealed."""
    edit(store, array, change)
    assert found(store) == {(rule, array, f"{array}/zarr.json")}


@pytest.mark.parametrize("content", ["[]", "{}", "null", "{", '{"shape": 3}'])
def test_a_document_of_another_form_is_a_problem(store: Path, content: str) -> None:
    """Whatever JSON an array's document holds, verify returns problems and raises nothing."""
    file = store / "thor" / "zarr.json"
    file.write_text(content)
    root = json.loads((store / "zarr.json").read_text())
    root["attributes"]["files"]["thor/zarr.json"] = hashlib.sha256(content.encode()).hexdigest()
    (store / "zarr.json").write_text(json.dumps(signed(root)))
    assert {array for _, array, _ in found(store)} == {"thor"}


def test_v3_consolidated_metadata_says_what_the_documents_say(store: Path) -> None:
    """A stale consolidated copy is what xarray would believe: it is a problem."""
    metadata = "consolidated_metadata"
    edit(store, "", lambda root: root[metadata]["metadata"]["thor"]["attributes"].update(scale_factor=1.0))
    assert found(store) == {("V3", "thor", "thor/zarr.json")}


def test_v4_every_array_of_the_specification_is_there(store: Path) -> None:
    """An array that is neither there nor listed is missed all the same."""
    shutil.rmtree(store / "in_bed")
    seal(store)
    assert found(store) == {("V4", "in_bed", "in_bed/zarr.json")}


def test_v4_arrays_have_canonical_names(store: Path) -> None:
    """An array that the specification does not know is a problem."""
    shutil.copytree(store / "thor", store / "chest")
    seal(store)
    assert ("V4", "chest", "chest/zarr.json") in found(store)


def test_v4_the_channel_coordinate_lists_the_channels(store: Path) -> None:
    """A column of quality and usable_fraction without its channel, or of another name, is a problem."""
    put(store, "channel", np.array(["eeg_c4_m1", "pleth", "abdo", "spo2", "position"], object))
    assert found(store) == {("V4", "channel", "channel/c/0")}


def test_v7_a_modality_has_one_primary_channel(make_night: MakeNight, tmp_path: Path) -> None:
    """Two primary channels of one modality are a problem of the store."""
    night = make_night()
    night["pleth"].attrs |= {"modality": "belt", "primary": 1}
    write_store(night, tmp_path / "n.zarr")
    assert found(tmp_path / "n.zarr") == {("V7", "", "zarr.json")}


def test_v9_a_chunk_that_was_never_written_is_damage(store: Path) -> None:
    """A store that lists its files truly but lacks a shard is still incomplete."""
    (store / SIGNAL).unlink()
    seal(store)
    assert found(store) == {("V9", "eeg_c4_m1", SIGNAL)}


def test_v9_bytes_that_do_not_decode_are_damage(store: Path) -> None:
    """A digest over damaged bytes does not make them good."""
    content = bytearray((store / SIGNAL).read_bytes())
    content[100] ^= 1
    (store / SIGNAL).write_bytes(bytes(content))
    seal(store)
    assert [(p.rule, p.array, p.file, p.reason) for p in verify_store(store).problems] == [
        ("V9", "eeg_c4_m1", SIGNAL, "store_corrupt")
    ]


VALUES = [
    ("stage", 5, 0),
    ("in_bed", 2, 0),
    ("position", 7, (0, 0)),
    ("epoch_start_s", 31.0, 1),
    ("epoch_start_s", np.nan, 1),
    ("usable_fraction", 1.1, (0, 0)),
    ("usable_fraction", np.nan, (0, 0)),
    ("quality", 2**15, (0, 0)),
    ("event_onset_s", 100.0, 0),
    ("event_onset_s", np.inf, 1),
    ("event_duration_s", -1.0, 0),
    ("event_type", 9, 0),
    ("spo2", 101 * 128, (0, 0)),
    ("spo2", -1, (0, 0)),
    ("thor", -32768, 1),
    ("nn_valid", 2, (0, 0)),
    ("beat_time_s", 0.5, 1),
    ("beat_time_s", np.nan, 1),
    ("beat_time_s", -0.25, 0),
    ("beat_time_s", 90.25, 3),
    ("beat_type", 3, 0),
    ("beat_type", -1, 0),
    ("beat_valid", -1, 0),
    ("breath_time_s", 1.0, 1),
    ("breath_time_s", 91.0, 1),
    ("breath_obstructed", 2, 0),
    ("resp_phase_deg", 181.0, 0),
    ("desaturation_rule_percent", 5, 0),
    ("desaturation_onset_s", 3.0, 1),
    ("desaturation_end_s", np.inf, 1),
    ("desaturation_nadir_s", 91.0, 1),
    ("desaturation_nadir_percent", -1.0, 0),
    ("desaturation_baseline_percent", np.nan, 0),
]


@pytest.mark.parametrize(("array", "value", "where"), VALUES)
def test_v10_values(store: Path, array: str, value: float, where: Any) -> None:
    """A value that the specification does not allow is named by its array and file."""
    put(store, array, value, where)
    (file,) = (file for file in (store / array).rglob("c/**/*") if file.is_file())
    assert found(store) == {("V10", array, file.relative_to(store).as_posix())}


def with_intervals(night: xr.Dataset) -> xr.Dataset:
    """Return a night whose pulse wave has given way to intervals of a second."""
    values = np.ones(night["thor"].shape, np.float32)
    attrs = night["spo2"].attrs | {"kind": "ibi", "modality": "ibi", "units": "s", "resampler": "derived"}
    ibi = (night["thor"].dims, values, attrs | {"derived_from": ["ecg"], "method": "a detector"})
    channels = [name.replace("pleth", "ibi") for name in night["channel"].values]
    return night.drop_vars(["pleth"]).assign(ibi=ibi).assign_coords(channel=channels)


@pytest.mark.parametrize(("count", "is_good"), [(2047, False), (2048, True), (24576, True), (24577, False)])
def test_v10_intervals_are_possible(make_night: MakeNight, tmp_path: Path, count: int, is_good: bool) -> None:
    """An interval is between 0.25 and 3 s, both included, at 2^-13 s a count."""
    write_store(with_intervals(make_night()), tmp_path / "n.zarr")
    put(tmp_path / "n.zarr", "ibi", count, (0, 0))
    assert found(tmp_path / "n.zarr") == (set() if is_good else {("V10", "ibi", "ibi/c/0/0")})


@pytest.mark.parametrize(
    "change", [drop_attr("derived_from"), drop_attr("method"), set_attr("derived_from", "ecg")]
)
def test_v7_a_derived_channel_says_from_what(
    make_night: MakeNight, tmp_path: Path, change: Callable[[Document], object]
) -> None:
    """Sources and method are part of a derived channel."""
    write_store(with_intervals(make_night()), tmp_path / "n.zarr")
    edit(tmp_path / "n.zarr", "ibi", change)
    assert found(tmp_path / "n.zarr") == {("V7", "ibi", "ibi/zarr.json")}


def test_v10_saturation_is_told_the_same_everywhere(make_night: MakeNight, tmp_path: Path) -> None:
    """The count, the samples at the limit and the quality bits agree."""
    store = tmp_path / "n.zarr"
    night = make_night()
    night["eeg_c4_m1"][1, 0] = 1e5
    write_store(night, store)
    put(store, "quality", 0)
    assert found(store) == {("V10", "eeg_c4_m1", SIGNAL)}
    put(store, "quality", 64, (1, 0))
    assert found(store) == set()
    put(store, "eeg_c4_m1", 0, (1, 0))
    assert found(store) == {("V10", "eeg_c4_m1", SIGNAL)}


def test_later_quality_bits_are_welcome(store: Path) -> None:
    """Checks to come add masks without a new version of the specification."""

    def add_mask(document: Document) -> None:
        attrs = document["attributes"]
        attrs["flag_masks"].append(16384)
        attrs["flag_meanings"] += " flat_line"

    edit(store, "quality", add_mask)
    put(store, "quality", 16384, (0, 0))
    assert verify_store(store).is_good


def test_problems_read_as_one_line(store: Path) -> None:
    """A problem prints rule, file and what is wrong, and no absolute path."""
    (store / SIGNAL).unlink()
    assert [str(p) for p in verify_store(store).problems] == ["V2 eeg_c4_m1/c/0/0: the file is missing"]
