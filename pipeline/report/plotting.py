"""What the pictures of a night have in common: colours, an axis of time, rows one below the other.

Colours are those that the colour-blind tell apart, too: Okabe & Ito 2008. Names of rows stand inside them, so that
nothing is cut on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pipeline.report.view import Night

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "Row",
    "blank",
    "milliseconds",
    "robust_range",
    "rows",
]

BLACK, GREY, ORANGE, SKY = "#000000", "#767676", "#E69F00", "#56B4E9"
GREEN, BLUE, RED, PURPLE = "#009E73", "#0072B2", "#D55E00", "#CC79A7"
_GRID, _INK = "#e3e3e3", "#333333"
_FONT = {"family": "system-ui, Segoe UI, Roboto, Liberation Sans, sans-serif", "size": 12, "color": _INK}
_LEFT, _RIGHT, _BOTTOM = 58, 24, 44  # px; ticks on the left, half a tick on the right, the name of the axis below
_NAME = 20  # px above every row, for its name


@dataclass(frozen=True)
class Row:
    """One row of a stack: its name, its height, its traces and what its axis shows.

    Parameters
    ----------
    traces : sequence of dict
        Plotly's traces without axes.
    axis : dict
        Of Plotly's y axis.
    """

    name: str
    height_px: int
    traces: Sequence[dict[str, Any]]
    axis: dict[str, Any] = field(default_factory=dict)


def milliseconds(seconds: Any) -> Any:
    """Return times of day for an axis of dates, whose zero is a midnight; no date is ever shown."""
    return np.asarray(seconds, np.float64) * 1000


def blank(**layout: Any) -> go.Figure:
    """Return an empty figure in our style; ``layout`` adds to its layout."""
    return go.Figure(
        layout={
            "template": go.layout.Template(),
            "font": _FONT,
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "hoverlabel": {"bgcolor": "white", "font": _FONT},
            "margin": {"l": _LEFT, "r": _RIGHT, "t": 8, "b": _BOTTOM},
            **layout,
        }
    )


def rows(night: Night, content: Sequence[Row], *, legend: bool = False) -> go.Figure:
    """Return rows one below the other over one axis of time.

    Parameters
    ----------
    legend : bool
        Whether traces with ``showlegend`` are named above.
    """
    inner = sum(row.height_px + _NAME for row in content)
    top = 34 if legend else 4
    figure = blank(height=inner + top + _BOTTOM, showlegend=legend, hovermode="x")
    figure.layout.margin.t = top
    figure.layout.xaxis = _time_axis(night)
    figure.layout.legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left"}
    below = float(inner)
    for number, row in enumerate(content, 1):
        begin, end = below - _NAME - row.height_px, below - _NAME
        below = begin
        axis = {"domain": [max(0.0, begin / inner), end / inner], "fixedrange": True, **_LINES, **row.axis}
        figure.layout[f"yaxis{number if number > 1 else ''}"] = axis
        figure.add_annotation(
            text=row.name, x=0, y=end / inner, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
            showarrow=False, font={"size": 12, "color": _INK},
        )  # fmt: skip
        name = f"y{number if number > 1 else ''}"
        figure.add_traces([{"showlegend": False, **trace, "xaxis": "x", "yaxis": name} for trace in row.traces])
    return figure


_LINES = {"gridcolor": _GRID, "linecolor": "#9a9a9a", "zeroline": False, "nticks": 4}


def _time_axis(night: Night) -> dict[str, Any]:
    return {
        "type": "date",
        "range": milliseconds([night.start_s, night.end_s]).tolist(),
        "title": {"text": "time of day" if night.has_clock else "time from the first epoch", "standoff": 8},
        "tickformat": "%H:%M",
        "tickformatstops": [{"dtickrange": [None, 30_000], "value": "%H:%M:%S"}],
        "hoverformat": "%H:%M:%S",
        "anchor": "free",
        "position": 0,
        "tickangle": 0,
        "gridcolor": _GRID,
        "linecolor": "#9a9a9a",
    }


def robust_range(values: NDArray[Any], outside_percent: float = 1) -> list[float] | None:
    """Return the range but for so much at either end, and a margin; None where nothing is."""
    found = values[np.isfinite(values)]
    if not found.size:
        return None
    low, high = np.percentile(found, [outside_percent, 100 - outside_percent]).tolist()
    margin = 0.08 * (high - low) or 1.0
    return [low - margin, high + margin]
