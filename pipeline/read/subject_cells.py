"""Rows of a subjects' table as text, whatever the file is: delimited text, ``.xls`` or ``.xlsx``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePath

from pipeline.read.spreadsheet import SPREADSHEETS, sheet_rows
from schemas.errors import SubjectTableCorrupt
from schemas.subjects import SubjectTable

__all__ = ["MAX_TABLE_BYTES", "numbered_rows"]

MAX_TABLE_BYTES = 2**30


def numbered_rows(data: bytes, name: str, rule: SubjectTable) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table with their numbers, counted from 1.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name; the suffix tells a spreadsheet.
    rule : SubjectTable
        Encoding and delimiter of a text, sheet of a spreadsheet.

    Raises
    ------
    SubjectTableCorrupt
        When the file cannot be parsed, or the sheet is not there.
    """
    if len(data) > MAX_TABLE_BYTES:
        raise SubjectTableCorrupt("the table is too large", expected=f"at most {MAX_TABLE_BYTES} bytes", where=name)
    suffix = PurePath(name).suffix.lower()
    if suffix not in SPREADSHEETS:
        return _delimited(data, name, rule)
    try:
        return iter(enumerate(sheet_rows(data, suffix, rule.sheet, SubjectTableCorrupt), 1))
    except SubjectTableCorrupt as error:
        raise error.at(name) from None


def _delimited(data: bytes, name: str, rule: SubjectTable) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decode(data, rule.encoding), newline=""), delimiter=rule.delimiter)
    first = 1
    try:
        for cells in reader:
            yield first, [cell.strip() for cell in cells]
            first = reader.line_num + 1
    except csv.Error:
        raise SubjectTableCorrupt(
            "the subjects' table cannot be parsed", expected="delimited text", where=name
        ) from None


def _decode(data: bytes, encoding: str) -> str:
    """Return the text: UTF-16 by its mark, UTF-8 where it is, else as the manifest says, else Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    for known in ("utf-8-sig", encoding):
        try:
            return data.decode(known)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")
