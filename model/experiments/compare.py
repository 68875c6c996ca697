"""Two arms on the same persons: how much better one is, with an interval over persons and seeds.

Both arms answered the same nights, so persons and seeds are drawn for both at once: what is hard about a person
falls out of the difference. Seeds are drawn beside persons because an arm is a way of training, not one network.

Source: pigeonhole bootstrap, Owen 2007 (doi:10.1214/07-AOAS122); it errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "mean_error", "paired_difference"]

Measure = Callable[[NDArray[Any]], float]


@dataclass(frozen=True)
class Difference:
    """How much larger a measure is for the first arm.

    Parameters
    ----------
    a, b : float
        The measure of either arm, over all persons and seeds.
    value : float
        ``a`` less ``b``.
    low, high : float
        Interval of the value.
    by_seed : tuple of float
        The value for every seed.
    n_person : int
    """

    a: float
    b: float
    value: float
    low: float
    high: float
    by_seed: tuple[float, ...]
    n_person: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values, and whether the interval leaves out 0."""
        return asdict(self) | {"by_seed": list(self.by_seed), "decided": not self.low <= 0 <= self.high}


def paired_difference(
    a: NDArray[Any],
    b: NDArray[Any],
    person: Sequence[object],
    measure: Measure,
    *,
    seed: int = 0,
    n_draw: int = 2000,
    level: float = 0.95,
) -> Difference:
    """Return the difference of two arms with its interval.

    Parameters
    ----------
    a, b : ndarray, shape (n_seed, n_recording, ...)
        What adds up over recordings, for instance confusion matrices.
    person : sequence, length n_recording
        Whose recordings they are; a person is drawn with all of them.
    measure : callable
        Of a sum over recordings.
    """
    names, place = np.unique(np.asarray([str(name) for name in person]), return_inverse=True)
    arms = np.stack([a, b]).astype(np.float64)  # (2, S, R, ...)
    by_person = np.zeros((2, arms.shape[1], len(names), *arms.shape[3:]))
    np.add.at(np.moveaxis(by_person, 2, 0), place, np.moveaxis(arms, 2, 0))
    by_seed = [_difference(by_person[:, k].sum(axis=1), measure) for k in range(arms.shape[1])]
    generator = np.random.default_rng(seed)
    persons = _draws(generator, len(names), n_draw)
    seeds = _draws(generator, arms.shape[1], n_draw)
    drawn = [
        _difference(np.tensordot(s, np.tensordot(p, by_person, (0, 2)), (0, 1)), measure)
        for p, s in zip(persons, seeds, strict=True)
    ]
    known = np.array(drawn)[np.isfinite(drawn)]
    edge = (1 - level) / 2
    low, high = np.quantile(known, [edge, 1 - edge]) if known.size else (np.nan, np.nan)
    whole = by_person.sum(axis=(1, 2))
    values = measure(whole[0]), measure(whole[1])
    return Difference(*values, values[0] - values[1], float(low), float(high), tuple(by_seed), len(names))


def mean_error(summed: NDArray[Any]) -> float:
    """Return the mean of (sum of errors, how many); NaN of none."""
    return float(summed[0] / summed[1]) if summed[1] else float("nan")


def _draws(generator: np.random.Generator, n: int, n_draw: int) -> NDArray[np.int64]:
    return generator.multinomial(n, np.full(n, 1 / n), size=n_draw)


def _difference(both: NDArray[Any], measure: Measure) -> float:
    return measure(both[0]) - measure(both[1])
