"""Cards say what is there, and nothing of few persons."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog.build import build_catalog
from pipeline.catalog.card import card_facts, card_text
from pipeline.catalog.cells import LEAST, show_cells, show_part
from pipeline.catalog.table import frame
from schemas.errors import QueryInvalid
from tests.command_line import in_process
from tests.made_up_catalog import made_up

COUNTS = st.dictionaries(st.text("abc", min_size=1), st.integers(0, 12), min_size=1, max_size=6)


@given(COUNTS)
def test_no_cell_tells_of_few(counts: dict[str, int]) -> None:
    """A number that is shown is 0 or at least five, and right."""
    shown = show_cells(counts, small=False)
    assert list(shown) == list(counts)
    numbers = {name: int(text) for name, text in shown.items() if text.isdecimal()}
    assert all(n == 0 or n >= LEAST for n in numbers.values())
    assert numbers.items() <= counts.items()


@given(COUNTS)
def test_small_cells_are_shown_on_request(counts: dict[str, int]) -> None:
    """For one's own eyes every number is there."""
    assert show_cells(counts, small=True) == {name: str(n) for name, n in counts.items()}


def test_parts_hide_both_sides() -> None:
    """Neither those who have something nor those who lack it are told where they are few."""
    shown = [show_part(n, 20, small=False) for n in (0, 4, 5, 15, 16, 19, 20)]
    assert shown == ["0", "<5", "5", "15", ">15", ">15", "20"]
    assert show_part(4, 20, small=True) == "4"
    assert [show_part(n, n, small=False) for n in (0, 1, 4, 5)] == ["0", "<5", "<5", "5"]


def _card(rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    channels = [
        {"recording": row["recording"], "channel": "eeg_c4_m1", "modality": "eeg"}
        | {"coverage": 0.5, "source_rate_hz": 128.0 if number % 9 else 100.0}
        for number, row in enumerate(rows)
    ]
    return card_facts(frame("catalog", rows), frame("channels", channels), **options)


@pytest.mark.parametrize("n", [5, 8, 20, 60])
def test_no_number_of_persons_on_the_page_is_small(n: int) -> None:
    """Whatever the cohort, its page has no count of persons from 1 to 4."""
    for seed in range(5):
        (facts,) = _card(made_up(n, seed))["cohorts"]
        tables = [value for value in facts["persons"].values() if isinstance(value, dict)]
        cells = [text for table in [*tables, *facts["scored"].values()] for text in table.values()]
        cells += [row["subjects"] for name in ("modalities", "channels", "findings") for row in facts[name]]
        cells += facts["stages"]["scheme"].values()
        assert {text for text in cells if re.fullmatch("[1-4]", text)} == set()


def test_a_cohort_of_few_is_only_named() -> None:
    """Of four persons nothing is told, whatever is asked of it in sums."""
    card = _card(made_up(4))
    assert card["cohorts"] == [{"cohort": "made", "subjects": "<5"}]
    assert "Fewer than 5 persons" in card_text(card)
    assert _card(made_up(4), small_cells=True)["cohorts"][0]["subjects"] == 4


def test_sums_are_right() -> None:
    """Nights, persons, hours and shares of stages are those of the rows; a second night is no second person."""
    rows = made_up(10)
    rows.append({**rows[0], "recording": "made/again"})
    (facts,) = _card(rows)["cohorts"]
    assert (facts["recordings"], facts["subjects"], facts["hours"]) == (11, 10, 0.9)
    assert facts["stages"]["share of all epochs"]["n1"] == "20.0%"
    assert facts["persons"]["nights a person"] == {"1": ">5", "2": "<5"}


def test_means_need_five() -> None:
    """A mean of four known values is not told."""
    rows = [{**row, "bmi": 20.0 + number if number < 4 else None} for number, row in enumerate(made_up(9))]
    (facts,) = _card(rows)["cohorts"]
    assert facts["persons"]["bmi, kg/m2"] == "known of fewer than 5"


def test_terms_on_the_page_are_the_strictest() -> None:
    """One source that may not be passed on is enough."""
    rows = made_up(12)
    rows[3] |= {"cohort": "other", "terms_redistribution": False, "terms_agreement": "strict"}
    text = card_text(_card(rows))
    assert "Terms of all of it: made up; strict." in text
    assert "Passing on: not allowed. Commercial use: allowed." in text


def test_one_cohort_only() -> None:
    """The page of one cohort has its own terms; an unknown cohort is told with those there are."""
    rows = made_up(12)
    rows[3] |= {"cohort": "other", "terms_redistribution": False}
    assert _card(rows, cohort="made")["terms"]["redistribution"] is True
    with pytest.raises(QueryInvalid, match="expected made or other"):
        _card(rows, cohort="nobody")


def test_command_prints_the_page_that_is_beside_the_catalog(out: Path) -> None:
    """The card of a build is the one that the command prints, without small cells."""
    assert in_process("catalog", "build", out, cwd=out).returncode == 0
    page = in_process("catalog", "card", out, cwd=out).stdout
    own = json.loads(in_process("catalog", "card", out, "--small-cells", "--json", cwd=out).stdout)
    assert page == (out / "card.md").read_text("utf-8")
    assert "synthetic/0001" not in page
    assert own["cohorts"][0]["subjects"] == 2
    assert "not to be shared" in in_process("catalog", "card", out, "--small-cells", cwd=out).stdout


def test_every_channel_is_on_the_page(out: Path) -> None:
    """Channels come with the native rates and mean coverage of the rows."""
    catalog = build_catalog(out)
    facts = card_facts(catalog.recordings, catalog.channels, small_cells=True)["cohorts"][0]
    found = {row["channel"]: (row["subjects"], row["source_rates_hz"]) for row in facts["channels"]}
    assert set(found) == set(catalog.channels["channel"])
    assert found["eeg_c4_m1"] == ("2", "256")
    mean = catalog.channels.filter(pl.col("channel") == "ibi")["coverage"].mean()
    assert {row["coverage"] for row in facts["channels"] if row["channel"] == "ibi"} == {f"{mean:.1%}"}
