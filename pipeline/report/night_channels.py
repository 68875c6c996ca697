"""The whole night of every channel: of each bin the least and the greatest value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pipeline.report.plotting import BLUE, Row, robust_range, rows
from pipeline.report.texts import unit_text
from pipeline.report.view import Bins, Night
from schemas.kinds import Kind, RateClass, Shape, kind_of_channel
from schemas.store import channel_kind

__all__ = ["GROUPS", "N_BIN", "groups_of", "overview"]

N_BIN = 1440  # of a row: about a screen's columns, and half a minute each in a night of twelve hours
_ROW_PX = 46
_WHOLE = (Kind.SPO2, Kind.PAP_PRESSURE, Kind.TEMPERATURE)  # what is rare in them counts: a fall of saturation

# Channels that are looked at together, in the order of a montage.
GROUPS: Mapping[str, tuple[Kind, ...]] = {
    "EEG and EOG": (Kind.EEG, Kind.EOG),
    "Muscles": (Kind.EMG, Kind.EMG_ENVELOPE, Kind.LEG_EMG),
    "Heart and oxygen": (Kind.ECG, Kind.IBI, Kind.PLETH, Kind.PULSE_RATE, Kind.SPO2),
    "Breathing": (
        *(Kind.AIRFLOW, Kind.AIRFLOW_WAVE, Kind.NASAL_PRESSURE, Kind.NASAL_PRESSURE_WAVE, Kind.BELT),
        *(Kind.RESP, Kind.BBI, Kind.SNORE, Kind.PAP_PRESSURE),
    ),
    "Other": (Kind.TEMPERATURE, Kind.POSITION, Kind.LIGHT, Kind.STATUS),
}


def groups_of(night: Night) -> dict[str, tuple[str, ...]]:
    """Return the night's channels by group, empty groups left out."""
    kinds = {name: kind_of_channel(name) for name in night.channels}
    found = {
        group: tuple(name for kind in members for name in night.channels if kinds[name] is kind)
        for group, members in GROUPS.items()
    }
    return {group: names for group, names in found.items() if names}


def overview(night: Night, channels: tuple[str, ...]) -> go.Figure:
    """Return rows of channels, one below the other."""
    bins = night.bins(N_BIN)
    return rows(night, [_row(night, bins, name) for name in channels])


def _row(night: Night, bins: Bins, channel: str) -> Row:
    kind, attrs = channel_kind(channel), night.ds[channel].attrs
    if kind.shape is Shape.CODE:
        return _code_row(night, channel)
    envelope = bins.envelope(night.ds[channel].values)
    unit = "arbitrary unit" if kind.is_arbitrary else unit_text(str(attrs["units"]))
    step_ms = bins.step_s * 1000
    trace = {
        "type": "scatter",
        "mode": "lines",
        "y": envelope,
        "x0": night.start_s * 1000 + step_ms / 4,
        "dx": step_ms / 2,
        "line": {"color": BLUE, "width": 1},
        "hovertemplate": f"%{{x|%H:%M:%S}} %{{y:.4~g}} {unit}<extra></extra>",
    }
    axis: dict[str, Any] = {"range": robust_range(envelope, 0 if kind_of_channel(channel) in _WHOLE else 1)}
    if not np.isfinite(envelope).any():
        axis = {"range": [0, 1], "showticklabels": False}
    return Row(f"{channel} ({unit})", _ROW_PX, [trace], axis)


def _code_row(night: Night, channel: str) -> Row:
    """Return steps of a code; int8, -1 where it is not known."""
    array = night.ds[channel]
    rate_hz = RateClass(str(array.dims[1]).removesuffix("_sample")).rate_hz
    codes = array.values.reshape(-1)
    at = np.flatnonzero(np.diff(codes, prepend=codes[:1] + 1, append=codes[-1:] + 1))  # changes, and both ends
    steps = np.append(codes, codes[-1:])[at].astype(float)
    steps[steps < 0] = np.nan
    names = night.codes(channel)
    known = sorted({int(code) for code in codes if code >= 0})
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": (night.start_s + at / rate_hz) * 1000,
        "y": steps,
        "line": {"shape": "hv", "color": BLUE, "width": 1.5},
        "hovertemplate": "%{x|%H:%M:%S} %{y}<extra></extra>",
    }
    axis = {
        "range": [known[0] - 0.5, known[-1] + 0.5] if known else [0, 1],
        "tickvals": known,
        "ticktext": [names.get(code, str(code)) for code in known],
    }
    return Row(channel, max(_ROW_PX, 16 * len(known)), [trace], axis)
