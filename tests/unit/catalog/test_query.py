"""Expressions choose what they say, and wrong ones are told what is right."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.catalog.build import build_catalog
from pipeline.catalog.query import choose, pick
from pipeline.catalog.table import FILES, encoded, frame, open_table, write_whole
from schemas.errors import QueryInvalid
from tests.command_line import in_process

ROWS = [
    {"recording": "a/1", "age_years": 70.0, "n_rem": 200, "sex": "female", "findings": ["PSG-C001"]},
    {"recording": "a/2", "age_years": 50.0, "n_rem": 10, "sex": "male", "findings": []},
    {"recording": "a/3", "age_years": None, "n_rem": 300, "sex": "female", "findings": ["PSG-C001", "PSG-S001"]},
]


@pytest.fixture
def table() -> pl.DataFrame:
    return frame("catalog", ROWS)


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("age_years > 60 and n_rem > 100", ["a/1"]),
        ("not (sex = 'male')", ["a/1", "a/3"]),
        ("age_years is null", ["a/3"]),
        ("age_years between 40 and 60 or n_rem = 300", ["a/2", "a/3"]),
        ("array_contains(findings, 'PSG-S001')", ["a/3"]),
        ("recording in ('a/2', 'a/9')", ["a/2"]),
        ("sex like 'fe%'", ["a/1", "a/3"]),
    ],
)
def test_expressions_choose(table: pl.DataFrame, expression: str, chosen: list[str]) -> None:
    """The rows are those for which the expression is true; null is not true."""
    assert choose(table, expression)["recording"].to_list() == chosen


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("age_yeers > 60", "saw age_yeers. Closest: age_years."),
        ("sex = female", "Words stand in single quotes"),
        ("n_rem + 1", "saw Int64 for 3 of 3 rows"),
        ("max(n_rem) > 1", "saw Boolean for 1 of 3 rows"),
        ("n_rem >", "cannot be understood"),
        ("n_rem > 'many'", "cannot be understood"),
        ("", "cannot be understood"),
        ("1 = 1; drop table catalog", "cannot be understood"),
    ],
)
def test_wrong_expressions_say_what_is_wrong(table: pl.DataFrame, expression: str, said: str) -> None:
    """Every mistake is an error of ours with a hint."""
    with pytest.raises(QueryInvalid) as caught:
        choose(table, expression)
    assert said in str(caught.value)


def test_columns_are_picked(table: pl.DataFrame) -> None:
    """Columns come in the order in which they are named; an unknown one is told with the closest."""
    assert pick(table, ["n_rem", "recording"]).columns == ["n_rem", "recording"]
    with pytest.raises(QueryInvalid, match="Closest: n_rem"):
        pick(table, ["n_rems"])


def test_command_lists_and_exports(out: Path) -> None:
    """The command shows a table and a count, or rows with every column as JSON."""
    build_catalog(out)
    shown = in_process("catalog", "query", out, "n_epoch > 0 and visit = 'visit1'", cwd=out)
    rows = json.loads(
        in_process("catalog", "query", out, "visit = 'visit1'", "--columns", "all", "--json", cwd=out).stdout
    )
    assert shown.stdout.splitlines()[-1] == "2 recordings"
    assert [row["recording"] for row in rows] == [line.split()[0] for line in shown.stdout.splitlines()[1:-1]]
    assert {"n_beat", "terms_citation"} <= set(rows[0])


def test_command_names_the_closest_column(out: Path) -> None:
    """A misspelt column is wrong use."""
    build_catalog(out)
    done = in_process("catalog", "query", out, "hour > 1", cwd=out)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Closest: hours" in done.stderr


def test_unusual_nights_are_left_out_and_told(out: Path) -> None:
    """Without a word of study types, nights of treatment are not among the answers; they are counted."""
    build_catalog(out)
    first = pl.int_range(pl.len()) == 0
    table = open_table(out).with_columns(
        study_type=pl.when(first).then(pl.lit("titration")).otherwise("study_type")
    )
    write_whole(out / FILES["catalog"], encoded(table))
    told = {
        words: in_process("catalog", "query", out, "n_epoch > 0", *words.split(), cwd=out).stdout.splitlines()[-1]
        for words in ("", "--study-type all", "--study-type titration split")
    }
    assert told == {
        "": f"{len(table) - 1} recordings, 1 of other study types: --study-type all",
        "--study-type all": f"{len(table)} recordings",
        "--study-type titration split": f"1 recordings, {len(table) - 1} of other study types: --study-type all",
    }
    asked = in_process("catalog", "query", out, "study_type = 'titration'", cwd=out)
    assert asked.stdout.splitlines()[-1] == "1 recordings"
