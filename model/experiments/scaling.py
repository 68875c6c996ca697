"""Error by the number of nights, parameters and modalities, and a power law with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.encoder import n_parameter
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.experiments.subsets import Scores
from model.metrics import kappa

__all__ = ["Settings", "exponent", "run"]


@dataclass(frozen=True)
class Settings:
    """Points along each axis; the others stay at the plan's.

    Parameters
    ----------
    persons : tuple of int
        Of pre-training.
    widths : tuple of int
        Of the encoder; tokenizers and feed-forward layers grow with it.
    n_modality : tuple of int
        The first so many, in the set's order.
    """

    persons: tuple[int, ...] = (4, 8, 16, 32)
    widths: tuple[int, ...] = (16, 32, 64, 128)
    n_modality: tuple[int, ...] = (1, 2, 4, 9)


def run(lab: Lab, settings: Settings) -> Result:
    """Return 1 − κ at every point, and the exponent along every axis."""
    rows: list[dict[str, Any]] = []
    notes: dict[str, Any] = {}
    for axis, points in (
        ("persons", settings.persons),
        ("width", settings.widths),
        ("modalities", tuple(n for n in settings.n_modality if n <= len(lab.modalities))),
    ):
        found = [_at(lab, axis, point) for point in points]
        for point, (scores, size) in zip(points, found, strict=True):
            error = {"error": 1 - lab.judged(scores, _all(scores))["kappa"]}
            rows.append({"axis": axis, "point": point, "n_parameter": size} | error)
        if len(points) > 1:
            notes[axis] = exponent(points, [scores for scores, _ in found], lab.plan.n_draw)
    return Result(rows, Chart("line", "point", "error", by="axis", log=True), {"exponents": notes})


def _at(lab: Lab, axis: str, point: int) -> tuple[list[Scores], int]:
    """Train at a point; return scores, a seed each, and the parameters."""
    values: dict[str, Any] = {}
    if axis == "width":
        values = {"model.width": point, "model.token_width": point, "model.ffn_width": 2 * point}
    chosen = tuple(lab.modalities[:point]) if axis == "modalities" else tuple(lab.modalities)
    scores, size = [], 0
    for seed in lab.plan.seeds:
        n_person = point if axis == "persons" else None
        start = lab.pretrained(seed, f"pretrained-{axis}-{point}", values, n_person=n_person)
        model = lab.tuned(seed, f"scale-{axis}-{point}", start, modalities=chosen)
        scores.append(lab.scores(model, [chosen]))
        size = n_parameter(model.network)
    return scores, size


def _all(scores: Sequence[Scores]) -> Any:
    return next(iter(scores[0].counts))


def exponent(points: Sequence[float], found: Sequence[Sequence[Scores]], n_draw: int) -> dict[str, float]:
    """Fit error = a · point ** exponent, with an interval over persons, drawn for all points at once.

    Parameters
    ----------
    found : sequence of sequence of Scores
        A point, then a seed each; all of the same nights.
    """
    person = np.unique(np.array(found[0][0].subject), return_inverse=True)[1]
    counts = np.stack([np.sum([s.counts[_all([s])] for s in scores], axis=0) for scores in found])  # (P, R, C, C)
    by_person = np.zeros((len(found), person.max() + 1, *counts.shape[2:]))
    np.add.at(np.moveaxis(by_person, 1, 0), person, np.moveaxis(counts, 1, 0))
    n = by_person.shape[1]
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=n_draw)
    slopes = [_slope(points, np.tensordot(draw, by_person, (0, 1))) for draw in draws]
    low, high = np.quantile([s for s in slopes if np.isfinite(s)] or [np.nan], [0.025, 0.975])
    return {"exponent": _slope(points, by_person.sum(axis=1)), "low": float(low), "high": float(high)}


def _slope(points: Sequence[float], counts: NDArray[Any]) -> float:
    """Return the slope of log error by log point, of matrices (P, C, C)."""
    error = np.array([1 - kappa(own) for own in counts])
    return float(np.polyfit(np.log(points), np.log(error), 1)[0]) if (error > 0).all() else float("nan")
