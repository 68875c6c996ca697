"""Pictures of a cohort: coverage, distributions, stages, drift, and how it stands to references."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pipeline.catalog.cells import LEAST
from pipeline.drift.measures import MEASURES
from pipeline.drift.reference import Comparison, Reference
from pipeline.report.cohort_cells import COVERAGE, NO_CHANNEL
from pipeline.report.cohort_facts import Shared
from pipeline.report.cohort_spreads import Histogram, Stages
from pipeline.report.page import Plot
from pipeline.report.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, blank
from pipeline.report.texts import cut_text, in_picture, unit_text

__all__ = [
    *("coverage_plot", "drift_plot", "histogram_plot", "outcome_plot", "recording_coverage_plot"),
    *("reference_plot", "stage_plot"),
]

_COHORTS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
_CLASSES = ("#1a5e8a", "#4a92bd", "#9cc7e0", "#f2c879", "#d98a3d", "#d9d9d9")  # from all of a channel to none
_OUTCOMES = {"converted": BLUE, "converted_with_findings": SKY, "excluded": GREY, "failed": RED}
_STAGES = {"w": ORANGE, "n1": SKY, "n2": BLUE, "n3": "#003f5c", "rem": PURPLE}
_BAR, _AXIS = 24, 90  # px a bar, and for axis and legend
_WRAPPED_BAR, _LINE = 34, 18  # px a bar, and letters a line of its name, where names are long
_MOST_SITE, _SHORT = 12, 20  # sites in the table of colours, and letters of their names
_LEAST_HEIGHT = 200  # px; a legend may take half of it
_THICKEST = 34  # px of a bar
_NAMES = {"autorange": "reversed", "automargin": True, "fixedrange": True, "dtick": 1}  # an axis from top to bottom
_TOO_FAR = 3.0  # times what is worth a remark, at which colours end


def _bars(figure: go.Figure, n: int, title: str) -> go.Figure:
    """Lay out horizontal stacked bars, the first on top, names to the left, the legend above."""
    height = max(n * _BAR + _AXIS + 40, _LEAST_HEIGHT)
    figure.update_layout(
        barmode="stack",
        height=height,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left", "traceorder": "normal"},
        margin={"l": 8, "r": 28, "t": 60, "b": 44},
        xaxis={"title": {"text": title}, "gridcolor": "#e3e3e3", "rangemode": "tozero", "fixedrange": True},
        yaxis={**_NAMES, "type": "category"},
        bargap=max(0.2, 1 - n * _THICKEST / (height - _AXIS)),
    )
    return figure


def _number(cell: str) -> int:
    """Return a cell's number, or the one that it is above; one that is withheld has no bar."""
    number = cell.removeprefix(">")
    return int(number) if number.isdecimal() else 0


def outcome_plot(shared: Shared) -> Plot:
    """Return how recordings ended, a bar a cohort."""
    cohorts = list(shared.outcomes)
    figure = blank()
    for outcome, colour in _OUTCOMES.items():
        n = [_number(shared.outcomes[cohort][outcome]) for cohort in cohorts]
        name, names = outcome.replace("_", " "), [in_picture(cohort) for cohort in cohorts]
        figure.add_bar(y=names, x=n, name=name, orientation="h", marker={"color": colour}, hovertemplate="%{x}")
    told = "; ".join(
        f"{cohort}: " + ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in own.items())
        for cohort, own in shared.outcomes.items()
    )
    return Plot("outcomes-plot", _bars(figure, len(cohorts), "recordings"), f"Bars of outcomes. {told}")


def coverage_plot(shared: Shared) -> Plot:
    """Return how much of a night the channels have, a bar a channel."""
    channels = list(shared.coverage)
    figure = blank()
    for name, colour in zip((*COVERAGE, NO_CHANNEL), _CLASSES, strict=True):
        n = [_number(shared.coverage[channel][name]) for channel in channels]
        figure.add_bar(y=channels, x=n, name=name, orientation="h", marker={"color": colour}, hovertemplate="%{x}")
    return Plot(
        "coverage-plot",
        _bars(figure, len(channels), "recordings"),
        f"Stacked bars of {len(channels)} channels: recordings by the part of the night in which each is usable."
        " The table below has the numbers.",
        f"Bars that are shorter than the longest have a class of fewer than {LEAST} persons, which is withheld.",
    )


