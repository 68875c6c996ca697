"""Nights are not persons: what many nights of a few persons have is not told, neither in words nor in a picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.report_cohort import write_output
from pipeline.catalog.table import FILES, encoded, open_table
from pipeline.drift.effects import compare_groups
from pipeline.report.cohort_cells import channels_table, coverage, found, outcomes, reasons, recordings_told
from pipeline.report.cohort_facts import CohortFacts, cohort_facts, reference_at
from pipeline.report.cohort_figures import drift_plot
from pipeline.report.texts import cut_text, in_picture, unit_text
from pipeline.write.ledger import Ledger, Row
from schemas.vocabulary import Outcome

SITES = {f"site {k:02d}": f"Site <b>of a hospital & its ward</b> {k:02d}" for k in range(12)}
FEW = SITES["site 07"]  # whose gain is wrong


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nights at twelve sites with long names; of one site all are two persons'."""
    folder = tmp_path_factory.mktemp("few")
    write_output(folder, 120)
    who = pl.when(pl.col("site") == "site 07").then(pl.lit("made-up/a") + (pl.int_range(pl.len()) % 2).cast(str))
    rows = open_table(folder).with_columns(who.otherwise("subject").alias("subject"))
    (folder / FILES["catalog"]).write_bytes(encoded(rows.with_columns(pl.col("site").replace(SITES))))
    return folder


@pytest.fixture(scope="module")
def facts(out: Path) -> CohortFacts:
    return cohort_facts(out)


def test_groups_of_few_persons_are_neither_compared_nor_usual() -> None:
    """Persons are counted where they have the number; without, every recording is somebody's."""
    hours = np.r_[np.full(6, 4.0), np.nan, np.full(6, 7.0), np.full(6, 9.0)]
    labels, persons = ["a"] * 7 + ["b"] * 6 + ["c"] * 6, [*"aabbccd", *"efghij", *"klmnop"]

    def usual(n: int, whose: list[str], least_person: int) -> dict[str, float]:
        groups = compare_groups({"hours": hours[:n]}, labels[:n], whose[:n], least_person=least_person).groups
        return {effect.group: effect.others for effect in groups}

    assert usual(19, persons, 4) == {"b": 8.0, "c": 8.0}
    assert usual(19, persons, 3) == usual(19, [], 6) == dict.fromkeys("abc", 7.0)
    assert usual(13, persons, 4) == {}  # what b is compared with would be told of a alone


def test_a_site_of_few_persons_is_not_compared_in_public(out: Path, facts: CohortFacts) -> None:
    """It differs, as the page that is not shared tells; the shared one knows nothing of it."""
    assert [group.name for group in cohort_facts(out, small_cells=True).shared.drift.groups] == [FEW]
    assert facts.shared.drift.groups == ()
    told = [effect for effects in facts.shared.drift.table.values() for effect in effects.groups]
    assert FEW not in {effect.group for effect in told}
    centers: dict[str, list[float]] = {}
    for effect in told:
        centers.setdefault(effect.measure, []).append(effect.center)
    assert all(effect.others == np.median(centers[effect.measure]) for effect in told)


def test_persons_of_a_small_site_do_not_follow_from_the_staged(facts: CohortFacts) -> None:
    """Of a site of two persons no stages are told, and not of all others how many persons they have."""
    told = {row.place.partition(": ")[2]: row.persons for row in facts.shared.stages}
    assert set(told) == set(SITES.values()) - {FEW}
    assert "withheld" in told.values()


def test_references_are_compared_in_what_many_have(out: Path, facts: CohortFacts, tmp_path: Path) -> None:
    """A number that many nights of four persons have is not set beside another cohort's, here or there."""
    (told,) = [{row.measure for row in rows} for _, rows in facts.shared.comparisons[:1]]
    assert {"hours", "arousal_index"} <= told
    other = shutil.copytree(out, tmp_path / "out")
    number = pl.int_range(pl.len())
    person = pl.when(number < 20).then(pl.lit("made-up/a") + (number % 4).cast(str)).otherwise("subject")
    index = pl.when(number < 20).then("arousal_index").otherwise(None)
    rows = open_table(other).with_columns(person.alias("subject"), index.alias("arousal_index"))
    (other / FILES["catalog"]).write_bytes(encoded(rows))
    (few,) = [{row.measure for row in rows} for _, rows in cohort_facts(other).shared.comparisons[:1]]
    assert told - few == {"arousal_index"}
    assert set(reference_at(out).spreads) - set(reference_at(other).spreads) == {"arousal_index"}


def test_persons_of_a_site_do_not_follow_from_all() -> None:
    """Where two persons of one site have a finding, the next site is withheld: the sum of all is told."""
    where = {"a": (28, 60), "b": (2, 20), "c": (9, 20)}  # persons with the finding, and all
    people = [(site, k, k < n) for site, (n, total) in where.items() for k in range(total)]
    rows = [
        {"recording": f"c/{site}{k}", "site": site, "subject": f"{site}{k}", "findings": ["PSG-S003"] * has}
        for site, k, has in people
    ]
    shown = {row.site: row.persons for row in found(Ledger({}, ()), pl.DataFrame(rows), small=False)}
    assert shown == {"every site": "39", "a": "28", "b": "withheld", "c": "withheld"}
    shown = {row.site: row.persons for row in found(Ledger({}, ()), pl.DataFrame(rows), small=True)}
    assert shown == {"every site": "39", "a": "28", "b": "2", "c": "9"}


