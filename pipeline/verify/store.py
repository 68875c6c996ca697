"""Verify a recording store: every file, every checksum, every rule of docs/store-spec.md.

Nothing is raised for a bad store: every problem is returned and names rule, file and array. Once something is
wrong with an array's files or document its values are not looked at, so that damage is reported once.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.write.chunks import chunk_files, lost_chunks, read_array
from pipeline.write.documents import self_digest
from pipeline.write.rules import Wrong, document_rules, has_type, sizes_of
from pipeline.write.value_rules import value_rules
from schemas.errors import PsgError, SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from schemas.findings import Severity
from schemas.quality import QualityFlag
from schemas.store import ARRAY_FILE, ARRAYS, OPTIONAL_ARRAYS, ROOT_ATTRIBUTES, SPEC, SPEC_VERSION
from schemas.vocabulary import Scored, Sex, StageScheme, StudyType

__all__ = ["Problem", "VerifyReport", "verify_store"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Parameters
    ----------
    rule : str
        Number of the rule in docs/store-spec.md, e.g. ``V2``.
    array, file : str
        What it concerns, ``file`` relative to the store; ``array`` is empty for the store as a whole.
    reason : str
        As `schemas.errors.PsgError.reason`, e.g. ``store_corrupt``.
    """

    rule: str
    array: str
    file: str
    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.rule} {self.file}: {self.what}"


@dataclass(frozen=True)
class VerifyReport:
    """What `verify_store` found.

    Parameters
    ----------
    problems : tuple of Problem
        Empty for a good store.
    n_file, n_byte : int
        What is on disk.
    """

    problems: tuple[Problem, ...]
    n_file: int
    n_byte: int

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_store(path: Path, *, expected_root_digest: str | None = None) -> VerifyReport:
    """Read everything in a store and say what is wrong with it.

    Parameters
    ----------
    path : Path
        The store's folder; one that is missing is a problem, not an error.
    expected_root_digest : str, optional
        SHA-256 of the root document as the ledger has it.
    """
    contents = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if not file.is_dir()}
    try:
        root = _read_root(path, expected_root_digest)
    except PsgError as error:
        rule = "V2" if isinstance(error, StoreCorrupt) else "V1"
        problems = [Problem(rule, "", ARRAY_FILE, error.what, error.reason)]
    else:
        problems = _verify(path, root, contents)
    return VerifyReport(tuple(problems), len(contents), sum(file.lstat().st_size for file in contents.values()))