def recording_coverage_plot(
    names: Sequence[str], channels: Sequence[str], parts: Sequence[Sequence[float | None]]
) -> Plot:
    """Return a table of colours: channels by recordings, how much of the night is usable."""
    figure = blank(
        height=len(channels) * 18 + 60,
        margin={"l": 8, "r": 28, "t": 8, "b": 40},
        xaxis={
            "title": {"text": "recordings, worst first"},
            "showticklabels": False,
            "ticks": "",
            "fixedrange": True,
        },
        yaxis=_NAMES,
    )
    figure.add_heatmap(
        z=[[None if part is None else round(100 * part, 1) for part in row] for row in parts],
        x=[in_picture(name) for name in names],
        y=channels,
        zmin=0,
        zmax=100,
        colorscale=[[0, RED], [0.5, "#f2c879"], [0.95, "#9cc7e0"], [1, "#1a5e8a"]],
        showscale=False,
        hovertemplate="%{x}<br>%{y}: %{z:.1f} %<extra></extra>",
    )
    return Plot(
        "recording-coverage-plot",
        figure,
        f"Table of colours: {len(channels)} channels by {len(names)} recordings, the usable part of the night."
        " The catalog's table of channels has the numbers.",
        "From red, nothing usable, to dark blue, all of the night; white where a recording has no such channel."
        f" At most {len(names)} recordings, worst first from the left.",
    )


def histogram_plot(histogram: Histogram) -> Plot:
    """Return a histogram, cohorts side by side."""
    unit = unit_text(histogram.unit)
    middle = [(a + b) / 2 for a, b in zip(histogram.edges[:-1], histogram.edges[1:], strict=True)]
    width = histogram.edges[1] - histogram.edges[0]
    figure = blank(
        height=230,
        barmode="overlay" if len(histogram.counts) > 1 else "group",
        bargap=0.05,
        showlegend=len(histogram.counts) > 1,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        margin={"l": 50, "r": 28, "t": 30, "b": 48},
    )
    for (cohort, counts), colour in zip(histogram.counts.items(), _cycle(len(histogram.counts)), strict=True):
        figure.add_bar(
            x=middle,
            y=[count or 0 for count in counts],
            width=width,
            name=in_picture(cohort),
            marker={"color": colour, "opacity": 0.7 if len(histogram.counts) > 1 else 1, "line": {"width": 0}},
            hovertemplate=f"%{{x:.4g}} {unit}: %{{y}} persons",
        )
    title = f"{histogram.text}, {unit}" if unit else histogram.text
    figure.update_xaxes(title={"text": title}, fixedrange=True, linecolor="#9a9a9a")
    figure.update_yaxes(title={"text": "persons"}, fixedrange=True, gridcolor="#e3e3e3", rangemode="tozero")
    told = "; ".join(f"{cohort} {center}" for cohort, center in histogram.centers.items())
    n_withheld = sum(count is None for counts in histogram.counts.values() for count in counts)
    note = f" {n_withheld} bars of few persons are withheld." if n_withheld else ""
    return Plot(
        f"histogram-{histogram.name.replace('_', '-')}",
        figure,
        f"Histogram of {title}. Mean and standard deviation: {told}.",
        f"Mean ± standard deviation: {told}.{note}",
    )


def _cycle(n: int) -> list[str]:
    return [_COHORTS[number % len(_COHORTS)] for number in range(n)]


def stage_plot(rows: Sequence[Stages]) -> Plot:
    """Return mean shares of stages, a bar a site."""
    places = [in_picture(f"{row.place} ({row.persons})") for row in rows]
    figure = blank()
    for stage, colour in _STAGES.items():
        share = [round(row.percent[stage], 1) for row in rows]
        figure.add_bar(
            y=places,
            x=share,
            name=stage.upper(),
            orientation="h",
            marker={"color": colour},
            hovertemplate="%{x:.1f} %",
        )
    told = "; ".join(
        f"{row.place}: " + ", ".join(f"{name.upper()} {value:.0f} %" for name, value in row.percent.items())
        for row in rows[:12]
    )
    return Plot(
        "stages-plot",
        _bars(figure, len(rows), "per cent of scored epochs"),
        f"Mean shares of sleep stages by site. {told}",
        "In brackets the number of persons.",
    )


