"""YASA beside the model: its stages of recording stores, and of the very epochs that a model has answered.

Assumptions of YASA (Vallat & Walker 2021, doi:10.7554/eLife.70092): a central EEG derivation against a mastoid, EOG
if there is one, in microvolts, five minutes at the least. Other derivations are answered too, outside of what it
was trained on. Missing samples are 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from model.evaluate import Answers
from model.tasks import Level, Task
from pipeline.api import continuous, open_recording
from pipeline.shards.read import ShardSet, open_shards
from schemas.errors import ModelError
from schemas.store import MISSING, primary_of
from schemas.vocabulary import EPOCH_S, Modality

__all__ = ["yasa_answers", "yasa_stages"]

_SHORTEST_S = 300  # YASA's own limit: its features are smoothed over 7.5 minutes and scaled by the night
_UV = 1e-6  # MNE holds volts
_CLASSES = ["WAKE", "N1", "N2", "N3", "REM"]  # in the order of `Stage`
Signals = Mapping[str, NDArray[np.float64]]  # EEG, then EOG if there is one; each (n_sample,), in microvolts


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
        When the recording has no EEG, or is too short, or YASA is not installed.
    """
    with open_recording(store) as ds:
        eeg = eeg or _primary(ds, Modality.EEG)
        if eeg is None:
            raise ModelError("YASA needs EEG", where=store.name, saw=", ".join(ds["channel"].values))
        names = (eeg, _primary(ds, Modality.EOG))
        signals = {name: np.nan_to_num(continuous(ds, name).values.astype(np.float64)) for name in names if name}
        return _predict(signals, ds.sizes["epoch"], store.name)


def _primary(ds: xr.Dataset, modality: Modality) -> str | None:
    return primary_of(((str(name), ds[name].attrs) for name in ds["channel"].values), modality)


def yasa_answers(answers: Answers, task: Task, shards: Path, split: str) -> Answers:
    """Return YASA's answers beside those of a model: the same nights, epochs and scorer.

    Raises
    ------
    ModelError
        When the task is not one of stages, a night has no EEG or is too short, or YASA is not installed.
    """
    if task.level is not Level.TOKEN:
        raise ModelError("YASA answers stages alone", saw=task.name, expected="stage5, stage4, stage3")
    nights = open_shards(shards, split)
    groups = np.zeros((len(_CLASSES), len(task.classes)))  # a stage (row) belongs to a class (column)
    groups[list(task.codes), list(task.codes.values())] = 1
    pairs = zip(answers.recording, answers.epoch, strict=True)
    return replace(answers, probability=[_of_night(nights, number)[epoch] @ groups for number, epoch in pairs])


def _of_night(shards: ShardSet, number: int) -> NDArray[np.float64]:
    """Return the probabilities of a night of a split, (n_epoch, 5)."""
    nights = shards.nights
    has = dict(zip(shards.modalities, nights.present[number], strict=True))
    if not has.get(Modality.EEG):
        raise ModelError("YASA needs EEG", where=nights.recording[number], do="Evaluate without the baseline.")
    first, n_epoch, signals = int(nights.start[number]), int(nights.length[number]), {}
    for name in (Modality.EEG, Modality.EOG):
        if has.get(name):
            counts = shards.read(name, first, n_epoch).reshape(-1)
            signals[name.value] = np.where(counts == MISSING, 0.0, counts * shards.scale_factor(name))
    return _predict(signals, n_epoch, nights.recording[number])


def _predict(signals: Signals, n_epoch: int, where: str) -> NDArray[np.float64]:
    """Return (n_epoch, 5); the first of the signals is EEG."""
    if find_spec("yasa") is None:
        raise ModelError("YASA is not installed", do="pip install yasa.")
    if n_epoch * EPOCH_S < _SHORTEST_S:
        raise ModelError("the recording is too short for YASA", where=where, saw=n_epoch)
    import mne
    import yasa

    values = np.stack(list(signals.values()))  # (n_signal, n_sample)
    eeg, eog = (*signals, None)[:2]
    info = mne.create_info(list(signals), values.shape[1] / (n_epoch * EPOCH_S), ["eeg", "eog"][: len(signals)])
    staging = yasa.SleepStaging(mne.io.RawArray(values * _UV, info, verbose=False), eeg, eog_name=eog)
    with warnings.catch_warnings():  # its classifier was written by an older scikit-learn; only labels are read
        warnings.filterwarnings("ignore", "Trying to unpickle")
        probability = staging.predict().proba
    found: NDArray[np.float64] = probability[_CLASSES].to_numpy(np.float64)
    return found
