"""Score a store of a synthetic night: its beats, intervals and breaths against what really happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.api import continuous, open_recording
from pipeline.derive.resp import FLOWS
from pipeline.read.rpoints import RPoints, RPointType
from pipeline.score.beats import BeatAgreement, compare_beats
from pipeline.score.match import Score, matched
from pipeline.synth.truth import read_truth
from schemas.kinds import RateClass
from schemas.vocabulary import EPOCH_S

__all__ = ["BREATH_TOLERANCE_S", "NightScore", "score_breaths", "score_night"]

BREATH_TOLERANCE_S = 0.5  # between a breath and its true onset: an eighth of a breath at 15 a minute
_MOVING_S = (1.0, 2.0)  # before turning over begins and after it ends, belts show movement
_OBSTRUCTED_S = (1.0, 1.0)
_LOST_S = 4  # around a lost sensor nobody can tell a breath

Truth = Mapping[str, NDArray[Any]]
Times = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class NightScore:
    """Figures of one synthetic night.

    Parameters
    ----------
    beats : BeatAgreement
        Of valid beats, within 150 ms; nothing but the grid's ends is left out.
    ibi_error_s : float
        Median absolute error of the stored intervals, seconds; NaN without any.
    breaths : Score
        Within 0.5 s, outside movement and where respiration is stored.
    """

    beats: BeatAgreement
    ibi_error_s: float
    breaths: Score


def score_night(store: Path, truth_path: Path) -> NightScore:
    """Score one store against the truth of its night.

    Parameters
    ----------
    store : Path
        A recording store.
    truth_path : Path
        The night's ``.npz`` beside the synthetic download.

    Raises
    ------
    StoreIncomplete, StoreCorrupt
        See `pipeline.api.open_recording`.
    """
    truth = read_truth(truth_path)
    with open_recording(store) as ds:
        name = f"{store.parent.name}/{store.stem}"
        return NightScore(_beats(name, ds, truth), _ibi_error_s(ds, truth), _breaths(ds, truth))


def _beats(name: str, ds: xr.Dataset, truth: Truth) -> BeatAgreement:
    true_s = truth["beat_time_s"]
    return compare_beats(
        name,
        RPoints(true_s, np.full(true_s.size, RPointType.SINUS, np.int8)),
        ds["beat_time_s"].values,
        ds["beat_valid"].values == 1,
        offset_s=ds.attrs["grid_offset_s"],
        length_s=ds.sizes["epoch"] * float(EPOCH_S),
    )


def _ibi_error_s(ds: xr.Dataset, truth: Truth) -> float:
    if "ibi" not in ds["channel"].values:
        return float("nan")
    ibi, true_s = continuous(ds, "ibi"), truth["beat_time_s"] - ds.attrs["grid_offset_s"]
    before = np.searchsorted(true_s, ibi["time_s"].values, side="right") - 1
    known = np.isfinite(ibi.values) & (before >= 0) & (before < true_s.size - 1)
    error_s = np.abs(ibi.values[known] - np.diff(true_s)[before[known]])
    return float(np.median(error_s)) if error_s.size else float("nan")


def _breaths(ds: xr.Dataset, truth: Truth) -> Score:
    if "resp" not in ds["channel"].values:
        return Score()
    resp = continuous(ds, "resp")
    is_flow = resp.attrs["source"] in FLOWS
    score, _ = score_breaths(
        truth, ds["breath_time_s"].values, resp.values, offset_s=ds.attrs["grid_offset_s"], is_flow=is_flow
    )
    return score


def score_breaths(
    truth: Truth, found_s: Times, resp: NDArray[np.float32], *, offset_s: float, is_flow: bool
) -> tuple[Score, Times]:
    """Score breaths where they can be asked for.

    Breaths in movement and next to a lost sensor count nowhere; efforts against a closed throat are not asked of a
    sensor of flow.

    Parameters
    ----------
    truth : mapping
        Of a synthetic night.
    found_s : ndarray, shape (n_breath,), float64, seconds
        Breaths and obstructed efforts from the grid's origin.
    resp : ndarray, shape (n_sample,), float32
        Respiration at 4 Hz; NaN where the sensor is lost.
    offset_s : float
        The grid's origin from the start of the recording.
    is_flow : bool
        Whether respiration is nasal pressure or thermal airflow.

    Returns
    -------
    score : Score
    late_s : ndarray, shape (n_matched,), float64, seconds
        Found minus true time of every matched breath.
    """
    lost = ~np.isfinite(resp).reshape(-1, RateClass.SLOW.rate_hz).all(axis=1)
    judged = np.convolve(lost, np.ones(2 * _LOST_S + 1), "same") == 0
    judged &= ~_seconds(judged.size, _movements(truth, offset_s), _MOVING_S)
    if is_flow:
        judged &= ~_seconds(judged.size, _obstructed(truth, offset_s), _OBSTRUCTED_S)
    true_s = truth["breath_time_s"] - offset_s
    true_s = true_s[(true_s >= 0) & (true_s < judged.size)]
    of_truth, of_found = matched(true_s, found_s, BREATH_TOLERANCE_S)
    asked, counted = (judged[np.clip(t, 0, judged.size - 1).astype(int)] for t in (true_s, found_s))
    n_found, n_missed = int((of_truth & asked).sum()), int((~of_truth & asked).sum())
    score = Score(n_found, int((~of_found & counted).sum()), n_missed)
    return score, found_s[of_found] - true_s[of_truth]


def _movements(truth: Truth, offset_s: float) -> Iterable[tuple[float, float]]:
    begin_s = truth["movement_onset_s"] - offset_s
    return zip(begin_s, begin_s + truth["movement_duration_s"], strict=True)


def _obstructed(truth: Truth, offset_s: float) -> Iterable[tuple[float, float]]:
    wanted = np.isin(truth["event_type"], ("obstructive_apnea", "mixed_apnea"))
    begin_s = truth["event_onset_s"][wanted] - offset_s
    return zip(begin_s, begin_s + truth["event_duration_s"][wanted], strict=True)


def _seconds(n_second: int, spans_s: Iterable[tuple[float, float]], around_s: tuple[float, float]) -> Mask:
    inside = np.zeros(n_second, np.bool_)
    for begin_s, end_s in spans_s:
        inside[max(0, int(begin_s - around_s[0])) : max(0, int(np.ceil(end_s + around_s[1])))] = True
    return inside
