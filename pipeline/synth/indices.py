"""The true indices of a synthetic night: what each apnea and hypopnea did to saturation and sleep is known.

Nothing is linked by windows here: a fall belongs to the event that it was computed from, an arousal to the event
that it ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import APNEAS, RESPIRATORY, Events
from schemas.vocabulary import EPOCH_S

__all__ = ["true_ahi"]

_ROUNDING_S = 0.11  # events are written in tenths of a second


def true_ahi(
    events: Events, asleep: NDArray[np.bool_], *, offset_s: float, spo2_lag_s: float
) -> dict[str, float | str]:
    """Return the index of apneas and hypopneas by three rules; blank without sleep.

    Parameters
    ----------
    events : Events
        All of the night.
    asleep : ndarray, shape (n_epoch,), bool
        Epochs of sleep as published.
    offset_s : float
        First scored boundary.
    spo2_lag_s : float
        How much later the saturation falls than breathing.
    """
    names = ("ahi_hp3r_aasm15", "ahi_hp3u", "ahi_hp4u_aasm15")
    if not asleep.any():
        return dict.fromkeys(names, "")
    breathless = events.of(*RESPIRATORY)
    epoch = np.floor((breathless.onset_s - offset_s) / EPOCH_S).astype(np.int64)
    counted = (epoch >= 0) & (epoch < asleep.size) & asleep[np.clip(epoch, 0, asleep.size - 1)]
    is_apnea = np.isin(breathless.type, APNEAS)
    depth = _depths(events, breathless, spo2_lag_s)
    aroused = _near(breathless.end_s - 1.0, events.of("arousal").onset_s).any(axis=1)
    ways = (is_apnea | (depth >= 3) | aroused, is_apnea | (depth >= 3), is_apnea | (depth >= 4))
    hours = float(asleep.sum()) * EPOCH_S / 3600.0
    return {name: float((way & counted).sum()) / hours for name, way in zip(names, ways, strict=True)}


def _depths(events: Events, breathless: Events, lag_s: float) -> NDArray[np.float64]:
    falls = events.of("desaturation")
    own = _near(np.round(breathless.onset_s + lag_s), falls.onset_s)
    depth = (falls.baseline_percent - falls.nadir_percent).astype(float)
    return np.asarray(np.where(own, depth, 0.0).max(axis=1, initial=0.0))


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(one[:, None] - other) < _ROUNDING_S)
