"""The raster of quality: how much of every epoch of every channel is usable, and which remarks hold where."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from pipeline.report.page import Block, Cell, Column, Part, Table, Text
from pipeline.report.plotting import Row, rows
from pipeline.report.texts import unit_text
from pipeline.report.view import Night
from schemas.checks import CHECKS
from schemas.store import meanings_of
from schemas.vocabulary import EPOCH_S

__all__ = ["checks", "legend", "quality_raster", "remarks"]

_ROW_PX = 17
_MEASURED = (
    Column("amplitude", is_number=True),
    Column("hum", is_number=True),
    Column("hum (Hz)", is_number=True),
)
_USABLE, _REMARK, _PARTLY, _LOST = range(4)
_NAMES = ("usable", "usable, with a remark", "partly usable", "not usable")
_COLOURS = ("#cfe8dd", "#E69F00", "#56B4E9", "#5b1a1a")


def quality_raster(night: Night) -> go.Figure:
    """Return a row a channel and a column an epoch, in four classes."""
    usable = night.ds["usable_fraction"].values
    classes = np.select(
        [usable <= 0, usable < 1, night.ds["quality"].values > 0], [_LOST, _PARTLY, _REMARK], _USABLE
    ).astype(np.int8)
    trace = {
        "type": "heatmap",
        "z": classes.T[::-1],
        "x0": (night.start_s + EPOCH_S / 2) * 1000,
        "dx": EPOCH_S * 1000,
        "y": list(reversed(night.channels)),
        "zmin": -0.5,
        "zmax": len(_NAMES) - 0.5,
        "colorscale": _steps(),
        "showscale": False,
        "hovertemplate": "%{y}, %{x|%H:%M:%S}<extra></extra>",
        "ygap": 1,
    }
    axis = {"type": "category", "automargin": True, "nticks": 0, "tickfont": {"size": 11}, "dtick": 1}
    return rows(night, [Row("", _ROW_PX * len(night.channels), [trace], axis)])


def legend() -> Block:
    """Return what the colours mean; beside the figure, which a legend would leave no room on a narrow screen."""
    return Block("legend.html", {"entries": list(zip(_NAMES, _COLOURS, strict=True))})


def _steps() -> list[tuple[float, str]]:
    n = len(_COLOURS)
    return [(edge / n, colour) for i, colour in enumerate(_COLOURS) for edge in (i, i + 1)]


def remarks(night: Night) -> Table:
    """Return the same as a table: of every channel how much is usable, and in how many epochs each remark holds."""
    bits = night.ds["quality"].values
    usable = np.nanmean(night.ds["usable_fraction"].values, axis=0)
    names = meanings_of(night.ds["quality"].attrs, "flag_masks")
    shown = {mask: name for mask, name in names.items() if (bits & mask).any()}
    rows_: list[list[Cell]] = []
    for column, channel in enumerate(night.channels):
        counts = [int(np.count_nonzero(bits[:, column] & mask)) or None for mask in shown]
        rows_.append([channel, f"{usable[column]:.1%}", *_measured(night, channel), *counts])
    heads: list[Column | str] = ["channel", Column("usable", is_number=True), *_MEASURED]
    heads += [Column(name.replace("_", " "), is_number=True) for name in shown.values()]
    return Table("Every channel: its usable part, amplitude and hum, and epochs with each remark", heads, rows_)


def _measured(night: Night, channel: str) -> tuple[Cell, Cell, Cell]:
    attrs = night.ds[channel].attrs
    found = attrs.get("quality_measures", {})
    unit = _after_number(attrs.get("source_unit", attrs["units"]))
    amplitude, hum, hum_hz = (found.get(name) for name in ("amplitude", "mains_amplitude", "mains_hz"))
    return (
        None if amplitude is None else f"{amplitude:.3g}{unit}",
        None if hum is None else f"{hum:.3g}{unit}",
        None if hum_hz is None else f"{hum_hz:g}",
    )


def _after_number(unit: str) -> str:
    text = unit_text(unit)
    return f" {text}" if text else ""


def checks(night: Night) -> list[Part]:
    """Return what the checks measured in this night, and every check with its limit and whether it was passed."""
    measures, limits = night.ds.attrs.get("quality_measures", {}), night.ds.attrs.get("quality_limits", {})
    if not limits:
        return [Text("The store was written before nights were checked.")]
    found = {row["code"] for row in night.ds.attrs["findings"]}
    rows_: list[list[Cell]] = []
    for name, limit in limits.items():
        if name in CHECKS:  # a later version may know more
            spec = CHECKS[name]
            said = "remarked on" if spec.code in found else "no remark"
            rows_.append(
                [name.replace("_", " "), spec.measure, f"{limit:g}{_after_number(spec.unit)}", said, spec.code]
            )
    heads: list[Column | str] = ["check", "remarks on", Column("limit", is_number=True), "this night", "code"]
    table = Table("Checks with their limits", heads, rows_)
    values: list[list[Cell]] = [[name.replace("_", " "), f"{value:g}"] for name, value in measures.items()]
    return [table, Table("What they measured", ["measure", Column("value", is_number=True)], values)]
