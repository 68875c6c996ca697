"""Pictures of a run: losses, how modalities found each other, which stages were taken for which.

matplotlib is imported when a picture is drawn, and used without its global state: no window, no chosen backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["draw_alignment", "draw_confusion", "draw_losses"]

_SIZE_IN = (7.5, 6.0)
_GREY, _BLUE = "#7F7F7F", "#0072B2"  # Okabe & Ito 2008
_N_SMOOTH = 15  # steps under the running median: pairs of modalities differ in how hard they are


def draw_losses(runs: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the loss of every step of some runs, each in a panel of its own, with a running median.

    Parameters
    ----------
    runs : mapping of title to sequence of float
        Losses in nats, one a step.
    """
    figure = _figure()
    for axes, (title, losses) in zip(_panels(figure, len(runs)), runs.items(), strict=True):
        step = np.arange(1, len(losses) + 1)
        axes.plot(step, losses, ".", color=_GREY, markersize=3, label="one batch")
        axes.plot(step, _running_median(np.asarray(losses, float)), color=_BLUE, label=f"median of {_N_SMOOTH}")
        axes.set(title=title, xlabel="step", ylabel="loss (nats)")
        axes.legend()
    return figure


def draw_alignment(found: Mapping[str, Any]) -> Figure:
    """Draw how often a token of one modality (row) finds its own night in another (column).

    Parameters
    ----------
    found : mapping
        From `model.alignment.alignment`.
    """
    share: dict[tuple[str, ...], float] = {tuple(p.split("-")): s for p, s in found["accuracy"].items()}
    names = list(dict.fromkeys(name for pair in share for name in pair))
    matrix = np.full((len(names), len(names)), np.nan)
    for (a, b), value in share.items():
        matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = value
    figure = _figure()
    axes = figure.subplots()
    _cells(axes, matrix, names, [f"{100 * v:.0f}" if np.isfinite(v) else "" for v in matrix.flat])
    among, chance = found["n_window"], found["chance"]
    axes.set_title(f"Tokens that find their own night among {among}, in % (by chance {100 * chance:.0f})")
    return figure


def draw_confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> Figure:
    """Draw how often each true class (row) was answered by each class (column), as counts and shares of the row."""
    number = np.asarray(counts)
    share = number / np.maximum(1, number.sum(axis=1, keepdims=True))
    words = [f"{n}\n{100 * s:.0f} %" for n, s in zip(number.flat, share.flat, strict=True)]
    figure = _figure()
    axes = figure.subplots()
    _cells(axes, share, classes, words)
    axes.set(title=title, xlabel="answered", ylabel="scored")
    return figure


def _figure() -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=_SIZE_IN, dpi=100, layout="constrained")


def _panels(figure: Figure, n: int) -> list[Axes]:
    return list(np.atleast_1d(figure.subplots(n, 1)))


def _cells(axes: Axes, values: NDArray[np.float64], names: Sequence[str], words: Sequence[str]) -> None:
    """Draw a square of shares from 0 (white) to 1, each with its words."""
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    for place, text in enumerate(words):
        row, column = divmod(place, len(names))
        is_dark = values[row, column] > 0.6
        axes.text(column, row, text, ha="center", va="center", color="white" if is_dark else "black", fontsize=9)


def _running_median(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the steps around each, fewer at the ends."""
    half = _N_SMOOTH // 2
    return np.array([np.median(losses[max(0, i - half) : i + half + 1]) for i in range(len(losses))])
