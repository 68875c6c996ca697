"""Drift: what is planted is found and ranked, what is alike is left alone, and words tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog.table import frame
from pipeline.drift.cohort import cohort_drift
from pipeline.drift.effects import CERTAIN, Effects, compare_groups
from pipeline.drift.measures import MEASURES, in_words
from pipeline.drift.per_night import numbers
from pipeline.drift.reference import Reference, Spread, compare, reference_of, shipped_references
from tests.made_up_catalog import made_up

N_SITE, N_NIGHT = 6, 8
SITES = [f"site {k % N_SITE}" for k in range(N_SITE * N_NIGHT)]
USUAL = {
    "eeg_size": (math.log(30), 0.15),
    "mains_hz": (60.0, 0.0),
    "belt_correlation": (0.8, 0.05),
    "hours": (8.0, 0.5),
}


def nights(seed: int = 0) -> dict[str, np.ndarray]:
    """Return numbers of nights at sites that are alike."""
    draw = np.random.default_rng(seed)
    return {name: center + spread * draw.standard_normal(len(SITES)) for name, (center, spread) in USUAL.items()}


def planted(seed: int = 0) -> dict[str, np.ndarray]:
    """Return the same with one site of twice the gain, one of 50-Hz mains, and one with an inverted belt."""
    values = nights(seed)
    values["eeg_size"][0::N_SITE] += math.log(2)
    values["mains_hz"][1::N_SITE] = 50.0
    values["belt_correlation"][2::N_SITE] *= -1
    return values


def named(found: Effects) -> dict[str, str]:
    """Return the groups that differ, each with its worst number."""
    worst: dict[str, str] = {}
    for effect in found.groups:
        if effect.counts:
            worst.setdefault(effect.group, effect.measure)
    return worst


@pytest.mark.parametrize("seed", range(5))
def test_planted_sites_are_named_and_no_others(seed: int) -> None:
    """Three wrong sites of six, each in its own number; what they are compared with is not moved by them."""
    found = named(compare_groups(planted(seed), SITES))
    assert found == {"site 0": "eeg_size", "site 1": "mains_hz", "site 2": "belt_correlation"}


def test_alike_sites_are_left_alone() -> None:
    """In two hundred cohorts of alike sites not more is called certain than the chance that is promised allows."""
    n_false = sum(
        any(effect.p <= CERTAIN for effect in compare_groups(nights(seed), SITES).groups) for seed in range(200)
    )
    assert n_false <= 200 * CERTAIN * 3


def test_order_of_recordings_is_of_no_matter() -> None:
    """Shuffled, the same groups differ by the same."""
    values, order = planted(), np.random.default_rng(3).permutation(len(SITES))
    shuffled = {name: value[order] for name, value in values.items()}
    one, other = (
        {(effect.measure, effect.group): (effect.center, effect.p) for effect in compare_groups(*of).groups}
        for of in ((values, SITES), (shuffled, [SITES[k] for k in order]))
    )
    assert one.keys() == other.keys()
    assert all(one[key] == pytest.approx(other[key]) for key in one)


def test_a_single_night_is_named() -> None:
    """A night far from its site is told with its row; its site is not blamed for it."""
    values = nights()
    values["hours"][7] = 2.0
    found = compare_groups(values, SITES)
    assert [(effect.row, effect.measure) for effect in found.recordings] == [(7, "hours")]
    assert named(found) == {}


def test_unknown_numbers_are_nobodys_difference() -> None:
    """Nights without a number neither differ nor count; a number that few have is not compared at all."""
    values = planted()
    values["hours"][:] = np.nan
    values["hours"][:5] = 1.0
    values["belt_correlation"][2] = np.nan
    found = compare_groups(values, SITES)
    assert {effect.measure for effect in found.groups} == set(USUAL) - {"hours"}
    assert {effect.n for effect in found.groups if effect.measure == "belt_correlation"} == {8, 7}


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=40), st.integers(1, 4))
def test_any_numbers_are_compared(values: list[float], n_group: int) -> None:
    """Chances stay between 0 and 1, and equal nights do not differ."""
    labels = [str(k % n_group) for k in range(len(values))]
    found = compare_groups({"hours": np.array(values)}, labels)
    assert all(0 <= effect.p <= 1 for effect in found.groups)
    assert compare_groups({"hours": np.full(len(values), 8.0)}, labels).recordings == ()


def test_two_groups_differ_from_each_other() -> None:
    """Of two sites neither is the right one: both are named."""
    values = {"hours": np.r_[np.full(8, 8.0), np.full(8, 5.0)]}
    assert set(named(compare_groups(values, ["a"] * 8 + ["b"] * 8))) == {"a", "b"}


# --- from the catalog --------------------------------------------------------------------------------------


def tables(change: Mapping[str, float] | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a catalog of forty persons at four sites; ``change`` is of the nights of site d."""
    rows, channels = made_up(40, seed=2), []
    draw = np.random.default_rng(4)
    for number, row in enumerate(rows):
        row["site"] = "abcd"[number % 4]
        row["belt_correlation"] = 0.8 + 0.05 * draw.standard_normal()
        for name, modality, primary in (
            ("eeg_c4_m1", "eeg", True),
            ("eeg_c3_m2", "eeg", False),
            ("thor", "belt", True),
        ):
            size = 30 * math.exp(0.1 * draw.standard_normal())
            channels.append(
                {"recording": row["recording"], "channel": name, "modality": modality, "primary": primary}
            )
            channels[-1] |= {"amplitude": size, "night_factor": size, "mains_hz": 60.0, "coverage": 1.0}
            channels[-1] |= (change or {}) if row["site"] == "d" and primary else {}
    return frame("catalog", rows), frame("channels", channels)