def _read_root(path: Path, expected_digest: str | None) -> dict[str, Any]:
    """Return the root document, or raise: without it nothing else can be judged (V1)."""
    if not (path / ARRAY_FILE).is_file():
        raise StoreIncomplete("the store has no root document" if path.is_dir() else "the store is missing")
    content = (path / ARRAY_FILE).read_bytes()
    if expected_digest is not None and hashlib.sha256(content).hexdigest() != expected_digest:
        raise StoreCorrupt("the root document is not the one that the ledger knows")
    try:
        root: dict[str, Any] = json.loads(content)
        spec, version = root["attributes"]["spec"], root["attributes"]["spec_version"]
        _ = root["attributes"]["files"].items(), root["consolidated_metadata"]["metadata"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecViolation("the root document is not that of a recording store") from error
    if spec != SPEC or not has_type(version, (int,)) or version < 1:
        raise SpecViolation(
            f"the store says {spec!r} version {version!r}, expected {SPEC!r} version {SPEC_VERSION}"
        )
    if version > SPEC_VERSION:
        raise SpecTooNew(f"written by specification {version}, this program knows {SPEC_VERSION}")
    return root


def _verify(path: Path, root: dict[str, Any], contents: dict[str, Path]) -> list[Problem]:
    problems = list(_check_files(root["attributes"]["files"], contents))
    if root["attributes"].get("self_digest") != self_digest(root["attributes"]):
        problems.append(
            Problem("V2", "", ARRAY_FILE, "the root's attributes are not what was written", "store_corrupt")
        )
    documents = _documents(path, root, problems)
    problems += _check_documents(documents, root)
    bad = {problem.array for problem in problems}
    values: dict[str, NDArray[Any]] = {}
    for name, document in documents.items():
        if name not in bad:
            problems += _check_chunks(path, name, document, values)
    channels = set(root["consolidated_metadata"]["metadata"]) - set(ARRAYS) - set(OPTIONAL_ARRAYS)
    problems += _check_values(documents, values, channels)
    problems += (_problem(wrong, "", ARRAY_FILE) for wrong in _root_rules(root["attributes"]))
    return problems


def _problem(wrong: Wrong, array: str, file: str) -> Problem:
    return Problem(wrong[0], array, file, wrong[1], "spec_violation")


# --- files and documents -----------------------------------------------------------------------------------


def _check_files(listed: dict[str, Any], contents: dict[str, Path]) -> Iterator[Problem]:
    """V2: the files are those listed, byte for byte, and no others."""
    for name, digest in listed.items():
        array = name.partition("/")[0]
        if name not in contents:
            yield Problem("V2", array, name, "the file is missing", "store_incomplete")
        elif _digest(contents[name]) != digest:
            yield Problem("V2", array, name, "the bytes are not those that were written", "store_corrupt")
    for name in sorted(set(contents) - set(listed) - {ARRAY_FILE}):
        yield Problem("V2", name.partition("/")[0], name, "the store does not list this file", "spec_violation")


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _documents(path: Path, root: dict[str, Any], problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """V3: consolidated metadata says what the arrays' own documents say; return those of sound arrays."""
    bad = {problem.array for problem in problems}
    consolidated = root["consolidated_metadata"]["metadata"]
    listed = {name.partition("/")[0] for name in root["attributes"]["files"]}
    documents = {}
    for name in sorted(listed | set(consolidated)):
        file = f"{name}/{ARRAY_FILE}"
        if name in bad:
            continue
        try:
            document = json.loads((path / file).read_bytes())
        except (OSError, ValueError):
            problems.append(Problem("V3", name, file, "the array's document cannot be read", "store_corrupt"))
            continue
        if document != consolidated.get(name):
            problems.append(_problem(("V3", "consolidated metadata says otherwise"), name, file))
        documents[name] = document
    return documents


def _check_documents(documents: dict[str, dict[str, Any]], root: dict[str, Any]) -> Iterator[Problem]:
    """V4 to V8, and V2's other half: every array's chunk or shard is listed."""
    consolidated = root["consolidated_metadata"]["metadata"]  # has the sizes, whatever became of the documents
    absent = set(ARRAYS) - set(consolidated)
    yield from (_problem(("V4", "the array is missing"), name, f"{name}/{ARRAY_FILE}") for name in sorted(absent))
    primaries: Counter[str] = Counter()
    for name, document in documents.items():
        file = f"{name}/{ARRAY_FILE}"
        try:
            yield from [
                _problem(wrong, name, file) for wrong in document_rules(name, document, sizes_of(consolidated))
            ]
            expected = {f"{name}/{chunk}" for chunk in chunk_files(document)}
            for lost in sorted(expected - set(root["attributes"]["files"])):
                yield Problem(
                    "V9", name, lost, "the shard or chunk is not in the list of files", "store_incomplete"
                )
            primaries[document["attributes"].get("modality", "")] += document["attributes"].get("primary", 0)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            yield _problem(("V5", f"the document is malformed ({type(error).__name__})"), name, file)
    for modality, n_primary in primaries.items():
        if n_primary > 1 or (modality == "none" and n_primary):
            yield _problem(("V7", f"{n_primary} primary channels of modality {modality}"), "", ARRAY_FILE)


# --- chunks and values -------------------------------------------------------------------------------------


def _check_chunks(
    path: Path, name: str, document: dict[str, Any], values: dict[str, NDArray[Any]]
) -> Iterator[Problem]:
    """V9: every chunk is there and decodes; the decoded array goes to ``values``."""
    file = "/".join([name, *chunk_files(document)[:1]])
    try:
        lost = lost_chunks(path / name, document)
        value = read_array(path / name)
    except Exception as error:  # zarr and its codecs raise what they like on damaged bytes
        yield Problem("V9", name, file, f"chunks do not decode ({type(error).__name__})", "store_corrupt")
        return
    if lost:
        yield Problem("V9", name, file, f"inner chunks {lost} were never written", "store_incomplete")
    else:
        values[name] = value


def _check_values(
    documents: dict[str, dict[str, Any]], values: dict[str, NDArray[Any]], stored: set[str]
) -> Iterator[Problem]:
    """V4's list of channels and V10, on what decoded."""
    channels = [str(channel) for channel in values.get("channel", ())]
    if "channel" in values and sorted(channels) != sorted(stored):
        yield _problem(("V4", "the channel coordinate does not list the channels"), "channel", "channel/c/0")
        return
    n_epoch = values["epoch_start_s"].size if "epoch_start_s" in values else None
    for name, value in values.items():
        column = channels.index(name) if name in channels else None
        usable = (
            values["usable_fraction"][:, column] if column is not None and "usable_fraction" in values else None
        )
        attrs = documents[name]["attributes"]
        file = "/".join([name, *chunk_files(documents[name])])
        yield from (
            _problem(wrong, name, file) for wrong in value_rules(name, value, attrs, usable, n_epoch=n_epoch)
        )
        if column is not None and "quality" in values:
            is_flagged = bool(np.any(values["quality"][:, column] & QualityFlag.SATURATED))
            if is_flagged != (attrs["n_saturated"] > 0):
                yield _problem(("V10", "quality and n_saturated disagree on saturation"), name, file)


def _root_rules(attrs: dict[str, Any]) -> Iterator[Wrong]:
    """V11: the recording's own attributes."""
    wrong = [key for key, types in ROOT_ATTRIBUTES.items() if key not in attrs or not has_type(attrs[key], types)]
    if wrong:
        yield "V11", f"attributes missing or of another type: {', '.join(wrong)}"
        return
    closed = {"sex": Sex, "study_type": StudyType, "stage_scheme": StageScheme}
    for key, allowed in closed.items():
        if attrs[key] not in set(allowed):
            yield "V11", f"{key} is {attrs[key]!r}"
    if not set(attrs["event_scored"].values()) <= set(Scored):
        yield "V11", "event_scored has another value than yes, no, partly"
    if not 0 <= (attrs["clock_start_s"] or 0) < 86400:
        yield "V11", f"clock_start_s is {attrs['clock_start_s']}, expected a time of day"
    if not all(isinstance(row, dict) and {"name", "size", "sha256"} <= set(row) for row in attrs["sources"]):
        yield "V11", "a source has no name, size or sha256"
    if not all(isinstance(row, dict) and row.get("severity") in set(Severity) for row in attrs["findings"]):
        yield "V11", "a finding has no severity"
