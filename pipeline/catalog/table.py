"""The catalog's tables as Polars frames: typed by `pipeline.catalog.columns`, written whole, opened with checks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.catalog.columns import TABLES, VERSION
from pipeline.places import storage_errors
from schemas.errors import StoreIncomplete

__all__ = ["FILES", "VERSION_KEY", "frame", "open_table", "write_text", "write_whole"]

FILES: Mapping[str, str] = {name: f"{name}.parquet" for name in TABLES}
VERSION_KEY = "sleep2vec.catalog"  # key of the files' own metadata under which their version stands
_TYPES: Mapping[str, Any] = {
    "String": pl.String,
    "Boolean": pl.Boolean,
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "List(String)": pl.List(pl.String),
}


def frame(table: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame with the table's columns in their order; what a row does not say is null."""
    schema = {name: _TYPES[column.type] for name, column in TABLES[table].items()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def open_table(out: Path, table: str = "catalog") -> pl.DataFrame:
    """Return one of the catalog's tables.

    Parameters
    ----------
    out : Path
        The folder of the stores.
    table : {"catalog", "channels"}
        A row a recording, or a row a channel of a recording.

    Raises
    ------
    StoreIncomplete
        When there is none, or one of another version.
    """
    path = out / FILES[table]
    again = "Make it with 'sleep2vec catalog build'."
    try:
        written = pl.read_parquet_metadata(path).get(VERSION_KEY, "").split()
        if written[:1] == [VERSION]:
            return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError):
        raise StoreIncomplete("no catalog here that can be read", where=path.name, do=again) from None
    raise StoreIncomplete("the catalog is of another version", where=path.name, do=again)


def write_whole(out: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write the tables, each file whole or not at all.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    for name, rows in tables.items():
        with storage_errors("the catalog cannot be written", where=FILES[name]):
            temporary = _temporary(out / FILES[name])
            rows.write_parquet(temporary, metadata={VERSION_KEY: VERSION})
            os.replace(temporary, out / FILES[name])


def write_text(path: Path, text: str) -> None:
    """Write a document beside the tables, whole or not at all.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    with storage_errors("the catalog cannot be written", where=path.name):
        temporary = _temporary(path)
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.part-{secrets.token_hex(6)}")
