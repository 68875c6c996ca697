"""A strict and fast writer of plain EDF with one-second records.

The whole file is one int16 matrix, a row a record, filled a signal at a time and written in one piece under a
temporary name.

Source
------
Kemp 1992, EDF specification, https://www.edfplus.info/specs/edf.html
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.noise import Floats

__all__ = ["EdfSignal", "digitise", "header_bytes", "write_edf"]


@dataclass(frozen=True)
class EdfSignal:
    """Header of one signal; ``physical`` and ``digital`` are (minimum, maximum) as written.

    A physical minimum above the maximum is a legal negative gain.
    """

    label: str
    rate_hz: int
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    transducer: str = ""
    prefilter: str = ""

    @property
    def gain(self) -> float:
        """Physical units a digital count."""
        return (self.physical[1] - self.physical[0]) / (self.digital[1] - self.digital[0])


def digitise(value: Floats, signal: EdfSignal) -> NDArray[np.int16]:
    """Return the counts nearest to physical values, clipped to the digital range, never wrapped.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), float32
        Physical values in ``signal.unit``; changed in place to save memory.
    """
    value -= np.float32(signal.physical[0])
    value *= np.float32(1.0 / signal.gain)
    value += np.float32(signal.digital[0])
    np.rint(value, out=value)
    np.clip(value, *signal.digital, out=value)
    return value.astype(np.int16)


def header_bytes(
    signals: Sequence[EdfSignal], *, n_record: int, clock_start_s: int, reserved: str = "", version: str = "0"
) -> bytes:
    """Return the header record: de-identified, start date 01.01.85, start time kept.

    Parameters
    ----------
    clock_start_s : int
        Time of day in seconds.
    reserved : str
        ``"EDF+C"`` or ``"EDF+D"`` for EDF+.
    """
    hours, minutes, seconds = clock_start_s // 3600 % 24, clock_start_s // 60 % 60, clock_start_s % 60
    patient, recording = ("X X X X", "Startdate X X X X") if reserved else ("", "")
    fixed = (
        (version, 8),
        (patient, 80),
        (recording, 80),
        ("01.01.85", 8),
        (f"{hours:02d}.{minutes:02d}.{seconds:02d}", 8),
        (str(256 * (len(signals) + 1)), 8),
        (reserved, 44),
        (str(n_record), 8),
        ("1", 8),
        (str(len(signals)), 4),
    )
    columns = (
        ([s.label for s in signals], 16),
        ([s.transducer for s in signals], 80),
        ([s.unit for s in signals], 8),
        ([_number(s.physical[0]) for s in signals], 8),
        ([_number(s.physical[1]) for s in signals], 8),
        ([str(s.digital[0]) for s in signals], 8),
        ([str(s.digital[1]) for s in signals], 8),
        ([s.prefilter for s in signals], 80),
        ([str(s.rate_hz) for s in signals], 8),
        (["" for _ in signals], 32),
    )
    parts = [_field(text, width) for text, width in fixed]
    parts += [_field(text, width) for texts, width in columns for text in texts]
    return b"".join(parts)


def _field(text: str, width: int) -> bytes:
    raw = text.encode("ascii")
    if len(raw) > width:
        raise ValueError(f"{text!r} does not fit into {width} bytes")
    return raw.ljust(width)


def _number(value: float) -> str:
    return f"{value:.6g}"


def write_edf(
    path: Path,
    signals: Sequence[EdfSignal],
    digital: Iterable[NDArray[np.int16]],
    *,
    n_record: int,
    clock_start_s: int,
) -> None:
    """Write an EDF; the path appears only when it is complete.

    Parameters
    ----------
    digital : iterable of ndarray, shape (n_record * rate_hz,), int16
        Counts in the order of ``signals``; consumed one at a time.
    """
    ends = np.cumsum([signal.rate_hz for signal in signals])
    matrix = np.empty((n_record, int(ends[-1])), "<i2")
    for signal, end, counts in zip(signals, ends, digital, strict=True):
        matrix[:, end - signal.rate_hz : end] = counts.reshape(n_record, signal.rate_hz)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(header_bytes(signals, n_record=n_record, clock_start_s=clock_start_s))
        file.write(matrix.data)
    os.replace(part, path)
