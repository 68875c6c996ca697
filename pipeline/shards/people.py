"""Whose the recordings of a split are: what a loader needs of the index, and the refusal of a set that leaks."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.sources import source_of
from pipeline.splits import check_no_leak
from schemas.errors import SpecViolation
from schemas.shard import INDEX
from schemas.vocabulary import Sex

__all__ = ["People", "read_people"]

_SEX = {Sex.MALE.value: 0, Sex.FEMALE.value: 1}


@dataclass(frozen=True)
class People:
    """One element a recording, in the order in which they lie.

    Parameters
    ----------
    subject, site : ndarray, shape (n_recording,), int64
        Numbers of persons and of places over all splits of the set; a recording whose place nobody knows has its
        cohort's.
    sex : ndarray, shape (n_recording,), int64
        0 male, 1 female, -1 unknown.
    age_years : ndarray, shape (n_recording,), float64
        NaN where unknown.
    """

    subject: NDArray[np.int64]
    site: NDArray[np.int64]
    sex: NDArray[np.int64]
    age_years: NDArray[np.float64]


def read_people(place: Path | str, split: str, recordings: list[str]) -> People:
    """Read whose the recordings of a split are.

    Parameters
    ----------
    place : Path or str
        The set's folder or URL.
    recordings : list of str
        The split's, as its group lists them.

    Raises
    ------
    SplitLeak
        When a person or a family is in two splits of the set.
    SpecViolation
        When index and group do not list the same recordings.
    StoreIncomplete, StorageError
        When the index cannot be read.
    """
    import polars

    columns = ["recording", "cohort", "subject", "family", "site", "split", "age_years", "sex"]
    table = polars.read_parquet(BytesIO(source_of(place).read(INDEX)), columns=columns)
    check_no_leak(table.select("subject", "family", "split").iter_rows())
    own = table["split"].to_numpy() == split
    if table["recording"].filter(own).to_list() != recordings:
        raise SpecViolation("the index does not list the recordings of the split", where=INDEX, saw=split)
    places = [site or cohort for site, cohort in table.select("site", "cohort").iter_rows()]
    whole = [f"{cohort}/{site}" for site, cohort in zip(places, table["cohort"], strict=True)]
    return People(
        _numbers(table["subject"].to_list())[own],
        _numbers(whole)[own],
        np.array([_SEX.get(sex, -1) for sex in table["sex"]], np.int64)[own],
        table["age_years"].fill_null(float("nan")).to_numpy().astype(np.float64)[own],
    )


def _numbers(names: list[str]) -> NDArray[np.int64]:
    """Return for each name its position among the different ones in order."""
    return np.unique(np.array(names, np.str_), return_inverse=True)[1].reshape(-1).astype(np.int64)
