"""Score the beats of an output against those that the cohort publishes."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.api import open_recording
from pipeline.batch.workers import Gone, in_workers
from pipeline.read.rpoints import RPoints, read_rpoints
from pipeline.score.match import Score, matched
from pipeline.verify.source import SourceFinder
from pipeline.write.publish import published
from schemas.errors import PsgError, SpecViolation, StoreIncomplete
from schemas.kinds import POSSIBLE, Kind
from schemas.vocabulary import EPOCH_S

__all__ = ["TOLERANCE_S", "BeatAgreement", "BeatReport", "compare_beats", "score_beats"]

TOLERANCE_S = 0.15  # ANSI/AAMI EC57: partners are at most 150 ms apart
_LONGEST_S = POSSIBLE[Kind.IBI][1]  # a longer time between two beats is not scored: nobody knows what was in it
Times = NDArray[np.float64]


@dataclass(frozen=True)
class BeatAgreement:
    """How well the beats of one recording agree with published ones.

    Parameters
    ----------
    score : Score
        Of the stored beats that are valid. A published beat where none is valid is missed; a stored beat where
        nobody annotated (next to an artefact, in a gap of more than 3 s) counts nowhere.
    offset_s : float
        Median of stored minus published time of matched beats, seconds; NaN without any.
    covered : float
        Share of the annotated time that lies between two valid stored beats in a row; NaN without such time.
    """

    recording: str
    score: Score
    offset_s: float
    covered: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; null where there is no number."""
        row = {"recording": self.recording, **asdict(self.score), **_shares(self.score)}
        return row | {"offset_s": _number(self.offset_s), "covered": _number(self.covered)}


@dataclass(frozen=True)
class BeatReport:
    """The recordings of an output that could be scored, and what became of the others.

    Parameters
    ----------
    scored : tuple of BeatAgreement
        Sorted by recording.
    n_without_truth : int
        Recordings for which no published beats were found.
    refused : tuple of (str, str)
        Recording, and why its beats or its truth cannot be read.
    """

    scored: tuple[BeatAgreement, ...]
    n_without_truth: int
    refused: tuple[tuple[str, str], ...]

    @property
    def total(self) -> Score:
        """All recordings together."""
        return sum((row.score for row in self.scored), Score())

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "tolerance_s": TOLERANCE_S,
            "total": {**asdict(self.total), **_shares(self.total)},
            "scored": [row.to_json() for row in self.scored],
            "n_without_truth": self.n_without_truth,
            "refused": [{"recording": recording, "why": why} for recording, why in self.refused],
        }


def score_beats(out: Path, root: Path, *, workers: int = 1) -> BeatReport:
    """Score every recording store below ``out`` whose published beats lie below ``root``.

    Parameters
    ----------
    root : Path
        The download. ``layout.beats`` of the manifest that a store was made with says where its file is.

    Raises
    ------
    StoreIncomplete
        When there is no store.
    """
    jobs = published(out)
    if not jobs:
        raise StoreIncomplete("no recording stores here", where=out.name, do="Name a folder that convert wrote to.")
    scored: list[BeatAgreement] = []
    refused: list[tuple[str, str]] = []
    with closing(
        in_workers(jobs, partial(_score, finder=SourceFinder(root)), workers=workers, timeout_s=None)
    ) as all_:
        for path, answer in all_:
            if isinstance(answer, BeatAgreement):
                scored.append(answer)
            elif answer is not None:
                why = answer.value if isinstance(answer, Gone) else answer
                refused.append((_name(path), why))
    n_without = len(jobs) - len(scored) - len(refused)
    return BeatReport(tuple(sorted(scored, key=lambda row: row.recording)), n_without, tuple(sorted(refused)))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _score(path: Path, finder: SourceFinder) -> BeatAgreement | str | None:
    """Return the agreement, why there is none, or None without published beats."""
    try:
        with open_recording(path) as ds:
            source = finder.find(ds.attrs)
            if source is None or source.beats is None:
                return None
            if "beat_time_s" not in ds:
                raise SpecViolation(
                    "the store has no beats", why="An earlier version wrote it.", do="Convert again."
                )
            time_s, valid = ds["beat_time_s"].values, ds["beat_valid"].values == 1
            span_s = (float(ds.attrs["grid_offset_s"]), ds.sizes["epoch"] * float(EPOCH_S))
    except PsgError as error:
        return str(error)
    try:
        truth = read_rpoints(source.beats)
    except PsgError as error:
        return source.describe(error)
    return compare_beats(_name(path), truth, time_s, valid, offset_s=span_s[0], length_s=span_s[1])


def compare_beats(
    recording: str,
    truth: RPoints,
    time_s: Times,
    valid: NDArray[np.bool_],
    *,
    offset_s: float,
    length_s: float,
) -> BeatAgreement:
    """Compare the stored beats of one recording with published ones.

    Parameters
    ----------
    truth : RPoints
        From the start of the recording.
    time_s, valid : ndarray, shape (n_beat,), float64 seconds and bool
        Stored beats, from the grid's origin.
    offset_s, length_s : float
        The grid's origin from the start of the recording, and its length; what lies outside is not scored.
    """
    point_s = truth.time_s - offset_s
    inside = (point_s >= 0) & (point_s < length_s)
    point_s, is_beat = point_s[inside], truth.is_beat[inside]
    annotated = _spans(point_s, is_beat)
    true_s, found_s = point_s[is_beat], time_s[valid]
    of_truth, of_found = matched(true_s, found_s, TOLERANCE_S)
    n_found = int(of_truth.sum())
    n_false = int((~of_found & _within(found_s, annotated)).sum())
    away_s = found_s[of_found] - true_s[of_truth]
    return BeatAgreement(
        recording,
        Score(n_found, n_false, true_s.size - n_found),
        float(np.median(away_s)) if away_s.size else math.nan,
        _overlap(annotated, _spans(time_s, valid)),
    )


def _spans(time_s: Times, good: NDArray[np.bool_]) -> Times:
    """Return the times between two good points in a row, not too far apart; shape (n_span, 2), seconds."""
    known = good[:-1] & good[1:] & (np.diff(time_s) <= _LONGEST_S)
    return np.column_stack([time_s[:-1], time_s[1:]])[known]


def _within(time_s: Times, spans: Times) -> NDArray[np.bool_]:
    index = np.searchsorted(spans[:, 0], time_s, side="right") - 1
    inside = index >= 0
    inside[inside] = time_s[inside] <= spans[index[inside], 1]
    return inside


def _overlap(spans: Times, other: Times) -> float:
    """Return the share of spans that lies in the others, both in order of time and each without overlap."""
    length_s = float(np.diff(spans, axis=1).sum())
    if length_s == 0:
        return math.nan
    if not other.size:
        return 0.0
    until_s = np.column_stack([np.zeros(len(other)), np.diff(other, axis=1)[:, 0]]).ravel().cumsum()
    before = np.interp(spans, other.ravel(), until_s)
    return float(np.diff(before, axis=1).sum()) / length_s


def _shares(score: Score) -> dict[str, float | None]:
    return {name: _number(getattr(score, name)) for name in ("sensitivity", "ppv", "f1")}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
