"""Beat detectors of other projects, for a second opinion: imported only when asked for, and none is needed.

Their beats come as they are: whole samples, no evidence, no common fiducial.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SignalError

__all__ = ["OTHER_DETECTORS", "detect_with"]


def _neurokit2(package: Any, ecg: NDArray[np.float64], rate_hz: float) -> NDArray[Any]:
    whole_hz = round(rate_hz)  # its filters take whole rates only
    _, found = package.ecg_peaks(package.ecg_clean(ecg, sampling_rate=whole_hz), sampling_rate=whole_hz)
    return np.asarray(found["ECG_R_Peaks"])


def _sleepecg(package: Any, ecg: NDArray[np.float64], rate_hz: float) -> NDArray[Any]:
    return np.asarray(package.detect_heartbeats(ecg, rate_hz))


OTHER_DETECTORS = {"neurokit2": _neurokit2, "sleepecg": _sleepecg}
"""Name, which is also that of the package, to what asks it for samples."""


def detect_with(name: str, ecg: NDArray[Any], rate_hz: float) -> NDArray[np.float64]:
    """Return the beats that another detector finds.

    Parameters
    ----------
    name : str
        Of `OTHER_DETECTORS`.
    ecg : ndarray, shape (n_sample,), any real type and unit
        One lead. What is not finite is replaced by the median: these detectors know no missing samples.
    rate_hz : float
        Native rate.

    Returns
    -------
    ndarray, shape (n_beat,), float64, seconds
        From the first sample, strictly increasing.

    Raises
    ------
    SignalError
        When there is no such detector, or its package is not installed.
    """
    if name not in OTHER_DETECTORS:
        raise SignalError("no such beat detector", saw=name, expected=", ".join(sorted(OTHER_DETECTORS)))
    try:
        package = import_module(name)
    except ModuleNotFoundError:
        raise SignalError(
            "a beat detector is not installed", saw=f"no package {name}", expected="it", do=f"pip install {name}"
        ) from None
    known = np.isfinite(ecg)
    if not known.any():
        return np.zeros(0)
    filled = np.where(known, ecg, np.median(ecg[known])).astype(np.float64)
    return np.unique(OTHER_DETECTORS[name](package, filled, rate_hz)) / rate_hz
