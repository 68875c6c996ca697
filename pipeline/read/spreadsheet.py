"""Rows of a spreadsheet as text, as a person would write them.

Numbers are written as ``1`` and not ``1.0``, times of day as ``22:30:00``. Dates are not kept.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence

from pipeline.read.clock import DAY_S
from pipeline.read.optional import library
from schemas.errors import SourceError

__all__ = ["SPREADSHEETS", "sheet_rows"]

SPREADSHEETS = frozenset({".xls", ".xlsx"})


def sheet_rows(data: bytes, suffix: str, sheet: str | None, error: type[SourceError]) -> list[list[str]]:
    """Return the rows of one sheet.

    Parameters
    ----------
    data : bytes
        The whole file.
    suffix : str
        One of `SPREADSHEETS`.
    sheet : str or None
        Its name; the first by default.
    error : type
        What is raised where the file cannot be read: it depends on what it is for.

    Raises
    ------
    SourceError
        The given one: when the file is no spreadsheet, has no such sheet, or nothing is installed that reads it.
    """
    read = _xls if suffix == ".xls" else _xlsx
    try:
        return read(data, sheet, error)
    except SourceError:
        raise
    except Exception as caught:  # the libraries let through whatever the archive or its XML raises
        raise error(
            "the spreadsheet cannot be parsed",
            saw=type(caught).__name__,
            expected="a spreadsheet, as the suffix says",
        ) from None


def _xlsx(data: bytes, sheet: str | None, error: type[SourceError]) -> list[list[str]]:
    book = library("openpyxl", error).load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    page = book[_sheet(book.sheetnames, sheet, error)]
    return [[_text(value) for value in row] for row in page.iter_rows(values_only=True)]


def _xls(data: bytes, sheet: str | None, error: type[SourceError]) -> list[list[str]]:
    xlrd = library("xlrd", error)
    book = xlrd.open_workbook(file_contents=data, logfile=io.StringIO())
    page = book.sheet_by_name(_sheet(book.sheet_names(), sheet, error))
    dates = xlrd.XL_CELL_DATE
    return [
        [_clock(cell.value % 1.0 * DAY_S) if cell.ctype == dates else _text(cell.value) for cell in page.row(k)]
        for k in range(page.nrows)
    ]


def _sheet(names: Sequence[str], wanted: str | None, error: type[SourceError]) -> str:
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise error("the spreadsheet has no such sheet", saw=f"{len(names)} others", expected=repr(wanted))
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
            return _clock(value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6)
        case datetime.timedelta():
            return _span(round(value.total_seconds(), 3))
        case _:
            return str(value).strip()


def _clock(second: float) -> str:
    """Spell a time of day; spreadsheets keep it as a part of a day, so what is below a millisecond is noise."""
    return _span(round(second, 3) % DAY_S).zfill(8)


def _span(second: float) -> str:
    minute, rest = divmod(second, 60)
    text = f"{int(minute // 60)}:{int(minute % 60):02d}:{rest:06.3f}"
    return text.removesuffix(".000")
