"""EDF and BDF files built byte by byte, legal or broken, for the campaigns and the tests of the reader.

An independent writer (edfio, pyedflib) refuses to write most defects; here every field is what the caller says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Column", "build_edf", "stamp"]


@dataclass(frozen=True)
class Column:
    """One signal: its header fields verbatim, and its bytes record by record (zeros are appended)."""

    label: str | bytes = "EEG"
    unit: str | bytes = "uV"
    physical_min: str | bytes = "-100"
    physical_max: str | bytes = "100"
    digital_min: str | bytes = "-32768"
    digital_max: str | bytes = "32767"
    prefilter: str | bytes = ""
    n_per_record: int = 4
    declared: str | bytes | None = None  # number of samples a record, where it should lie
    cells: tuple[bytes, ...] = field(default=(), repr=False)


def stamp(onset: str, *tals: bytes) -> bytes:
    """Return the cell of an annotation signal that opens with a time stamp."""
    return b"".join((onset.encode(), b"\x14\x14\0", *tals))


def build_edf(
    columns: list[Column],
    n_record: int = 3,
    *,
    declared: str | bytes | None = None,
    duration: str | bytes = "1",
    kind: str = "",
    date: str | bytes = "01.01.85",
    clock: str | bytes = "22.00.00",
    patient: str = "X X X X",
    recording: str = "Startdate X X X X",
    transducer: str = "",
    header_bytes: str | None = None,
    is_bdf: bool = False,
) -> bytes:
    """Return a file; a column without cells counts up from 0 through the recording."""
    n = len(columns)
    fields: list[tuple[int, str | bytes]] = [
        (8, b"\xffBIOSEMI" if is_bdf else "0"),
        (80, patient),
        (80, recording),
        (8, date),
        (8, clock),
        (8, header_bytes or str(256 * (n + 1))),
        (44, kind),
        (8, str(n_record) if declared is None else declared),
        (8, duration),
        (4, str(n)),
    ]
    rows = (
        (16, [c.label for c in columns]),
        (80, [transducer] * n),
        (8, [c.unit for c in columns]),
        (8, [c.physical_min for c in columns]),
        (8, [c.physical_max for c in columns]),
        (8, [c.digital_min for c in columns]),
        (8, [c.digital_max for c in columns]),
        (80, [c.prefilter for c in columns]),
        (8, [str(c.n_per_record) if c.declared is None else c.declared for c in columns]),
        (32, [""] * n),
    )
    fields += [(width, value) for width, values in rows for value in values]
    header = b"".join(_pad(width, value) for width, value in fields)
    width = 3 if is_bdf else 2
    return header + b"".join(_cell(c, i, width) for i in range(n_record) for c in columns)


def _pad(width: int, value: str | bytes) -> bytes:
    raw = value.encode("latin-1") if isinstance(value, str) else value
    assert len(raw) <= width, (width, value)
    return raw.ljust(width)


def _cell(column: Column, record: int, width: int) -> bytes:
    if column.cells:
        return column.cells[record].ljust(width * column.n_per_record, b"\0")
    counts = np.arange(record * column.n_per_record, (record + 1) * column.n_per_record, dtype="<i4")
    return counts.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
