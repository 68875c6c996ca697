"""Whatever is done to a set, verifying and reading it say so, and name file, array and recording."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from pipeline.shards.build import build_set
from pipeline.shards.read import open_shards
from pipeline.shards.verify import Problem, verify_set
from pipeline.write.documents import self_digest
from schemas.errors import PsgError, SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from tests.unit.shards.conftest import RECIPE

Damage = Callable[[Path], None]
SHARD = "train.zarr/eeg/c/1/0"  # epochs 120 to 240
FIRST = 120


def flip(at: int) -> Damage:
    """Change one bit."""

    def change(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[at] ^= 4
        file.write_bytes(content)

    return change


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def lose_chunk(file: Path) -> None:
    """Strike a chunk from the index, as a writer that leaves out empty chunks would, checksum and all."""
    content = bytearray(file.read_bytes())
    content[-36:-20] = b"\xff" * 16
    content[-4:] = google_crc32c.value(bytes(content[-36:-4])).to_bytes(4, "little")
    file.write_bytes(content)


def only(shards: Path) -> Problem:
    problems = verify_set(shards).problems
    assert len(problems) == 1, problems
    return problems[0]


def read_all(shards: Path) -> None:
    opened = open_shards(shards, "train")
    for modality in opened.modalities:
        opened.read(modality, 0, opened.n_epoch)


def names_between(shards: Path, start: int, stop: int) -> list[str]:
    nights = open_shards(shards, "train", ()).nights
    return [
        name
        for name, first, n in zip(nights.recording, nights.start.tolist(), nights.length.tolist(), strict=True)
        if first < stop and first + n > start
    ]


def test_a_good_set_has_no_problem(built: Path) -> None:
    """Every file is counted and nothing is told."""
    report = verify_set(built)
    assert report.problems == ()
    assert report.n_file == sum(path.is_file() for path in built.rglob("*"))


@pytest.mark.parametrize(
    ("damage", "start", "stop", "error"),
    [
        (flip(1000), FIRST, FIRST + 60, StoreCorrupt),
        (flip(60 * 7680 + 500), FIRST + 60, FIRST + 120, StoreCorrupt),
        (flip(60 * 7680 + 2), FIRST, FIRST + 60, StoreCorrupt),  # the checksum itself
        (flip(-10), FIRST, FIRST + 120, StoreCorrupt),  # the index
        (cut, FIRST, FIRST + 120, StoreCorrupt),
        (lose_chunk, FIRST, FIRST + 120, StoreIncomplete),
        (Path.unlink, FIRST, FIRST + 120, StoreIncomplete),
    ],
)
def test_damage_to_samples_names_the_recordings(
    shards: Path, damage: Damage, start: int, stop: int, error: type[PsgError]
) -> None:
    """The verifier and the reader both tell file, array and those recordings that lie in the damaged epochs."""
    names = names_between(shards, start, stop)
    damage(shards / SHARD)
    problem = only(shards)
    assert (problem.file, problem.array) == (SHARD, "eeg")
    assert problem.recordings == ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    with pytest.raises(error) as caught:
        read_all(shards)
    assert caught.value.where == SHARD
    assert names[0] in str(caught.value)


def test_damage_elsewhere_does_not_stop_a_window(shards: Path) -> None:
    """A night beside the damage is read as before."""
    flip(1000)(shards / SHARD)
    opened = open_shards(shards, "train")
    opened.read("eeg", 0, FIRST)
    opened.read("eeg", FIRST + 60, 60)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            opened.read("eeg", FIRST - 1, 2)


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("set.json", "S1"),
        ("files.json", "S2"),
        ("index.parquet", "S2"),
        ("card.md", "S2"),
        ("statistics.json", "S2"),
        ("train.zarr/zarr.json", "S3"),
        ("train.zarr/eeg/zarr.json", "S3"),
        ("train.zarr/center/c/0/0", "S3"),
        ("train.zarr/stage/c/0", "S5"),
    ],
)
def test_a_flipped_byte_anywhere_is_told(shards: Path, file: str, rule: str) -> None:
    """Documents and tables have checksums, too."""
    flip(30)(shards / file)
    problems = verify_set(shards).problems
    assert (rule, file) in [(problem.rule, problem.file) for problem in problems]


@pytest.mark.parametrize("file", ["set.json", "train.zarr/zarr.json", "train.zarr/length/c/0"])
def test_a_set_with_altered_documents_does_not_open(shards: Path, file: str) -> None:
    """What says where and what the samples are is checked before the first of them is read."""
    flip(30)(shards / file)
    with pytest.raises(StoreCorrupt):
        open_shards(shards, "train")


def test_a_file_that_is_not_listed_is_told(shards: Path) -> None:
    """Nothing strange travels with a set."""
    (shards / "train.zarr" / "notes.txt").write_text("x")
    assert (only(shards).rule, only(shards).file) == ("S2", "train.zarr/notes.txt")


@pytest.mark.parametrize(("version", "error"), [(2, SpecTooNew), (0, SpecViolation), ("1", SpecViolation)])
def test_another_version_is_refused(shards: Path, version: object, error: type[PsgError]) -> None:
    """A later version may mean anything, an older one something else."""
    said = json.loads((shards / "set.json").read_text()) | {"spec_version": version}
    said["self_digest"] = self_digest(said)
    (shards / "set.json").write_text(json.dumps(said))
    with pytest.raises(error):
        open_shards(shards, "train")
    assert only(shards).rule == "S1"


def test_no_set_at_all(tmp_path: Path) -> None:
    """An empty folder is told as that."""
    assert only(tmp_path).reason == "store_incomplete"
    with pytest.raises(StoreIncomplete, match="no training shards"):
        open_shards(tmp_path, "train")


def test_only_what_is_there_can_be_opened(built: Path) -> None:
    """Unknown splits, modalities, arrays and epochs are errors that list what there is."""
    with pytest.raises(SpecViolation, match="train, val, test"):
        open_shards(built, "external")
    with pytest.raises(PsgError, match="eeg, belt, spo2, resp"):
        open_shards(built, "train", ["ecg"])
    opened = open_shards(built, "train", ["spo2"])
    with pytest.raises(PsgError, match="no such array"):
        opened.read("center", 0, 1)
    for start, n_epoch in ((-1, 2), (opened.n_epoch - 1, 2)):
        with pytest.raises(IndexError):
            opened.read("spo2", start, n_epoch)
    assert opened.read("spo2", 5, 0).shape == (0, 120)
    assert np.array_equal(opened.read("stage", 0, 7), open_shards(built, "train", ()).read("stage", 0, 7))


def rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    """Change what a chunk holds, its checksum along with it."""
    body = change(file.read_bytes()[:-4])
    file.write_bytes(body + google_crc32c.value(body).to_bytes(4, "little"))


@pytest.mark.parametrize("array", ["center", "present"])
def test_a_table_with_a_right_checksum(shards: Path, array: str) -> None:
    """Rows of a small array in another order are told, although their checksum is right."""
    name = f"train.zarr/{array}/c/0/0"
    rewrite(shards / name, lambda body: body[len(body) // 2 :] + body[: len(body) // 2])
    problem = only(shards)
    assert (problem.rule, problem.file, problem.array) == ("S2", name, array)


def test_a_table_of_another_size(shards: Path) -> None:
    """It is as corrupt as any other, whatever its checksum says."""
    rewrite(shards / "train.zarr/length/c/0", lambda body: body[8:])
    with pytest.raises(StoreCorrupt, match=r"train\.zarr/length/c/0"):
        open_shards(shards, "train")


@pytest.mark.parametrize("array", ["stage", "eeg"])
def test_whole_chunks_of_another_set(converted: Path, shards: Path, tmp_path: Path, array: str) -> None:
    """Chunks that end in their own right checksums, in the place of others, are told all the same."""
    build_set(converted, tmp_path / "other", dataclasses.replace(RECIPE, seed=9))
    name = f"train.zarr/{array}/c/0" + "/0" * (array == "eeg")
    ours, theirs = bytearray((shards / name).read_bytes()), (tmp_path / "other" / name).read_bytes()
    size = 60 * (7680 if array == "eeg" else 1) + 4
    ours[:size] = theirs[:size]
    assert ours != (shards / name).read_bytes()
    (shards / name).write_bytes(ours)
    problem = only(shards)
    assert (problem.rule, problem.file, problem.array) == ("S2", name, array)
    assert names_between(shards, 0, 60)[0] in problem.recordings
