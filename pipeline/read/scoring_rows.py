"""Rows of cells, from text or from a spreadsheet; what they mean is for others."""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import Path

from pipeline.read.spreadsheet import SPREADSHEETS, sheet_rows
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
    suffix = path.suffix.lower()
    if suffix in SPREADSHEETS:
        return sheet_rows(read_bytes(path), suffix, table.sheet, AnnotationCorrupt)[table.skip_lines :], ()
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


def _corrupt(what: str) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        f"annotation file cannot be used, {what}",
        expected="a table as annotations.table in the manifest describes it",
        do="Download it again, correct the manifest, or exclude the recording.",
    )