def test_a_site_of_one_person_is_not_told() -> None:
    """That all persons of a site have a finding tells how many they are."""
    people = pl.DataFrame(
        [
            {"recording": f"c/{k}", "site": "ab"[k > 0], "subject": f"{k}", "findings": ["PSG-M001"]}
            for k in range(9)
        ]
    )
    shown = {row.site: row.persons for row in found(Ledger({}, ()), people, small=False)}
    assert shown == {"every site": "9", "a": "withheld", "b": "withheld"}
    alone = {row.site: row.persons for row in found(Ledger({}, ()), people.head(1), small=False)}
    assert alone == {"every site": "<5", "a": "<5"}


def test_two_nights_in_two_classes_stay_open() -> None:
    """Of 29 nights one is half usable and one lacks the channel: each could be more, as their sum could."""
    names = [f"n{k}" for k in range(29)]
    parts = [1.0] * 27 + [0.6]
    channels = pl.DataFrame({"recording": names[:28], "channel": "spo2", "coverage": parts})
    shown = coverage(pl.DataFrame({"recording": names, "subject": names}), channels, small=False)["spo2"]
    assert list(shown.values()) == [">24", "0", "0", "<5", "0", "<5"]


def _ended(cohort: str, **ends: int) -> dict[tuple[str, str], Row]:
    """Return rows of a ledger, so many of each outcome; those without a store have the outcome's name as reason."""
    rows = [outcome for outcome, n in ends.items() for _ in range(n)]
    return {
        (cohort, f"{k}"): Row(
            cohort, f"{k}", Outcome(outcome), "", outcome if outcome in ("failed", "excluded") else None
        )
        for k, outcome in enumerate(rows)
    }


def test_outcomes_do_not_follow_from_stores() -> None:
    """Of 42 nights 28 have a store, 13 failed and one was excluded: the sums tell of 14 that have none, no more."""
    rows = _ended("c", converted=15, converted_with_findings=13, failed=13, excluded=1)
    shown = outcomes(Ledger(rows, ()), small=False)["c"]
    assert list(shown.values()) == ["15", "13", "<5", ">9"]
    assert [n for _, _, n, _ in reasons(rows.values(), small=False)] == [">9", "<5"]


def test_one_conversion_less_is_not_told() -> None:
    """Of 42 nights one was excluded: those with a store are told, and of all that they are fewer than five more."""
    rows = _ended("c", converted=28, converted_with_findings=13, excluded=1)
    assert list(outcomes(Ledger(rows, ()), small=False)["c"].values()) == ["28", "13", "<5", "0"]
    assert recordings_told(Ledger(rows, ()), small=False) == "<46"
    assert recordings_told(Ledger(rows, ()), small=True) == "42"
    few = {"converted": 3, "failed": 20}, {"converted": 3}, {"converted": 3, "failed": 3}, {"converted": 5}
    told = [recordings_told(Ledger(_ended("c", **ends), ()), small=False) for ends in few]
    assert told == ["<25", "<5", "<9", "5"]


def test_rates_of_few_are_not_counted() -> None:
    """Beside 90 and 7 persons two are withheld, and with them the 7; how many these are is not said."""
    rates = [256.0] * 90 + [128.0] * 7 + [64.0] * 2
    names = [f"n{k}" for k in range(len(rates))]
    channel = {"channel": "ecg", "source_rate_hz": 1.0, "source_unit": "mV", "unit": "mV", "unit_factor": 1.0}
    rows = [channel | {"recording": name, "source_rate_hz": rate} for name, rate in zip(names, rates, strict=True)]
    (row,) = channels_table(pl.DataFrame({"recording": names, "subject": names}), pl.DataFrame(rows), small=False)
    assert (row["persons"], row["rates"]) == ("99", "256 Hz: 90, others withheld")


def test_sites_of_a_picture_keep_their_columns(facts: CohortFacts) -> None:
    """Long names that begin alike stay apart, and what looks like markup is shown as it is."""
    plot = drift_plot(facts.shared)
    assert plot is not None
    (table,) = plot.figure.data
    labels = plot.figure.layout.xaxis.ticktext
    assert len(labels) == len(table.z[0]) == 11
    assert set(labels) == {"Site &lt;b&gt;of a hospit…"}
    assert set(table.text[0]) == {in_picture(name) for name in SITES.values() if name != FEW}
    assert all(value is None or value == round(value, 1) for row in table.z for value in row)


def test_texts() -> None:
    """Units, markup and lengths."""
    assert [unit_text(unit) for unit in ("1", "uV", "mV")] == ["", "µV", "mV"]
    assert in_picture("a<b>&amp;") == "a&lt;b&gt;&amp;amp;"
    assert [cut_text(text, 5) for text in ("abcde", "abcdef", "abc def")] == ["abcde", "abcd…", "abc…"]
