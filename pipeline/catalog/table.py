"""The catalog's tables as Polars frames: typed by `pipeline.catalog.columns`, written whole, opened with checks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.catalog.columns import TABLES, VERSION
from pipeline.files.places import is_remote, storage_errors
from schemas.errors import StoreIncomplete
from schemas.store import PART

__all__ = ["FILES", "VERSION_KEY", "encoded", "frame", "open_table", "write_whole"]

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
        with storage_errors("the catalog cannot be read", where=path.name):
            content = path.read_bytes() if path.is_file() else b""
        written = pl.read_parquet_metadata(BytesIO(content)).get(VERSION_KEY, "")
        if written == VERSION:
            return pl.read_parquet(BytesIO(content))
    except pl.exceptions.PolarsError:
        raise StoreIncomplete("no catalog here that can be read", where=path.name, do=again) from None
    raise StoreIncomplete("the catalog is of another version", where=path.name, do=again)


def encoded(rows: pl.DataFrame) -> bytes:
    """Return a table as the content of its file."""
    content = BytesIO()
    rows.write_parquet(content, metadata={VERSION_KEY: VERSION})
    return content.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the catalog cannot be written", where=path.name):
        if is_remote(path):
            path.write_bytes(content)
            return
        temporary = path.with_name(f"{path.name}{PART}-{secrets.token_hex(6)}")
        temporary.write_bytes(content)
        temporary.replace(path)
