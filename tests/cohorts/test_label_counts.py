"""Manifests against what was counted in the headers of whole cohorts: tests/data/label_counts."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.manifests.load import load_manifest
from pipeline.scan.census import Counted, read_counts
from pipeline.scan.judgement import Use, judge

COUNTS = Path(__file__).parents[1] / "data" / "label_counts"

# Occurrences that denote a wanted channel and become none: every one of them.
LEFT_OVER = {
    "shhs": {("AIRFLOW", 2): 91, ("NASAL", 1): 1},  # the second of two thermistors; a sensor that nobody explains
    "mros": {},
    "apples": {},
}


def _documented(cohort: str) -> list[dict[str, str]]:
    with (COUNTS / f"{cohort}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("cohort", LEFT_OVER)
def test_a_label_becomes_what_the_cohort_documents(cohort: str) -> None:
    """In each visit it is the channels that the cohort's pages say it is; what is no channel is ignored by name."""
    manifest = load_manifest(cohort)
    counts = read_counts(COUNTS / f"{cohort}.csv").labels
    left = {}
    for count, row in zip(counts, _documented(cohort), strict=True):
        (judged,) = judge(manifest, Counted((), (count,))).labels
        if judged.use is Use.LEFT_OVER:
            left[count.label, count.nth] = count.n
        else:
            assert set(judged.channels) == set(row["channels"].split()), row
            assert judged.use is (Use.USED if row["channels"] else Use.IGNORED), row
    assert left == LEFT_OVER[cohort]


@pytest.mark.parametrize("cohort", LEFT_OVER)
def test_labels_of_wanted_channels_are_mapped(cohort: str) -> None:
    """At least 99 % of the occurrences that denote a channel; all others, and the ignored, are named."""
    documented = _documented(cohort)
    n_wanted = sum(int(row["n"]) for row in documented if row["channels"])
    shares = judge(load_manifest(cohort), read_counts(COUNTS / f"{cohort}.csv")).shares()
    assert shares["n_used"] + shares["n_left_over"] == n_wanted
    assert shares["n_used"] / n_wanted == pytest.approx(shares["share_mapped"], abs=1e-6)
    assert shares["share_mapped"] >= 0.99
    named = {(row["label"], row.get("nth", 1)): row["n"] for row in shares["left_over"]}
    assert named == LEFT_OVER[cohort]
    unwanted = {row["label"] for row in documented if not row["channels"]}
    assert {row["label"] for row in shares["ignored"]} == unwanted
