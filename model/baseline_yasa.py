"""YASA beside the model: its stages of the same recording stores, where they have EEG.

Assumptions of YASA (Vallat & Walker 2021, doi:10.7554/eLife.70092): a central EEG derivation against a mastoid, EOG
if there is one, in microvolts, five minutes at the least. Other derivations are answered too, outside of what it
was trained on. Missing samples are 0.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.api import continuous, open_recording
from schemas.errors import ModelError
from schemas.vocabulary import EPOCH_S, Modality

__all__ = ["yasa_stages"]

_SHORTEST_S = 300  # YASA's own limit: its features are smoothed over 7.5 minutes and scaled by the night
_UV = 1e-6  # MNE holds volts
_CLASSES = ["WAKE", "N1", "N2", "N3", "REM"]  # in the order of `Stage`


def yasa_stages(store: Path, eeg: str | None = None) -> NDArray[np.float64]:
    """Return the probabilities of YASA's stages for a recording store.

    Parameters
    ----------
    store : Path
    eeg : str, optional
        Channel; the primary one without.

    Returns
    -------
    ndarray, shape (n_epoch, 5), float64
        W, N1, N2, N3, REM.

    Raises
    ------
    ModelError
        When the recording has no EEG, or is too short.
    """
    with open_recording(store) as ds:
        eeg = eeg or _primary(ds, Modality.EEG)
        if eeg is None:
            raise ModelError("YASA needs EEG", where=store.name, saw=", ".join(ds["channel"].values))
        if ds.sizes["epoch"] * EPOCH_S < _SHORTEST_S:
            raise ModelError("the recording is too short for YASA", where=store.name, saw=ds.sizes["epoch"])
        eog = _primary(ds, Modality.EOG)
        signals = {name: continuous(ds, name) for name in (eeg, eog) if name is not None}
    return _predict(signals, eeg, eog)


def _primary(ds: xr.Dataset, modality: Modality) -> str | None:
    names = (name for name in ds["channel"].values if ds[name].attrs.get("modality") == modality)
    return next((str(name) for name in names if ds[name].attrs.get("primary") == 1), None)


def _predict(signals: dict[str, xr.DataArray], eeg: str, eog: str | None) -> NDArray[np.float64]:
    import mne
    import yasa

    values = np.stack([np.nan_to_num(signal.values.astype(np.float64)) for signal in signals.values()])
    rate_hz = 1 / float(signals[eeg]["time_s"].diff("time_s")[0])
    info = mne.create_info(list(signals), rate_hz, ["eeg", "eog"][: len(signals)])
    staging = yasa.SleepStaging(mne.io.RawArray(values * _UV, info, verbose=False), eeg, eog_name=eog)
    with warnings.catch_warnings():  # its classifier was written by an older scikit-learn; only labels are read
        warnings.filterwarnings("ignore", "Trying to unpickle")
        probability = staging.predict().proba
    found: NDArray[np.float64] = probability[_CLASSES].to_numpy(np.float64)
    return found
