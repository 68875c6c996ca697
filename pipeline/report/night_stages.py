"""The hypnogram, every scorer's, over the events that were scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pipeline.report.plotting import BLACK, GREY, ORANGE, RED, Row, milliseconds, rows
from pipeline.report.view import Night
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.vocabulary import EPOCH_S, MAX_SCORERS, Stage

__all__ = ["event_counts", "hypnogram", "stage_minutes", "stage_rows"]

# From top to bottom, as hypnograms are drawn: Rechtschaffen & Kales 1968.
_LEVELS = {Stage.W: 4, Stage.REM: 3, Stage.N1: 2, Stage.N2: 1, Stage.N3: 0, Stage.UNSCORED: -1}
_COLOURS = {
    EventClass.RESPIRATORY: RED,
    EventClass.AROUSAL: ORANGE,
}
_EVENT_PX = 14


def hypnogram(night: Night) -> go.Figure:
    """Return the stages by every scorer, and a row of marks for every type of event."""
    return rows(night, stage_rows(night))


def stage_rows(night: Night) -> list[Row]:
    """Return the rows of that picture."""
    return [*_scorers(night), *_events(night)]


def stage_minutes(night: Night) -> dict[str, float]:
    """Return the minutes of every stage that the night has."""
    stage = night.ds["stage"].values
    found = {str(level.name): float(np.count_nonzero(stage == level)) * EPOCH_S / 60 for level in _LEVELS}
    return {name.lower() if name == "UNSCORED" else name: minutes for name, minutes in found.items() if minutes}


def event_counts(night: Night) -> dict[str, int]:
    """Return how many events of each type there are, by code."""
    codes, counts = np.unique(night.ds["event_type"].values, return_counts=True)
    names = night.codes("event_type")
    return {names.get(int(code), "not named"): int(n) for code, n in zip(codes, counts, strict=True)}


def _scorers(night: Night) -> Iterator[Row]:
    arrays = [name for n in range(2, MAX_SCORERS + 1) if (name := f"stage_scorer{n}") in night.ds]
    for name in ("stage", *arrays):
        title = (
            "stage" if not arrays else f"stage, scorer {name.removeprefix('stage_scorer').replace('stage', '1')}"
        )
        yield _stage_row(night, night.ds[name].values, title)


def _stage_row(night: Night, stage: NDArray[np.int8], title: str) -> Row:
    shown = [level for level in _LEVELS if level is not Stage.UNSCORED or (stage == level).any()]
    height = np.full(night.n_epoch + 1, np.nan)  # one more: the last epoch has an end
    for level in shown:
        height[:-1][stage == level] = _LEVELS[level]
    height[-1] = height[-2]
    turns = np.flatnonzero(np.diff(stage == Stage.REM, prepend=False, append=False)).reshape(-1, 2)
    rem_s = night.start_s + turns * EPOCH_S  # begin and end of every run
    times = {"x0": night.start_s * 1000, "dx": EPOCH_S * 1000}
    names = {
        height: level.name.lower() if level is Stage.UNSCORED else level.name for level, height in _LEVELS.items()
    }
    words = [names[int(h)] for h in height]
    line = {"type": "scatter", "mode": "lines", "y": height, **times}
    return Row(
        title,
        130,
        [
            {**line, "line": {"shape": "hv", "color": BLACK, "width": 1}, "text": words,
             "hovertemplate": "%{x|%H:%M:%S} %{text}<extra></extra>"},
            _bars(rem_s[:, 0], rem_s[:, 1], _LEVELS[Stage.REM], RED, 4),
        ],
        {
            "range": [min(_LEVELS[level] for level in shown) - 0.4, 4.4],
            "tickvals": [_LEVELS[level] for level in shown],
            "ticktext": [names[_LEVELS[level]] for level in shown],
        },
    )  # fmt: skip


def _events(night: Night) -> Iterator[Row]:
    """Yield a row a type: a bar over each event's duration, and a mark at its onset that is never too thin."""
    onset_s = night.origin_s + night.ds["event_onset_s"].values
    duration_s = night.ds["event_duration_s"].values
    kinds = night.ds["event_type"].values
    names = night.codes("event_type")
    for code in np.unique(kinds).tolist():
        name = names.get(code, "not named")
        is_here = kinds == code
        begin, length = onset_s[is_here], duration_s[is_here]
        yield Row(
            f"{name.replace('_', ' ')}: {begin.size}",
            _EVENT_PX,
            list(_marks(begin, length, _colour(name))),
            {"range": [-1, 1], "showticklabels": False, "showgrid": False},
        )


def _colour(name: str) -> str:
    kind = EVENT_TYPES.get(name)
    return _COLOURS.get(kind.event_class, GREY) if kind else GREY


def _bars(begin_s: NDArray[Any], end_s: NDArray[Any], height: float, colour: str, width: int) -> dict[str, Any]:
    """Return thick lines from beginnings to ends; each is broken from the next by NaN."""
    x = milliseconds(np.stack([begin_s, end_s, np.full(begin_s.size, np.nan)], axis=1).reshape(-1))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": np.full(x.size, height, np.int8),
        "line": {"color": colour, "width": width},
        "hoverinfo": "skip",
    }


def _marks(onset_s: NDArray[Any], duration_s: NDArray[Any], colour: str) -> Iterator[dict[str, Any]]:
    yield _bars(onset_s, onset_s + duration_s, 0, colour, 10)
    yield {
        "type": "scatter",
        "mode": "markers",
        "x": milliseconds(onset_s),
        "y": np.zeros(onset_s.size, np.int8),
        "marker": {"symbol": "line-ns", "size": 10, "line": {"color": colour, "width": 1}},
        "customdata": np.round(duration_s, 1),
        "hovertemplate": "%{x|%H:%M:%S}, %{customdata} s<extra></extra>",
    }