# --- drift -------------------------------------------------------------------------------------------------


def drift_plot(shared: Shared) -> Plot | None:
    """Return a table of colours: sites by numbers, how far each is from the usual; None without two sites."""
    cells = {
        ((cohort, effect.group), effect.measure): round(
            (effect.center - effect.others) / MEASURES[effect.measure].far, 1
        )
        for cohort, effects in shared.drift.table.items()
        for effect in effects.groups
    }
    if not cells:
        return None
    worst: dict[tuple[str, str], float] = {}
    for (site, _), value in cells.items():
        worst[site] = max(worst.get(site, 0.0), abs(value))
    sites = sorted(worst, key=lambda site: -worst[site])[:_MOST_SITE]
    names = [site if len(shared.cohorts) == 1 else f"{cohort}: {site}" for cohort, site in sites]
    measures = [name for name in MEASURES if any(measure == name for _, measure in cells)]
    figure = blank(
        height=len(measures) * _WRAPPED_BAR + 150,
        margin={"l": 8, "r": 28, "t": 8, "b": 8},
        xaxis={
            "tickangle": -90,
            "automargin": True,
            "fixedrange": True,
            "zeroline": False,
            "showgrid": False,
            "tickvals": list(range(len(sites))),
            "ticktext": [in_picture(cut_text(name, _SHORT)) for name in names],
        },
        yaxis=_NAMES,
    )
    figure.add_heatmap(
        z=[[cells.get((site, measure)) for site in sites] for measure in measures],
        text=[[in_picture(name) for name in names]] * len(measures),
        y=[_wrapped(MEASURES[name].text) for name in measures],
        zmin=-_TOO_FAR,
        zmax=_TOO_FAR,
        colorscale=[[0, BLUE], [0.5, "#f7f7f7"], [1, RED]],
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{text}<br>%{y}: %{z:.1f} times what is worth a remark<extra></extra>",
    )
    return Plot(
        "drift-plot",
        figure,
        f"Table of colours: {len(measures)} numbers by {len(sites)} sites; the table above tells what is certain.",
        "Red is more than the usual, blue is less, full colour from three times what is worth a remark. The sites"
        f" that differ most, at most {_MOST_SITE}, from the left.",
    )


def _wrapped(text: str) -> str:
    """Return a name in short lines, so that it leaves room on a narrow screen."""
    return "<br>".join(textwrap.wrap(text, _LINE))


def reference_plot(number: int, reference: Reference, rows: Sequence[Comparison]) -> Plot:
    """Return the cohort's medians within the reference's usual ranges, each in units of what is worth a remark."""
    names = [_wrapped(MEASURES[row.measure].text) for row in rows]
    far = [MEASURES[row.measure].far for row in rows]

    def relative(values: Sequence[float]) -> list[float]:
        pairs = zip(values, rows, far, strict=True)
        return [round((value - row.other.center) / one, 3) for value, row, one in pairs]

    figure = blank()
    low, high = relative([row.other.low for row in rows]), relative([row.other.high for row in rows])
    own: dict[str, Any] = {"size": 10, "color": [RED if row.weight >= 1 else BLUE for row in rows]}
    figure.add_bar(
        y=names,
        x=[b - a for a, b in zip(low, high, strict=True)],
        base=low,
        orientation="h",
        marker={"color": "#c9d6df"},
        name=in_picture(f"nine of ten nights of {reference.name}"),
        hoverinfo="skip",
    )
    figure.add_scatter(
        y=names, x=relative([row.own.center for row in rows]), mode="markers", marker=own, name="median here"
    )
    figure = _bars(figure, len(rows), "times what is worth a remark")
    figure.update_layout(xaxis={"rangemode": "normal"}, height=len(rows) * _WRAPPED_BAR + _AXIS + 40)
    return Plot(
        f"reference-{number}-plot",
        figure,
        f"Medians of this cohort within the ranges of {reference.name}; the table has the numbers.",
        "Red medians are unusual for the reference.",
    )
