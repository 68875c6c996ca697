"""What a table says of the persons or nights of a set: diseases, years of follow-up, anything in columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.read import Nights
from pipeline.shards.sources import source_of
from schemas.errors import SelectionError
from schemas.shard import INDEX

__all__ = ["read_targets"]

_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_UNKNOWN = ("", "unknown", "none", "na", "nan")
_KEYS = ("recording", "subject")  # cohort/key, or cohort/subject for all nights of a person


def read_targets(
    place: Path | str, nights: Nights, columns: Sequence[str], table: Path | None = None
) -> NDArray[np.float64]:
    """Return columns of a table for the recordings of a split.

    Parameters
    ----------
    place : Path or str
        The set; its own index is the table where no other is given.
    table : Path, optional
        CSV or Parquet with a column ``recording`` or ``subject``, named as in the set.

    Returns
    -------
    ndarray, shape (n_recording, n_column), float64
        1 for yes, 0 for no, numbers as they are; NaN where the table has nothing, ``unknown``, or not the person.

    Raises
    ------
    SelectionError
        When a column is not there, a cell is neither yes, no nor a number, or the table knows nobody of the split.
    """
    import polars

    source: BytesIO | Path = BytesIO(source_of(place).read(INDEX)) if table is None else table
    is_parquet = table is None or table.suffix == ".parquet"
    found = polars.read_parquet(source) if is_parquet else polars.read_csv(source, infer_schema=False)
    key = next((name for name in _KEYS if name in found.columns), None)
    if key is None or (absent := [name for name in columns if name not in found.columns]):
        raise SelectionError(
            "the table lacks a column",
            saw=", ".join(found.columns[:20]),
            expected=" or ".join(_KEYS) if key is None else ", ".join(absent),
        )
    values = [[_number(cell, name) for cell in found[name].to_list()] for name in columns]
    rows = dict(zip(found[key].to_list(), zip(*values, strict=True), strict=True))
    own = nights.recording if key == "recording" else nights.subject
    if not any(name in rows for name in own):
        raise SelectionError(
            "the table knows nobody of the split",
            expected=f"{key} as in the set: cohort/{'key' if key == 'recording' else 'subject'}",
        )
    nothing = (float("nan"),) * len(columns)
    return np.array([rows.get(name, nothing) for name in own], np.float64)


def _number(cell: object, column: str) -> float:
    text = str(cell if cell is not None else "").strip().lower()
    if text in _UNKNOWN:
        return float("nan")
    try:
        return _WORDS[text] if text in _WORDS else float(text)
    except ValueError:
        raise SelectionError(
            "a cell of the table is neither yes, no nor a number", saw=f"another word in {column}"
        ) from None
