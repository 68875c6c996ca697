"""Read the header of an EDF, EDF+, BDF or BDF+ file, and check it against the size of the file.

Only the header's bytes and the size of the file are looked at. Patient, recording and transducer fields are
never decoded, dates never kept. What the header declares is bounded before anybody can allocate by it.

Source: https://www.edfplus.info/specs/edf.html, https://www.edfplus.info/specs/edfplus.html,
https://www.biosemi.com/faq/file_format.htm.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from pipeline.read.edf_checks import HeaderNotes, count_records, refuse_other_formats
from pipeline.read.edf_fields import parse_clock, parse_date, parse_filters, parse_number, parse_text
from pipeline.read.edf_model import EdfHeader, SignalHeader
from pipeline.read.source_file import open_source
from schemas.errors import EdfCorrupt, EdfTruncated, PsgError

__all__ = ["MAX_DURATION_S", "EdfHeader", "SignalHeader", "read_header", "read_header_from"]

MAX_DURATION_S = 7 * 86400  # seconds; longer than any sleep study, short enough to allocate
_MIN_RECORD_S = 1e-6  # seconds; keeps rates within what floats and samplers can be
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # bytes of the ten fields that each signal has
_MAX_DIGITAL = 2**31
_ENDS = ("physical minimum", "physical maximum", "digital minimum", "digital maximum")
_ANNOTATIONS = {"EDF Annotations", "BDF Annotations"}


def read_header(path: Path) -> EdfHeader:
    """Read and check the header of an EDF, EDF+, BDF or BDF+ file.

    Raises
    ------
    SourceMissing
        When there is no such file, or it may not be read.
    EdfCorrupt
        When it is of another format, or its header cannot be understood without guessing.
    EdfTruncated
        When it holds less than the header declares, or no data record at all.
    StorageError
        When the disk or the network fails.
    """
    with open_source(path) as file:
        return read_header_from(file, path.name)


def read_header_from(file: BinaryIO, name: str) -> EdfHeader:
    """Read the header from an open file; ``name`` is what errors call it. Raises as `read_header`."""
    try:
        return _parse(file)
    except PsgError as error:
        raise error.at(name) from None


def _parse(file: BinaryIO) -> EdfHeader:
    head = file.read(256)
    refuse_other_formats(head)
    n_file = file.seek(0, os.SEEK_END)
    file.seek(256)
    notes = HeaderNotes()
    n_signal = _count_signals(head, n_file)
    record_duration_s = _record_duration(head[244:252], notes)
    is_bdf = head[0] == 0xFF
    signals = _parse_signals(file.read(256 * n_signal), n_signal, record_duration_s, 3 if is_bdf else 2, notes)
    header_bytes = 256 * (n_signal + 1)
    bytes_per_record = (3 if is_bdf else 2) * sum(signal.n_per_record for signal in signals)
    n_record = count_records(_integer(head[236:244]), n_file - header_bytes, bytes_per_record, notes)
    if n_record * record_duration_s > MAX_DURATION_S:
        raise EdfCorrupt(
            "the header declares a recording of impossible length",
            saw=f"{n_record} records of {float(record_duration_s):g} s",
            expected=f"at most {MAX_DURATION_S} s",
        )
    _check_length_field(head[184:192], header_bytes, n_file - header_bytes == n_record * bytes_per_record, notes)
    kind = head[192:197]
    return EdfHeader(
        is_bdf=is_bdf,
        is_plus=kind in (b"EDF+C", b"EDF+D", b"BDF+C", b"BDF+D"),
        is_discontinuous=kind in (b"EDF+D", b"BDF+D"),
        n_record=n_record,
        record_duration_s=record_duration_s,
        header_bytes=header_bytes,
        clock_start_s=_clock_start(head, notes),
        signals=signals,
        findings=notes.findings(signals),
    )


def _integer(raw: bytes) -> int | None:
    number = parse_number(raw)
    if number is None:
        return None
    value = Fraction(number[0])
    return int(value) if value.denominator == 1 and abs(value) < 10**8 else None


def _count_signals(head: bytes, n_file: int) -> int:
    n_signal, declared = _integer(head[252:256]), _integer(head[184:192])
    if n_signal is None or not 1 <= n_signal <= 9999:
        raise EdfCorrupt("the number of signals cannot be read", expected="a whole number from 1 to 9999")
    if 256 * (n_signal + 1) <= n_file:
        return n_signal
    error = EdfTruncated if declared == 256 * (n_signal + 1) else EdfCorrupt
    raise error(
        "the file is shorter than its own header",
        saw=f"{n_file} bytes",
        expected=f"{256 * (n_signal + 1)} for {n_signal} signals",
        do="Copy the file again.",
    )


def _check_length_field(raw: bytes, header_bytes: int, is_exact: bool, notes: HeaderNotes) -> None:
    """Let the number of signals decide, if only the length field contradicts it and the size agrees."""
    declared = _integer(raw)
    if declared == header_bytes:
        return
    if not is_exact:
        raise EdfCorrupt(
            "header length, number of signals and file size contradict each other",
            saw=f"a declared header of {'unreadable' if declared is None else declared} bytes",
            expected=f"{header_bytes} bytes",
            why="It is unknown where the samples begin.",
        )
    notes.add("PSG-H013", f"the header has {header_bytes} bytes; its length field says otherwise")


def _record_duration(raw: bytes, notes: HeaderNotes) -> Fraction:
    number = parse_number(raw)
    value = None if number is None else Fraction(number[0])
    if number is None or value is None or not (value == 0 or _MIN_RECORD_S <= value <= MAX_DURATION_S):
        raise EdfCorrupt(
            "the duration of a data record is unreadable or impossible",
            expected=f"0, or {_MIN_RECORD_S:g} to {MAX_DURATION_S} s",
        )
    if number[1]:
        notes.repaired("duration of a data record", number[0])
    return value


def _clock_start(head: bytes, notes: HeaderNotes) -> float | None:
    if not parse_date(head[168:176]):
        notes.add("PSG-H004", "the start date is unreadable or impossible")
    clock = parse_clock(head[176:184])
    if clock is None:
        notes.add("PSG-H005", "the start time is unreadable or impossible")
        return None
    if clock[1]:
        notes.repaired("start time", "colons for dots")
    return clock[0]


def _parse_signals(
    block: bytes, n_signal: int, record_duration_s: Fraction, sample_bytes: int, notes: HeaderNotes
) -> tuple[SignalHeader, ...]:
    columns, start = [], 0
    for width in _WIDTHS:
        columns.append([block[start + i * width : start + (i + 1) * width] for i in range(n_signal)])
        start += width * n_signal
    signals: list[SignalHeader] = []
    byte_offset = 0
    for row in zip(*columns, strict=True):
        signals.append(_parse_signal(row, record_duration_s, byte_offset, notes))
        byte_offset += sample_bytes * signals[-1].n_per_record
    return tuple(signals)


def _parse_signal(
    row: tuple[bytes, ...], record_duration_s: Fraction, byte_offset: int, notes: HeaderNotes
) -> SignalHeader:
    label, unit_text, prefilter = (_text(row[i], notes) for i in (0, 2, 7))
    is_annotation = label in _ANNOTATIONS
    n_per_record = _integer(row[8])
    if n_per_record is None or n_per_record < 0:
        raise EdfCorrupt(f"the number of samples a record of signal {label!r} cannot be read")
    if record_duration_s == 0 and n_per_record and not is_annotation:
        raise EdfCorrupt(
            f"signal {label!r} has no rate", saw="data records of 0 s", expected="0 s with annotations alone"
        )
    ends = [math.nan] * 4
    if not is_annotation:
        ends = [_range_end(raw, what, label, notes) for raw, what in zip(row[3:7], _ENDS, strict=True)]
    has_range = not is_annotation and n_per_record > 0 and _gives_a_gain(*ends)
    digital = [int(end) if abs(end) < _MAX_DIGITAL else 0 for end in ends[2:]]
    return SignalHeader(
        label=label,
        unit_text=unit_text,
        physical_min=ends[0],
        physical_max=ends[1],
        digital_min=digital[0],
        digital_max=digital[1],
        prefilter=parse_filters(prefilter),
        n_per_record=n_per_record,
        rate_hz=n_per_record / record_duration_s if record_duration_s else Fraction(0),
        byte_offset=byte_offset,
        is_annotation=is_annotation,
        usable=is_annotation or has_range,
    )


def _text(raw: bytes, notes: HeaderNotes) -> str:
    text, clean = parse_text(raw)
    notes.n_unclean += not clean
    return text


def _range_end(raw: bytes, what: str, label: str, notes: HeaderNotes) -> float:
    number = parse_number(raw)
    if number is None:
        return math.nan
    if number[1]:
        notes.repaired(f"{what} of {label!r}", number[0])
    return float(number[0])


def _gives_a_gain(physical_min: float, physical_max: float, digital_min: float, digital_max: float) -> bool:
    if not all(end.is_integer() and abs(end) < _MAX_DIGITAL for end in (digital_min, digital_max)):
        return False
    if digital_min == digital_max:
        return False
    gain = (physical_max - physical_min) / (digital_max - digital_min)
    return math.isfinite(gain) and gain != 0 and math.isfinite(physical_min - gain * digital_min)
