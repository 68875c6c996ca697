"""Choose recordings by an expression: the WHERE of SQL, as Polars understands it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import polars as pl

from pipeline.catalog.columns import RECORDINGS
from schemas.errors import QueryInvalid

__all__ = ["choose", "of_study_types", "pick"]

_N_CLOSE = 3  # near misses that are named


def choose(recordings: pl.DataFrame, expression: str) -> pl.DataFrame:
    """Return the rows for which an expression is true.

    Parameters
    ----------
    recordings : DataFrame
        The table ``catalog``.
    expression : str
        E.g. ``age_years > 60 and n_rem > 100``; words in single quotes.

    Raises
    ------
    QueryInvalid
        When a column is unknown, with the closest ones, or when the expression is not true or false for every row.
    """
    try:
        condition = pl.sql_expr(expression)
        _check_columns(condition.meta.root_names())
        answer = recordings.select(condition.alias("answer"))["answer"]
    except pl.exceptions.PolarsError as error:
        raise QueryInvalid(
            "the expression cannot be understood",
            saw=str(error).splitlines()[0],
            do="Write it as after WHERE in SQL, e.g. \"age_years > 60 and sex = 'female'\".",
        ) from None
    if answer.dtype != pl.Boolean or len(answer) != len(recordings):
        raise QueryInvalid(
            "the expression is not true or false for each recording",
            saw=f"{answer.dtype} for {len(answer)} of {len(recordings)} rows",
            expected='a comparison, e.g. "n_rem > 100"',
        )
    return recordings.filter(answer)


def of_study_types(recordings: pl.DataFrame, study_types: Iterable[str]) -> pl.DataFrame:
    """Return the rows of nights that were for one of these purposes."""
    return recordings.filter(pl.col("study_type").is_in(list(study_types)))


def pick(recordings: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Return some columns, in the order in which they are named.

    Raises
    ------
    QueryInvalid
        When one is unknown, with the closest ones.
    """
    names = list(columns)
    _check_columns(names)
    return recordings.select(names)


def _check_columns(names: Iterable[str]) -> None:
    for name in names:
        if name not in RECORDINGS:
            close = difflib.get_close_matches(name, RECORDINGS, _N_CLOSE)
            raise QueryInvalid(
                "the catalog has no such column",
                saw=name,
                do=f"Closest: {', '.join(close)}." if close else "Words stand in single quotes: sex = 'female'.",
            )
