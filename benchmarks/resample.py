"""Resampling a night: CPU, aliasing, lag and edges of ours against scipy's polyphase resampler.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.resample``. One channel of eight hours a row;
CPU is the process's user and system time, median of interleaved repeats; peak is what tracemalloc sees beyond the
input.
"""

from __future__ import annotations

import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy
import scipy.signal
from numpy.typing import NDArray

from pipeline.derive.band import Band, band_for
from pipeline.derive.resample import resample_wave
from schemas.kinds import KINDS, Kind
from schemas.recording import Segment, Signal

HOURS = 8
REPEATS = 5
CASES = [
    (Kind.EEG, Fraction(256)),
    (Kind.EEG, Fraction(125)),
    (Kind.EEG, Fraction(2559997, 10000)),
    (Kind.EMG, Fraction(256)),
    (Kind.PLETH, Fraction(256)),
    (Kind.BELT, Fraction(10)),
    (Kind.BELT, Fraction(32)),
]


@dataclass(frozen=True)
class Case:
    """One channel to be resampled."""

    kind: Kind
    rate_hz: Fraction
    band: Band
    out_hz: int


Resampler = Callable[[NDArray[np.int16], Case], NDArray[np.floating]]


def ours(x: NDArray[np.int16], case: Case) -> NDArray[np.floating]:
    n_per_record = 256 if x.size % 256 == 0 else 125 if x.size % 125 == 0 else 1
    segment = Segment(0.0, x.reshape(-1, n_per_record))
    signal = Signal("X", "uV", case.rate_hz, 1.0, 0.0, -1, 1, -32768, 32767, (segment,))
    n = int(x.size * case.out_hz / case.rate_hz)
    return resample_wave(signal, band=case.band, rate_hz=case.out_hz, start_s=0.0, n_sample=n).value


def polyphase(x: NDArray[np.int16], case: Case) -> NDArray[np.floating]:
    """Resample as most scripts do: no high-pass, and a ratio of small whole numbers."""
    ratio = (case.out_hz / case.rate_hz).limit_denominator(10000)
    return scipy.signal.resample_poly(x.astype(np.float32), ratio.numerator, ratio.denominator)


def filtered_polyphase(x: NDArray[np.int16], case: Case) -> NDArray[np.floating]:
    """Resample as careful scripts do: zero-phase Butterworth high-pass first, double precision."""
    sos = scipy.signal.butter(2, case.band.low_hz, "highpass", fs=float(case.rate_hz), output="sos")
    ratio = (case.out_hz / case.rate_hz).limit_denominator(10000)
    return scipy.signal.resample_poly(
        scipy.signal.sosfiltfilt(sos, x.astype(np.float64)), ratio.numerator, ratio.denominator
    )


RESAMPLERS: dict[str, Resampler] = {"ours": ours, "poly": polyphase, "sosfiltfilt+poly": filtered_polyphase}


def cpu_s(case: Case, x: NDArray[np.int16]) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in RESAMPLERS}
    for _ in range(REPEATS):
        for name, resampler in RESAMPLERS.items():
            begin = time.process_time()
            resampler(x, case)
            spent[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in spent.items()}


def peak_mb(case: Case, x: NDArray[np.int16], resampler: Resampler) -> float:
    tracemalloc.start()
    resampler(x, case)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def tone(case: Case, frequency_hz: float, n: int) -> NDArray[np.int16]:
    angle = 2 * np.pi * frequency_hz * np.arange(n) / float(case.rate_hz)
    return np.rint(30000 * np.sin(angle)).astype(np.int16)


def alias_db(case: Case, resampler: Resampler) -> float:
    """Return what is left of a tone at 1.1 of the output's Nyquist, ends excluded; NaN if there is none."""
    if 0.55 * case.out_hz > case.rate_hz / 2:
        return float("nan")
    y = resampler(tone(case, 0.55 * case.out_hz, int(600 * case.rate_hz) // 256 * 256), case)
    inner = y[y.size // 4 : -y.size // 4].astype(float)
    return float(20 * np.log10(np.sqrt(np.mean(inner**2)) / (30000 / np.sqrt(2))))


def lag_ms(case: Case, resampler: Resampler, n: int) -> tuple[float, float]:
    """Return the lag of a tone at a quarter of the output rate's Nyquist, in the first and the last minute."""
    frequency_hz = case.out_hz / 8
    y = resampler(tone(case, frequency_hz, n), case).astype(float)
    lags = []
    for first in (0, y.size - 60 * case.out_hz):
        angle = 2 * np.pi * frequency_hz * (np.arange(60 * case.out_hz) + first) / case.out_hz
        basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        (a, b), *_ = np.linalg.lstsq(basis, y[first : first + 60 * case.out_hz], rcond=None)
        lags.append(float(-np.arctan2(b, a) / (2 * np.pi * frequency_hz) * 1e3))
    return lags[0], lags[1]


def edge_per_cent(case: Case, resampler: Resampler) -> float:
    """Return the largest error on a constant, whose band-passed value is 0 (or itself without high-pass)."""
    y = resampler(np.full(int(600 * case.rate_hz) // 256 * 256, 20000, np.int16), case)
    return float(100 * np.abs(y - (20000 if resampler is polyphase else 0)).max() / 20000)


def main() -> None:
    """Print one line a case and resampler."""
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {HOURS} h, one channel")
    print("case resampler | CPU s | peak MB | alias dB | lag ms first, last | constant, worst %")
    for kind, rate_hz in CASES:
        band = band_for(KINDS[kind], rate_hz, KINDS[kind].high_pass_hz)
        assert band is not None
        case = Case(kind, rate_hz, band, KINDS[kind].rate_class.rate_hz)
        n = int(HOURS * 3600 * rate_hz) // 256 * 256
        x = np.random.default_rng(0).integers(-3000, 3000, n).astype(np.int16)
        spent = cpu_s(case, x)
        for name, resampler in RESAMPLERS.items():
            first, last = lag_ms(case, resampler, n)
            print(
                f"{kind} {float(rate_hz):.7g}->{case.out_hz} {name} | {spent[name]:.3f} |"
                f" {peak_mb(case, x, resampler):.0f} | {alias_db(case, resampler):.0f} | {first:.4f}, {last:.4f} |"
                f" {edge_per_cent(case, resampler):.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
