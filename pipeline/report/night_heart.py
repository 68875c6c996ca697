"""Oxygen and heart rate; inter-beat intervals and respiration with what is missing or doubtful in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pipeline.report.plotting import BLUE, GREY, PURPLE, RED, SKY, Row, milliseconds, robust_range, rows
from pipeline.report.view import Bins, Night
from schemas.quality import QualityFlag
from schemas.vocabulary import EPOCH_S

__all__ = ["FINE", "intervals", "oxygen_and_rate", "oxygen_rows"]

FINE = 2880  # ten seconds each in a night of eight hours
_MASK_PX = 16
_RULE_PERCENT = 3  # desaturations of one rule, or the deeper ones would be drawn twice
_MASKS = {
    "sensor missing": (QualityFlag.NO_SIGNAL, RED),
    "no interval that can be trusted": (QualityFlag.NO_INTERVAL, PURPLE),
}


def oxygen_and_rate(night: Night) -> go.Figure | None:
    """Return saturation with its falls, and the rates of heart and pulse; None where no sensor tells either."""
    content = oxygen_rows(night)
    has_two = any(trace.get("showlegend") for row in content for trace in row.traces)
    return rows(night, content, legend=has_two) if content else None


def oxygen_rows(night: Night) -> list[Row]:
    """Return the rows of that picture, as many as there are sensors for."""
    bins = night.bins(FINE)
    content = []
    if "spo2" in night.channels:
        saturation = _line(night, bins, night.ds["spo2"].values, BLUE, "%{y:.1f} %", "SpO2")
        nadirs = _nadirs(night)
        drawn = np.concatenate([saturation["y"], nadirs["y"], [85.0]])  # a mean lies above the nadir within it
        lowest = max(0.0, float(np.nanmin(drawn)) - 2)
        traces = [saturation, nadirs]
        content.append(Row("SpO2 (%), nadirs of falls by 3 %", 110, traces, {"range": [lowest, 100.5]}))
    rates = [_line(night, bins, values, colour, "%{y:.0f} / min", name) for name, values, colour in _rates(night)]
    if rates:
        traces = [{**rate, "showlegend": len(rates) > 1} for rate in rates]
        axis = {"range": robust_range(np.concatenate([rate["y"] for rate in rates]))}
        content.append(Row("heart and pulse rate (1/min)", 110, traces, axis))
    return content


def intervals(night: Night) -> go.Figure | None:
    """Return IBI and RESP over their masks; None where the night has neither."""
    bins = night.bins(FINE)
    content = []
    if "ibi" in night.channels:
        envelope = _envelope(night, bins, "ibi", "%{y:.2f} s")
        content.append(Row("ibi (s)", 110, [envelope], {"range": robust_range(envelope["y"])}))
        content.append(_share_row(night, bins))
        content += _mask_rows(night, "ibi")
    if "resp" in night.channels:
        envelope = _envelope(night, bins, "resp", "%{y:.2f}")
        content.append(Row("resp (arbitrary unit)", 110, [envelope], {"range": robust_range(envelope["y"])}))
        content += _mask_rows(night, "resp")
    return rows(night, content) if content else None


def _rates(night: Night) -> list[tuple[str, NDArray[Any], str]]:
    found: list[tuple[str, NDArray[Any], str]] = []
    if "pulse_rate" in night.channels:  # first, so that the heart's lies upon it
        found.append(("pulse rate (oximeter)", night.ds["pulse_rate"].values, SKY))
    if "ibi" in night.channels:
        found.append(("heart rate (ECG)", np.float32(60) / night.ds["ibi"].values, RED))
    return found


def _line(night: Night, bins: Bins, values: NDArray[Any], colour: str, hover: str, name: str) -> dict[str, Any]:
    step_ms = bins.step_s * 1000
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "y": bins.means(values),
        "x0": night.start_s * 1000 + step_ms / 2,
        "dx": step_ms,
        "line": {"color": colour, "width": 1.2},
        "hovertemplate": f"%{{x|%H:%M:%S}} {hover}<extra></extra>",
    }


def _envelope(night: Night, bins: Bins, channel: str, hover: str) -> dict[str, Any]:
    line = _line(night, bins, night.ds[channel].values, BLUE, hover, channel)
    step_ms = bins.step_s * 1000
    half = {"x0": night.start_s * 1000 + step_ms / 4, "dx": step_ms / 2}
    return {**line, **half, "y": bins.envelope(night.ds[channel].values)}


def _nadirs(night: Night) -> dict[str, Any]:
    ds = night.ds
    is_shown = ds["desaturation_rule_percent"].values == _RULE_PERCENT
    return {
        "type": "scatter",
        "mode": "markers",
        "x": milliseconds(night.origin_s + ds["desaturation_nadir_s"].values[is_shown]),
        "y": ds["desaturation_nadir_percent"].values[is_shown],
        "marker": {"symbol": "triangle-up", "size": 5, "color": RED},
        "hovertemplate": "%{x|%H:%M:%S} nadir %{y:.1f} %<extra></extra>",
    }


def _share_row(night: Night, bins: Bins) -> Row:
    """Return the share of the night that lies between two normal beats: what variability is computed from."""
    share = bins.means((night.ds["nn_valid"].values == 1).astype(np.float32))
    line = _line(night, bins, (night.ds["nn_valid"].values == 1).astype(np.float32), GREY, "%{y:.0%}", "")
    return Row(
        "between two normal beats (share)",
        30,
        [{**line, "y": share, "fill": "tozeroy"}],
        {"range": [0, 1.05], "tickvals": [0, 1]},
    )


def _mask_rows(night: Night, channel: str) -> list[Row]:
    """Return a row for every reason that holds anywhere: bars over the epochs where it does."""
    bits = night.ds["quality"].values[:, night.channels.index(channel)]
    found = {name: (bits & flag.value) > 0 for name, (flag, _) in _MASKS.items()}
    return [
        Row(
            f"{channel}: {name}, {np.count_nonzero(mask)} epochs",
            _MASK_PX,
            [_bars(night, mask, _MASKS[name][1])],
            {"range": [0, 1], "showticklabels": False, "showgrid": False},
        )
        for name, mask in found.items()
        if mask.any()
    ]


def _bars(night: Night, mask: NDArray[np.bool_], colour: str) -> dict[str, Any]:
    height = np.append(mask, mask[-1:]).astype(np.int8)
    return {
        "type": "scatter",
        "mode": "lines",
        "y": height,
        "x0": night.start_s * 1000,
        "dx": EPOCH_S * 1000,
        "line": {"shape": "hv", "color": colour, "width": 0},
        "fill": "tozeroy",
        "fillcolor": colour,
        "hoverinfo": "skip",
    }
