"""What an experiment found: a table as CSV and JSON, and one figure drawn from its columns."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

from schemas.errors import ModelError

__all__ = ["Chart", "Result", "write_result"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """Which columns are drawn, and how.

    Parameters
    ----------
    kind : {"line", "bar", "point", "path"}
        ``bar`` lists ``x`` downwards; ``point`` is a scatter; ``path`` joins points in the rows' order.
    by : str, optional
        A line, or a colour, for every value of this column.
    interval : tuple of (low, high), optional
        Columns of an interval of ``y``.
    log : bool
        Both axes are logarithmic.
    """

    kind: Literal["line", "bar", "point", "path"]
    x: str
    y: str
    by: str | None = None
    interval: tuple[str, str] | None = None
    log: bool = False


@dataclass(frozen=True)
class Result:
    """Rows of one table, its figure, and what is no row."""

    rows: Sequence[Row]
    chart: Chart
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_result(result: Result, out: Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write ``table.csv``, ``table.json`` and ``figure.png`` and return their paths.

    Parameters
    ----------
    facts : mapping
        How the result came about; goes into the JSON.

    Raises
    ------
    ModelError
        When there is no row.
    """
    if not result.rows:
        raise ModelError(
            "the experiment found nothing", saw="no row", do="Look at its settings and the set's card."
        )
    out.mkdir(parents=True, exist_ok=True)
    files = [out / name for name in ("table.csv", "table.json", "figure.png")]
    with files[0].open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in result.rows for name in row)))
        writer.writeheader()
        writer.writerows(result.rows)
    said = {**facts, "notes": dict(result.notes), "rows": [_plain(row) for row in result.rows]}
    files[1].write_text(json.dumps(said, indent=1, allow_nan=False) + "\n", "utf-8")
    _draw(result, files[2], str(facts.get("experiment", "")))
    return files


def _plain(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it: what is not a number is null."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _draw(result: Result, file: Path, title: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chart = result.chart
    height = max(3.5, 0.28 * len(result.rows)) if chart.kind == "bar" else 4.0
    figure = Figure(figsize=(6.4, min(height, 20.0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    groups: dict[Any, list[Row]] = {}
    for row in result.rows:
        groups.setdefault(row[chart.by] if chart.by else None, []).append(row)
    colours = cycle(("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#a463f2", "#9c6b4e", "#97bbf5"))
    for (name, rows), colour in zip(groups.items(), colours, strict=False):
        _group(axes, chart, rows, None if name is None else str(name), colour)
    axes.set_title(title)
    axes.set_xlabel(chart.y if chart.kind == "bar" else chart.x)
    if chart.kind != "bar":
        axes.set_ylabel(chart.y)
    else:
        axes.margins(y=0.01)
        axes.invert_yaxis()
    if chart.log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    if chart.by and len(groups) <= 12:
        axes.legend(fontsize=8)
    figure.savefig(file, dpi=120)


def _group(axes: Any, chart: Chart, rows: Sequence[Row], name: str | None, colour: str) -> None:
    x, y = [row[chart.x] for row in rows], [row[chart.y] for row in rows]
    error = None
    if chart.interval:
        low, high = ([row[column] for row in rows] for column in chart.interval)
        error = [
            [max(0.0, v - a) for v, a in zip(y, low, strict=True)],
            [max(0.0, b - v) for v, b in zip(y, high, strict=True)],
        ]
    if chart.kind == "bar":
        labels = [str(value) if name is None else f"{value}, {name}" for value in x]
        axes.barh(labels, y, xerr=error, color=colour, label=name)
    elif chart.kind == "path":
        axes.plot(x, y, color=colour, label=name, linewidth=0.6, marker=".", markersize=3)
    elif chart.kind == "point":
        axes.scatter(x, y, s=12, color=colour, label=name)
    else:
        axes.errorbar(x, y, yerr=error, color=colour, label=name, marker="o", capsize=2)
