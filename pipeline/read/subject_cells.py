"""Rows of a subjects' table as text, whatever the file is: delimited text, ``.xls`` or ``.xlsx``.

Numbers of a spreadsheet are written as a person would: ``1`` and not ``1.0``, times as ``22:30:00``. Dates are not
kept.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from schemas.errors import SubjectTableCorrupt
from schemas.subjects import SubjectTable

__all__ = ["MAX_TABLE_BYTES", "numbered_rows"]

MAX_TABLE_BYTES = 2**30
DAY_S = 86_400


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
    match name.rsplit(".", 1)[-1].lower():
        case "xlsx":
            return iter(enumerate(_xlsx(data, name, rule.sheet), 1))
        case "xls":
            return iter(enumerate(_xls(data, name, rule.sheet), 1))
        case _:
            return _delimited(data, name, rule)


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


def _xlsx(data: bytes, name: str, sheet: str | None) -> list[list[str]]:
    library = _library("openpyxl", name)
    try:
        book = library.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        page = book[_sheet(book.sheetnames, name, sheet)]
        return [[_text(value) for value in row] for row in page.iter_rows(values_only=True)]
    except SubjectTableCorrupt:
        raise
    except Exception as error:  # the library lets through whatever the archive or its XML raises
        raise _not_a_spreadsheet(name, error) from None


def _xls(data: bytes, name: str, sheet: str | None) -> list[list[str]]:
    library = _library("xlrd", name)
    try:
        book = library.open_workbook(file_contents=data, logfile=io.StringIO())
        page = book.sheet_by_name(_sheet(book.sheet_names(), name, sheet))
        dates = library.XL_CELL_DATE
        return [
            [_clock(round(c.value % 1.0 * DAY_S)) if c.ctype == dates else _text(c.value) for c in page.row(number)]
            for number in range(page.nrows)
        ]
    except SubjectTableCorrupt:
        raise
    except Exception as error:  # as above
        raise _not_a_spreadsheet(name, error) from None


def _library(name: str, file: str) -> Any:
    """Import what reads a kind of spreadsheet, where it is installed."""
    try:
        return import_module(name)
    except ImportError:
        raise SubjectTableCorrupt(
            "nothing here reads spreadsheets",
            where=file,
            expected=f"the package {name}",
            do="Install sleep2vec[formats], or save the table as CSV.",
        ) from None


def _not_a_spreadsheet(name: str, error: Exception) -> SubjectTableCorrupt:
    return SubjectTableCorrupt(
        "the subjects' table cannot be parsed",
        saw=type(error).__name__,
        expected="a spreadsheet, as the suffix says",
        where=name,
    )


def _sheet(names: Sequence[str], name: str, wanted: str | None) -> str:
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise SubjectTableCorrupt(
            "the spreadsheet has no such sheet", saw=f"{len(names)} others", expected=repr(wanted), where=name
        )
    return wanted


def _text(value: object) -> str:
    match value:
        case None | datetime.date() if not isinstance(value, datetime.datetime):
            return ""
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer():
            return str(int(value))
        case datetime.datetime() | datetime.time():
            return _clock(value.hour * 3600 + value.minute * 60 + value.second)
        case _:
            return str(value).strip()


def _clock(second: int) -> str:
    second %= DAY_S
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"
