"""Epochs with positive airway pressure, as far as a signal tells it.

Assumes that the pressure is the one at the mask or in the device: no device treats with less than 4 cmH2O, and
without one the sensor reads about nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from pipeline.process import Channel
from schemas.findings import Finding, finding
from schemas.kinds import Kind
from schemas.vocabulary import StudyType

__all__ = ["therapy_findings", "therapy_of"]

ON_CMH2O = 3.0  # below the 4 cmH2O that devices begin at, above drifts of the sensor
_LEAST_KNOWN = 0.5  # part of the epoch


def therapy_of(channels: Sequence[Channel]) -> NDArray[np.int8] | None:
    """Return 1 for epochs with pressure, 0 for those without, -1 where nobody knows; None without such a channel.

    Returns
    -------
    ndarray, shape (n_epoch,), int8
    """
    sensor = next((c for c in channels if c.plan.rule.kind is Kind.PAP_PRESSURE), None)
    if sensor is None:
        return None
    known = np.isfinite(sensor.value)
    high = (sensor.value >= ON_CMH2O) & known  # a comparison with NaN is False
    n_known = known.sum(axis=1)
    told = n_known >= _LEAST_KNOWN * known.shape[1]
    return np.where(told, 2 * high.sum(axis=1) >= n_known, -1).astype(np.int8)


def therapy_findings(therapy: NDArray[np.int8] | None, study_type: StudyType) -> tuple[Finding, ...]:
    """Remark on treatment in a night that is said to be diagnostic."""
    if therapy is None or study_type is not StudyType.DIAGNOSTIC or not (therapy == 1).any():
        return ()
    on = therapy == 1
    text = f"airway pressure in {int(on.sum())} of {on.size} epochs of a diagnostic night"
    return (finding("PSG-A030", text, epochs=runs(on)),)