def test_numbers_come_from_primary_channels() -> None:
    """Sizes and mains are those of the modality's primary channel, belts go by names, shares by what was scored."""
    recordings, channels = tables({"amplitude": 99.0, "mains_hz": 50.0, "night_factor": 7.0})
    found = numbers(recordings, channels)
    assert found.columns == ["recording", *MEASURES]
    assert found["recording"].to_list() == recordings["recording"].to_list()
    at_d = found.filter(pl.Series([k % 4 == 3 for k in range(40)]))
    assert set(at_d["eeg_size"]) == {99.0}
    assert set(at_d["mains_hz"]) == {50.0}
    assert set(at_d["thor_size"]) == {7.0}
    assert set(found["abdo_size"]) == {None}
    assert set(found["w_percent"]) == {25.0}


def test_a_site_is_named_with_words() -> None:
    """Cohort, site, nights, and how it differs; months are compared, too."""
    recordings, channels = tables({"mains_hz": 50.0})
    months = dict.fromkeys(recordings["recording"], "2026-01")
    found = cohort_drift(recordings, channels, months).groups
    assert [(group.cohort, group.what, group.name, group.n_recording) for group in found] == [
        ("made", "site", "d", 10)
    ]
    assert found[0].told == "mains frequency in the EEG: 50 Hz, the others 60 Hz"


@pytest.mark.parametrize(
    ("measure", "center", "others", "words"),
    [
        ("eeg_size", math.log(60), math.log(30), "EEG amplitude: 2 times the others'"),
        ("belt_correlation", -0.84, 0.8, "correlation of the two belts: -0.8, the others +0.8, as if upside down"),
        ("hours", 5.0, 8.0, "length of the night: -3 h against the others"),
        ("belt_correlation", 0.2, 0.8, "correlation of the two belts: -0.6 against the others"),
    ],
)
def test_words(measure: str, center: float, others: float, words: str) -> None:
    """Ratios as such, differences with unit and sign, to two digits."""
    assert in_words(measure, center, others) == words


# --- references --------------------------------------------------------------------------------------------


def test_a_reference_survives_its_file() -> None:
    """What is written is read again; a number of another version is left out."""
    reference = reference_of(*tables(), name="here", text="forty nights")
    plain = reference.to_json()
    assert Reference.from_json(plain) == reference
    plain["spreads"]["no_such_number"] = plain["spreads"]["hours"]
    assert Reference.from_json(plain) == reference


def test_a_cohort_differs_from_another() -> None:
    """Another gain and other mains are first; what is within the other's usual range weighs nothing."""
    other = reference_of(*tables(), name="there", text="")
    recordings, channels = tables()
    channels = channels.with_columns(pl.col("amplitude") * 4, mains_hz=pl.lit(50.0))
    found = compare(reference_of(recordings, channels, name="here", text=""), other)
    assert [row.measure for row in found[:2]] == ["eeg_size", "mains_hz"]
    assert [row.weight for row in found[2:]] == [0.0] * len(found[2:])
    assert "thor_size" not in {row.measure for row in found}  # arbitrary units say nothing between cohorts


def test_few_nights_are_no_reference() -> None:
    """Nine nights have no usual range."""
    assert Spread.of(np.r_[np.ones(9), np.nan]) is None


def test_shipped_references_can_be_read() -> None:
    """Each has a name of its own and numbers to compare with."""
    found = shipped_references()
    assert len({reference.name for reference in found}) == len(found)
    assert all(len(reference.spreads) > 10 for reference in found)
