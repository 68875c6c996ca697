"""Rows of cells, from text or from a spreadsheet; what they mean is for others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.read.text_file import read_bytes, read_text
from schemas.errors import AnnotationCorrupt
from schemas.findings import Finding
from schemas.scoring_rules import TableRule

__all__ = ["Row", "read_rows"]

Row = list[str]


def read_rows(path: Path, table: TableRule) -> tuple[list[Row], tuple[Finding, ...]]:
    """Return the rows after ``skip_lines``.

    Raises
    ------
    SourceMissing, StorageError, AnnotationCorrupt
    """
    match path.suffix.lower():
        case ".xlsx" | ".xlsm":
            return _xlsx(read_bytes(path), table.sheet)[table.skip_lines :], ()
        case ".xls":
            return _xls(read_bytes(path), table.sheet)[table.skip_lines :], ()
    text, found = read_text(path, table.encoding)
    lines = islice(io.StringIO(text, newline=None), table.skip_lines, None)
    if table.delimiter == "whitespace":
        return [line.split() for line in lines], found
    try:
        if table.delimiter == "\t":  # a quote in a TSV is a quote
            return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)), found
        return list(csv.reader(lines, delimiter=table.delimiter)), found
    except csv.Error:
        raise _corrupt("it is no table of text") from None


def _xlsx(data: bytes, sheet: str | None) -> list[Row]:
    library = import_module("openpyxl")
    try:
        book = library.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        page = book[sheet] if sheet else book.worksheets[0]
        return [_cells(row) for row in page.iter_rows(values_only=True)]
    except Exception:  # the library lets through whatever the archive or its XML raises
        raise _corrupt("it is no spreadsheet, or has no such sheet") from None


def _xls(data: bytes, sheet: str | None) -> list[Row]:
    library = import_module("xlrd")
    try:
        book = library.open_workbook(file_contents=data, logfile=io.StringIO())
        page = book.sheet_by_name(sheet) if sheet else book.sheet_by_index(0)
        return [_cells(_value(library, cell, book.datemode) for cell in page.row(k)) for k in range(page.nrows)]
    except Exception:  # as above
        raise _corrupt("it is no spreadsheet, or has no such sheet") from None


def _value(library: Any, cell: Any, datemode: int) -> object:
    """Return a cell of an ``.xls`` as Python has it; a time of day is the part of a date after the day."""
    is_date = cell.ctype == library.XL_CELL_DATE
    return library.xldate_as_datetime(cell.value, datemode) if is_date else cell.value


def _cells(values: Iterable[object]) -> Row:
    return [_text(value) for value in values]


def _text(value: object) -> str:
    """Spell a cell as a text file would."""
    match value:
        case None:
            return ""
        case datetime():
            return value.time().isoformat()
        case time():
            return value.isoformat()
        case timedelta():
            return _span(value.total_seconds())
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def _span(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{rest:06.3f}"


def _corrupt(what: str) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        f"annotation file cannot be used, {what}",
        expected="a table as annotations.table in the manifest describes it",
        do="Download it again, correct the manifest, or exclude the recording.",
    )
