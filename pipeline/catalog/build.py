"""Build the catalog from the stores: rows of stores that have not changed are kept, the others are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.catalog.describe import descriptions
from pipeline.catalog.facts import Facts, store_facts
from pipeline.catalog.table import FILES, encoded, frame, open_table, write_whole
from pipeline.files.places import entries, storage_errors
from pipeline.splits import Person, Splits, check_splits
from pipeline.write.ledger import Ledger, read_ledger, store_path
from schemas.embedding import EMBEDDING
from schemas.errors import PsgError, StorageError, StoreIncomplete

__all__ = ["Catalog", "Problem", "build_catalog", "collect", "current", "people"]


class Problem(NamedTuple):
    """A store that is not in the catalog, and why."""

    recording: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Catalog:
    """Both tables, and how they came about.

    Parameters
    ----------
    recordings, channels : DataFrame
        Sorted by recording; columns of `pipeline.catalog.columns`.
    n_read, n_kept : int
        Stores that were looked at, and those whose rows an earlier catalog had.
    problems : tuple of Problem
        Stores that could not be read.
    files : tuple of str
        Names of what was written.
    """

    recordings: pl.DataFrame
    channels: pl.DataFrame
    n_read: int
    n_kept: int
    problems: tuple[Problem, ...]
    files: tuple[str, ...] = ()


class _Store(NamedTuple):
    recording: str
    path: Path
    digest: str | None  # of the root document, as the ledger has it


def build_catalog(out: Path, *, splits: Splits | None = None) -> Catalog:
    """Write ``catalog.parquet``, ``channels.parquet`` and what describes them, for all stores below a folder.

    Parameters
    ----------
    out : Path
        Folder that `convert` has written to.
    splits : Splits, optional
        For the column ``split``, which is null without.

    Raises
    ------
    StoreIncomplete
        When there is no store.
    SplitInvalid, SplitLeak
        When the splits leave somebody out, or tear a person or a family apart.
    StorageError
        When the disk refuses.
    """
    catalog = collect(out, splits=splits)
    tables = {"catalog": encoded(catalog.recordings), "channels": encoded(catalog.channels)}
    files = {FILES[table]: content for table, content in tables.items()}
    files |= descriptions(catalog.recordings, catalog.channels, tables)
    for name, content in files.items():
        write_whole(out / name, content)
    return replace(catalog, files=tuple(files))


def collect(out: Path, *, splits: Splits | None = None) -> Catalog:
    """Do what `build_catalog` does, but write nothing.

    Notes
    -----
    A store is kept unread when the ledger's digest of its root document is that of its row.
    """
    stores = list(_stores(out))
    if not stores:
        raise StoreIncomplete("no recording stores here", where=out.name, do="Name a folder that convert wrote to.")
    return _gathered(out, stores, splits)


def current(out: Path, ledger: Ledger) -> Catalog:
    """Return the tables for the stores that a ledger knows, written or not; nothing is listed, nothing written.

    Parameters
    ----------
    ledger : Ledger
        Of ``out``. Where it names no store, the tables are empty.
    """
    stores = [
        _Store(f"{cohort}/{key}", store_path(out, cohort, key), row.store.root_digest)
        for (cohort, key), row in sorted(ledger.rows.items())
        if row.store is not None
    ]
    return _gathered(out, stores, None)


def _gathered(out: Path, stores: list[_Store], splits: Splits | None) -> Catalog:
    """Keep the rows of stores that have not changed, and read the others."""
    recordings, channels = _earlier(out)
    known = dict(zip(recordings["recording"], recordings["root_digest"], strict=True))
    kept = [store.recording for store in stores if store.digest and known.get(store.recording) == store.digest]
    unchanged = set(kept)
    read, problems = _read([store for store in stores if store.recording not in unchanged])
    new_channels = frame("channels", (row for facts in read for row in facts.channels))
    return Catalog(
        recordings=_with_splits(_merged(recordings, kept, frame("catalog", (f.recording for f in read))), splits),
        channels=_merged(channels, kept, new_channels),
        n_read=len(read),
        n_kept=len(kept),
        problems=tuple(problems),
    )


def people(recordings: pl.DataFrame) -> list[Person]:
    """Return who is in the catalog, once a night, as the splits' rule wants to know them."""
    rows = recordings.select("subject", "family", "site", "age_years", "sex").iter_rows()
    return [
        Person(subject, family and family.partition("/")[2], site, age_years, sex)
        for subject, family, site, age_years, sex in rows
    ]


def _stores(out: Path) -> Iterator[_Store]:
    """Yield what is on the disk, with the ledger's digests, and what the ledger misses there."""
    rows = {name: row.store.root_digest for name, row in read_ledger(out).rows.items() if row.store is not None}
    with storage_errors("the stores cannot be listed"):
        cohorts = [name for name, is_folder in entries(out) if is_folder and not name.startswith(".")]
        present = {
            (cohort, name.removesuffix(".zarr"))
            for cohort in cohorts
            for name, is_folder in entries(out / cohort)
            if is_folder and name.endswith(".zarr") and not name.endswith(EMBEDDING)
        }
    for cohort, key in sorted(present | set(rows)):
        digest = rows.get((cohort, key)) if (cohort, key) in present else None
        yield _Store(f"{cohort}/{key}", store_path(out, cohort, key), digest)


def _earlier(out: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the tables of the last build, empty where there is none or the two do not belong together."""
    try:
        recordings, channels = open_table(out, "catalog"), open_table(out, "channels")
    except StoreIncomplete:
        return frame("catalog", ()), frame("channels", ())
    n_channel = recordings.select("recording", pl.col("channels").list.len().cast(pl.UInt32).alias("n"))
    found = channels.group_by("recording").agg(pl.len().cast(pl.UInt32).alias("n"))
    whole = n_channel.join(found, on=["recording", "n"], how="semi", maintain_order="left")["recording"]
    return recordings.filter(pl.col("recording").is_in(whole.implode())), channels


def _read(stores: list[_Store]) -> tuple[list[Facts], list[Problem]]:
    read, problems = list[Facts](), list[Problem]()
    for store in stores:
        try:
            read.append(store_facts(store.path, expected_digest=store.digest))
        except StorageError:
            raise
        except PsgError as error:
            problems.append(Problem(store.recording, error.reason, error.what))
    return read, problems


def _merged(old: pl.DataFrame, kept: list[str], new: pl.DataFrame) -> pl.DataFrame:
    same = old.filter(pl.col("recording").is_in(kept))
    return pl.concat([same, new]).sort("recording", maintain_order=True)


def _with_splits(recordings: pl.DataFrame, splits: Splits | None) -> pl.DataFrame:
    if splits is None:
        return recordings.with_columns(split=pl.lit(None, pl.String))
    check_splits(splits, people(recordings))
    of: Mapping[str, str] = {subject: split.value for subject, split in splits.of.items()}
    return recordings.with_columns(split=pl.col("subject").replace_strict(of, return_dtype=pl.String))
