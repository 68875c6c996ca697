"""Verify a set of training shards: every byte, every checksum, every rule of docs/shard-spec.md.

Nothing is raised for a bad set: every problem is returned and names rule, file, array and recordings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.shards.direct import chunk_sum
from pipeline.shards.documents import arrays_of, read_group, read_set
from pipeline.shards.layout import Grid
from pipeline.shards.read import ShardSet, open_shards
from pipeline.shards.sources import Folder
from pipeline.shards.verify_rules import document_rules, index_rules, night_rules, statistics_rules
from pipeline.shards.write import chunk_facts, summed
from pipeline.splits import check_no_leak
from schemas.errors import PsgError, SplitLeak, StoreIncomplete
from schemas.shard import FILES, SET, group_name
from schemas.store import ARRAY_FILE

__all__ = ["Problem", "SetReport", "verify_set"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    rule : str
        Number of the rule in docs/shard-spec.md, e.g. ``S2``.
    file, array : str
        What it concerns; ``file`` relative to the set, ``array`` empty where it is none.
    recordings : str
        Names of the recordings that are hit, empty where it is not a matter of samples.
    reason : str
        As `schemas.errors.PsgError.reason`, e.g. ``store_corrupt``.
    """

    rule: str
    file: str
    array: str
    recordings: str
    what: str
    reason: str

    def __str__(self) -> str:
        hit = f" (recordings {self.recordings})" if self.recordings else ""
        return f"{self.rule} {self.file}: {self.what}{hit}"


@dataclass(frozen=True)
class SetReport:
    """What `verify_set` found.

    Parameters
    ----------
    problems : tuple of Problem
        Empty for a good set.
    """

    problems: tuple[Problem, ...]
    n_file: int
    n_byte: int


def verify_set(path: Path) -> SetReport:
    """Read everything in a set and say what is wrong with it.

    Parameters
    ----------
    path : Path
        The set's folder; one that is missing is a problem, not an error.
    """
    contents = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}
    n_byte = sum(file.stat().st_size for file in contents.values())
    try:
        said = read_set(Folder(path), path.name)
    except PsgError as error:
        problems = [Problem("S1", SET, "", "", str(error), error.reason)]
    else:
        problems = list(_verify(path, said, contents))
    return SetReport(tuple(problems), len(contents), n_byte)


def _verify(path: Path, said: dict[str, Any], contents: dict[str, Path]) -> Iterator[Problem]:
    damaged = {problem.file: problem for problem in _files(path, said, contents)}
    found: list[Problem] = []
    opened: list[ShardSet] = []
    for split in said["splits"]:
        found += _split(path, split, said, opened)
    named = {problem.file for problem in found}
    yield from (problem for file, problem in damaged.items() if file not in named)
    yield from found
    if not damaged and not found:
        yield from _whole(path, said, opened)


def _files(path: Path, said: dict[str, Any], contents: dict[str, Path]) -> Iterator[Problem]:
    """S2: the files are those listed, byte for byte, and no others."""
    content = contents[FILES].read_bytes() if FILES in contents else b""
    if hashlib.sha256(content).hexdigest() != said["files_digest"]:
        yield Problem("S2", FILES, "", "", "the list of files is not what was written", "store_corrupt")
        return
    listed = json.loads(content)["files"]
    for name, facts in listed.items():
        if name not in contents:
            yield _file_problem(name, "the file is missing", "store_incomplete")
        elif summed(contents[name]) != {kind: facts[kind] for kind in ("size", "crc32c")}:
            yield _file_problem(name, "the bytes are not those that were written", "store_corrupt")
    for name in sorted(set(contents) - set(listed) - {FILES, SET}):
        yield _file_problem(name, "the set does not list this file", "spec_violation")


def _file_problem(name: str, what: str, reason: str) -> Problem:
    parts = name.split("/")
    return Problem("S2", name, parts[1] if len(parts) > 2 else "", "", what, reason)


