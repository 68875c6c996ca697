"""Mutated EDF headers: ``python -m benchmarks.campaign benchmarks.mutate_edf --seed 1 --count 1000``.

Every mutant is opened and decoded completely. It must open, or raise a `PsgError` that names the file.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from benchmarks.edf_bytes import Column, build_edf, stamp
from pipeline.read.edf import open_edf
from pipeline.read.edf_header import read_header
from schemas.errors import PsgError

_DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
_REAL = (
    _DATA / "sleep-edf" / "SC4001E0_rec0960-1319-Hypnogram.edf",
    _DATA / "biosignalsnotebooks" / "supine_1min.edf",
    _DATA / "pyedflib" / "test_generator_datarec_generator_2.bdf",
)
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
_FIXED = ((0, 8), (8, 80), (88, 80), (168, 8), (176, 8), (184, 8), (192, 44), (236, 8), (244, 8), (252, 4))
_VALUES = (
    *(b"", b"0", b"-0", b"1", b"-1", b"-2", b"2", b"256", b"9999", b"99999999", b"-9999999", b"1e8", b"1e999"),
    *(b"-1e999", b"1e-999", b"1e99999", b"nan", b"inf", b"-inf", b"1_000", b"0x10", b"0,5", b"1,234", b"8e+003.5"),
    *(b"1\0", b"\0\0\0\0"),
    *(b"\xb2\xb3", b"\xff\xff", b"+ 1", b"--1", b".", b"1.", b".5", b"1/2", b"EDF+D", b"EDF+C", b"BDF+D", b"<?xml"),
    *(b"EDF Annotations", b"BDF Annotations", b"32.13.99", b"25:61:00", b"24.00.00", b"12:30:30"),
)  # fmt: skip


def seeds() -> list[bytes]:
    """Return the files that are mutated: four small ones of each kind, and real ones of the project."""
    event = b"+1.5\x152.0\x14Hypopnea\x14Lights \xc3\xa9\x14\0"
    plus = Column(label="EDF Annotations", n_per_record=30, cells=tuple(stamp(f"+{i}", event) for i in range(5)))
    gaps = Column(label="EDF Annotations", n_per_record=30, cells=tuple(stamp(f"+{2 * i}") for i in range(5)))
    waves = [
        Column(),
        Column(label="SpO2", unit="%", n_per_record=1),
        Column(label="ECG", unit="mV", n_per_record=8),
    ]
    built = [
        build_edf(waves, 5),
        build_edf([*waves, plus], 5, kind="EDF+C"),
        build_edf([*waves, gaps], 5, kind="EDF+D"),
        build_edf(waves, 5, kind="24BIT", is_bdf=True),
    ]
    return built + [path.read_bytes() for path in _REAL]


def mutate(source: bytes, rng: random.Random) -> bytes:
    """Return the file with one to three mutations, most of them in its header."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        source = rng.choice(_MUTATIONS)(source, rng)
    return source


def _fields(source: bytes) -> list[tuple[int, int]]:
    n_signal = max(1, source[184:192].strip().isdigit() and int(source[184:192]) // 256 - 1)
    fields, start = list(_FIXED), 256
    for width in _WIDTHS:
        fields += [(start + i * width, width) for i in range(n_signal)]
        start += width * n_signal
    return fields


def _set_field(source: bytes, rng: random.Random) -> bytes:
    start, width = rng.choice(_fields(source))
    value = rng.choice(_VALUES)[:width].ljust(width)
    return source[:start] + value + source[start + width :]


def _swap_fields(source: bytes, rng: random.Random) -> bytes:
    (a, width), (b, other) = rng.sample(_fields(source), 2)
    width = min(width, other)
    raw = bytearray(source)
    raw[a : a + width], raw[b : b + width] = source[b : b + width], source[a : a + width]
    return bytes(raw)


def _header_byte(source: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(min(len(source), 2048) or 1)
    return source[:at] + bytes([rng.randrange(256)]) + source[at + 1 :]


def _any_byte(source: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(source) or 1)
    return source[:at] + bytes([rng.choice((0, 20, 21, 43, 45, rng.randrange(256)))]) + source[at + 1 :]


def _truncate(source: bytes, rng: random.Random) -> bytes:
    return source[: rng.choice((rng.randrange(len(source) + 1), rng.randrange(600)))]


def _append(source: bytes, rng: random.Random) -> bytes:
    return source + rng.randbytes(rng.choice((1, 2, 26, 512)))


def _insert_or_delete(source: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(min(len(source), 1024) or 1)
    return rng.choice((source[:at] + b" " + source[at:], source[:at] + source[at + 1 :]))


_MUTATIONS = (_set_field,) * 5 + (
    _swap_fields,
    _header_byte,
    _header_byte,
    _any_byte,
    _truncate,
    _append,
    _insert_or_delete,
)


_SEEDS = seeds()


def trial(rng: random.Random, folder: Path) -> str:
    """Open one mutant and decode everything in it; return how it ended."""
    path = folder / "mutant.edf"
    path.write_bytes(mutate(rng.choice(_SEEDS), rng))
    try:
        read_header(path)
        with open_edf(path) as edf:
            for index, fields in enumerate(edf.header.ordinary):
                if fields.usable:
                    decoded = edf.signal(index)
                    values = [decoded.physical(k) for k in range(len(decoded.segments))]
                    assert all(np.isfinite(v).all() for v in values), "a usable signal decodes to finite values"
            assert all(a.onset_s == a.onset_s for a in edf.annotations()), "onsets are numbers"
            return "opened with findings" if edf.findings else "opened"
    except PsgError as error:
        return error.reason if path.name in str(error) else f"ESCAPED {error.reason} that does not name the file"
