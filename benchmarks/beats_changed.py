"""Beats of real records that were made worse: ``python -m benchmarks.beats_changed --data FOLDER``.

The records of `benchmarks.beats`, each changed in one way that nights know, with the same truth. Heights are given
in the median range of two seconds of the record. The changes are seeded by the record's number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.signal

from benchmarks.beats import detectors, total
from benchmarks.mitdb import Record, read_record, record_names
from pipeline.score.match import Score, match


def usual_range(ecg: np.ndarray, rate_hz: float) -> float:
    n = int(2 * rate_hz)
    return float(np.median(np.ptp(ecg[: ecg.size // n * n].reshape(-1, n), axis=1)))


def with_lead(record: Record, ecg: np.ndarray, rate_hz: float | None = None) -> Record:
    return replace(record, lead=np.asarray(ecg)[None, :], rate_hz=rate_hz or record.rate_hz)


def lead(record: Record) -> np.ndarray:
    return record.lead[0].astype(float)


def clock_s(record: Record) -> np.ndarray:
    return np.arange(record.lead.shape[1]) / record.rate_hz


def random(record: Record) -> np.random.Generator:
    return np.random.default_rng(int(record.name))


def as_it_is(record: Record) -> Record:
    return record


def reversed_lead(record: Record) -> Record:
    return with_lead(record, -lead(record))


def second_lead(record: Record) -> Record:
    return with_lead(record, record.lead[1])


def at_rate(rate_hz: float) -> Callable[[Record], Record]:
    """Return what resamples by Fourier transform; the mirrored half keeps the ends from meeting."""

    def change(record: Record) -> Record:
        ecg = lead(record) - lead(record)[0]
        n = round(ecg.size * rate_hz / record.rate_hz)
        both = scipy.signal.resample(np.concatenate([ecg, ecg[::-1]]), 2 * n)
        return with_lead(record, both[:n], record.rate_hz * n / ecg.size)

    return change


def mains(record: Record) -> Record:
    wave = 0.5 * np.sin(2 * np.pi * 50 * clock_s(record) + 0.3)
    return with_lead(record, lead(record) + usual_range(lead(record), record.rate_hz) * wave)


def drift(record: Record) -> Record:
    wave = 3 * np.sin(2 * np.pi * 0.3 * clock_s(record))
    return with_lead(record, lead(record) + usual_range(lead(record), record.rate_hz) * wave)


def white_noise(record: Record) -> Record:
    noise = random(record).standard_normal(record.lead.shape[1])
    return with_lead(record, lead(record) + 0.1 * usual_range(lead(record), record.rate_hz) * noise)


def motion(record: Record) -> Record:
    """Five seconds in every hundred, of brown noise twice as strong as a beat is high."""
    ecg, rng = lead(record), random(record)
    height, n = 2 * usual_range(ecg, record.rate_hz), int(5 * record.rate_hz)
    for begin in range(int(50 * record.rate_hz), ecg.size - 2 * n, int(100 * record.rate_hz)):
        burst = scipy.signal.lfilter([1], [1, -0.97], rng.standard_normal(n))
        ecg[begin : begin + n] += height * np.hanning(n) * burst / burst.std()
    return with_lead(record, ecg)


def pacemaker(ahead_s: float) -> Callable[[Record], Record]:
    """Return what adds a pulse of one sample, four times a beat high, ahead of every beat."""

    def change(record: Record) -> Record:
        ecg = lead(record)
        at = ((record.beat_s - ahead_s) * record.rate_hz).astype(int)
        ecg[at[at >= 0]] += 4 * usual_range(ecg, record.rate_hz)
        return with_lead(record, ecg)

    return change


CHANGES: Mapping[str, Callable[[Record], Record]] = {
    "as it is": as_it_is,
    "lead reversed": reversed_lead,
    "second lead": second_lead,
    "at 100 Hz": at_rate(100),
    "at 125 Hz": at_rate(125),
    "at 1000 Hz": at_rate(1000),
    "mains as high as beats": mains,
    "drift six times as high": drift,
    "white noise, a tenth": white_noise,
    "motion 5 s in 100 s": motion,
    "pulses 160 ms ahead": pacemaker(0.16),
    "pulses 30 ms ahead": pacemaker(0.03),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mitdb"), help="folder with the records")
    given = parser.parse_args()
    records = [read_record(given.data, name) for name in record_names(given.data)]
    known = detectors()
    print(f"{'F1, false, missed within 150 ms':32}", *(f"{name:>20}" for name in known))
    for name, change in CHANGES.items():
        scores: dict[str, list[Score]] = {detector: [] for detector in known}
        for record in map(change, records):
            for detector, detect in known.items():
                scores[detector].append(match(record.beat_s, detect(record), 0.15))
        sums = [total(iter(found)) for found in scores.values()]
        print(f"{name:32}", *(f"{s.f1:8.4f} {s.false:5} {s.missed:5}" for s in sums))


if __name__ == "__main__":
    main()