# --- one split ---------------------------------------------------------------------------------------------


def _split(path: Path, split: str, said: dict[str, Any], opened: list[ShardSet]) -> Iterator[Problem]:
    """S3 to S6: documents, layout, chunks and values of one split."""
    group = group_name(split)
    try:
        documents = arrays_of(read_group(Folder(path), split, said))
        shards = open_shards(path, split, ())
    except PsgError as error:
        yield Problem("S3", error.where or f"{group}/{ARRAY_FILE}", "", "", error.what, error.reason)
        return
    for rule, array, what in document_rules(path / group, documents, said, split):
        yield Problem(rule, f"{group}/{array}/{ARRAY_FILE}", array, "", what, "spec_violation")
    for array, document in documents.items():
        if document["dimension_names"][0] == "epoch":
            yield from _chunks(shards, array, group)
    opened.append(shards)


def _chunks(shards: ShardSet, array: str, group: str) -> Iterator[Problem]:
    """S5: every chunk is there and what was written; each bad one is told with the recordings in it."""
    seen = set()
    nights = shards.nights
    for start, length in zip(nights.start.tolist(), nights.length.tolist(), strict=True):
        try:
            for _ in shards.pieces(array, start, length):
                pass
        except PsgError as error:
            if str(error) not in seen:
                seen.add(str(error))
                names = str(error.saw or "").rpartition("recordings ")[2]
                yield Problem("S5", error.where or f"{group}/{array}", array, names, error.what, error.reason)
            if isinstance(error, StoreIncomplete):
                return


def _foreign(path: Path, shards: ShardSet, documents: dict[str, Any], listed: dict[str, Any]) -> Iterator[Problem]:
    """S2: chunks are those of this set, in their places; sets that were built before may not say."""
    for array, document in documents.items():
        folder = f"{group_name(shards.split)}/{array}"
        if document["dimension_names"][0] != "epoch":
            name = "/".join([folder, "c", *["0"] * len(document["shape"])])
            if listed[name].get("chunks") not in (None, chunk_facts((path / name).read_bytes())["chunks"]):
                yield Problem("S2", name, array, "", "the chunk is not the one that was written", "store_corrupt")
            continue
        grid = Grid.of(document)
        for number in range(grid.n_file):
            name = f"{folder}/{grid.file_name(number)}"
            expected = listed[name].get("chunks")
            if expected is not None and chunk_sum(path / folder, grid, number, shards.nights.names) != expected:
                names = shards.nights.names(number * grid.shard, (number + 1) * grid.shard)
                what = "whole chunks are not those that were written"
                yield Problem("S2", name, array, names, what, "store_corrupt")


# --- the set as a whole ------------------------------------------------------------------------------------


def _whole(path: Path, said: dict[str, Any], opened: list[ShardSet]) -> Iterator[Problem]:
    """S2 and S6 to S9, once all bytes are good: whose chunks, tables, values, statistics, nobody in two splits."""
    modalities = tuple(said["modalities"])
    listed = json.loads((path / FILES).read_bytes())["files"]
    groups = [(shards, arrays_of(read_group(Folder(path), shards.split, said))) for shards in opened]
    if foreign := [problem for group in groups for problem in _foreign(path, *group, listed)]:
        yield from foreign
        return
    for shards in opened:
        full = open_shards(path, shards.split, modalities)
        for rule, array, recordings, what in night_rules(full):
            yield Problem(rule, f"{group_name(full.split)}/{array}", array, recordings, what, "spec_violation")
    for rule, file, what in (*index_rules(path, said, opened), *statistics_rules(path, said)):
        yield Problem(rule, file, "", "", what, "spec_violation")
    try:
        check_no_leak(
            (s, None, shards.split) for shards in opened for s in np.unique(shards.nights.subject).tolist()
        )
    except SplitLeak as error:
        yield Problem("S8", SET, "", "", error.what + f": {error.saw}", error.reason)
