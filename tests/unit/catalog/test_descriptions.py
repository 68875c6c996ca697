"""BIDS and Croissant: what others' tools and rules say of the descriptions."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.catalog.bids import participants_json, participants_tsv
from pipeline.catalog.columns import TABLES
from pipeline.catalog.croissant import croissant
from pipeline.catalog.persons import persons
from pipeline.manifests.terms import strictest
from tests.command_line import environment, in_process
from tests.made_up_catalog import made_up

VALIDATE = "from mlcroissant.scripts.cli import main; main()"
RECORDS = """
import json, logging, mlcroissant
data = mlcroissant.Dataset("croissant.json")
for table in ("catalog", "channels"):
    names = [row[f"{table}/recording"].decode() for row in data.records(table)]
    print(json.dumps(names))
"""


@pytest.fixture
def built(out: Path) -> Path:
    """Stores with their catalog and its descriptions."""
    assert in_process("catalog", "build", out, cwd=out).returncode == 0
    return out


def _python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_croissant_passes_its_validator(built: Path) -> None:
    """The format's own validator finds no error."""
    done = _python(VALIDATE, "validate", "--jsonld", "croissant.json", cwd=built)
    assert (done.returncode, "Done." in done.stderr) == (0, True), done.stderr


def test_validator_sees_errors(built: Path) -> None:
    """The validator that passes ours does refuse a field of a file that is not there."""
    description = json.loads((built / "croissant.json").read_text("utf-8"))
    description["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "absent.parquet"
    (built / "croissant.json").write_text(json.dumps(description))
    assert _python(VALIDATE, "validate", "--jsonld", "croissant.json", cwd=built).returncode == 1


def test_croissant_reads_both_tables(built: Path) -> None:
    """The format's own reader yields every row of the files, found by their names beside the description."""
    done = _python(RECORDS, cwd=built)
    assert done.returncode == 0, done.stderr
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert read == [pl.read_parquet(built / f"{table}.parquet")["recording"].to_list() for table in TABLES]


def test_croissant_has_the_files_digests(built: Path) -> None:
    """A table that was changed since is noticed."""
    files = json.loads((built / "croissant.json").read_text("utf-8"))["distribution"]
    assert {file["contentUrl"]: file["sha256"] for file in files} == {
        name: hashlib.sha256((built / name).read_bytes()).hexdigest()
        for name in ("catalog.parquet", "channels.parquet")
    }


def test_croissant_carries_the_strictest_terms() -> None:
    """One source that forbids is enough, and all are cited."""
    sources: list[tuple[str, dict[str, Any]]] = [
        ("a", {"agreement": "A", "redistribution": True, "commercial": True, "citation": "First", "release": "1"}),
        (
            "b",
            {"agreement": "B", "redistribution": False, "commercial": True, "citation": "Second", "release": "1"},
        ),
    ]
    description = croissant(strictest(sources), ["a", "b"], {}, version="1.0.0")
    assert description["license"] == "A; B; must not be passed on; commercial use is allowed"
    assert description["citeAs"] == "First Second"


def test_participants_are_the_persons(built: Path) -> None:
    """A row a person, known values as in the catalog, and n/a for the others; every column is explained."""
    text = (built / "participants.tsv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    table = pl.read_parquet(built / "catalog.parquet")
    assert [row["subject"] for row in rows] == table["subject"].unique().sort().to_list()
    assert [float(row["age"]) for row in rows] == table.group_by("subject").agg(pl.min("age_years")).sort(
        "subject"
    )["age_years"].to_list()
    assert {row["family"] for row in rows} == {"n/a"}
    assert [row["n_recordings"] for row in rows] == ["2", "2"]
    assert list(json.loads((built / "participants.json").read_text("utf-8"))) == list(rows[0])


def test_participant_labels_are_legal_and_unique() -> None:
    """Labels have letters and digits only, also where two subjects differ in other characters alone."""
    rows = made_up(3)
    for row, subject in zip(rows, ("made/a-1", "made/a1", "made/b_2"), strict=True):
        row["subject"] = subject
    table = list(csv.DictReader(io.StringIO(participants_tsv(persons(rows))), delimiter="\t"))
    labels = [row["participant_id"] for row in table]
    assert len(set(labels)) == 3
    assert [label for label in labels if not re.fullmatch("sub-[A-Za-z0-9]+", label)] == []
    assert list(table[0]) == list(participants_json())


def test_dataset_description_has_what_bids_requires(built: Path) -> None:
    """Name and version are required; a derivative says what made it."""
    description = json.loads((built / "dataset_description.json").read_text("utf-8"))
    assert {"Name", "BIDSVersion", "DatasetType", "License", "GeneratedBy"} <= set(description)
    assert description["GeneratedBy"][0]["Name"] == "sleep2vec"


def test_persons_come_once_with_what_any_night_knows() -> None:
    """The youngest night counts, and what it does not know comes from another."""
    first, later = made_up(2)
    first |= {"subject": "made/1", "age_years": 40.0, "sex": "unknown", "bmi": 25.0}
    later |= {"subject": "made/1", "age_years": 45.0, "sex": "female", "bmi": 31.0}
    (person,) = persons([later, first])
    assert [person[name] for name in ("age_years", "sex", "bmi", "n_recordings")] == [40.0, "female", 25.0, 2]
