"""Each of the nine modalities has the zero and the one that belong to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.shard_set import write_nights
from model.data import open_nights
from pipeline.shards.read import open_shards
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality
from tests.made_set import counts_of, made_night

OF_THE_NIGHT = ("eeg", "eog", "emg", "ecg")  # amplitudes that amplifier and electrode decide
OF_EVERYBODY = ("spo2", "ibi", "resp")  # numbers that mean the same in all
LENGTHS = (9, 12)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights with all nine modalities."""
    made = [made_night(k, n, tuple(Modality), arrays={}) for k, n in enumerate(LENGTHS)]
    return write_nights(tmp_path_factory.mktemp("nine") / "set", {"train": made}, tuple(Modality), shard_epoch=60)


@pytest.mark.parametrize("modality", Modality)
def test_zero_and_one_are_those_of_the_kind(shards: Path, modality: Modality) -> None:
    """Of the night, of all nights for training, or those of the store."""
    train = open_shards(shards)
    for number, batch in enumerate(open_nights(shards, labels=())):
        counts = counts_of(number, modality, LENGTHS[number])
        stored = counts * modality_kind(modality).scale
        center, scale = 0.0, 1.0
        if modality in OF_THE_NIGHT:
            column = tuple(Modality).index(modality)
            center, scale = train.nights.center[number, column], train.nights.scale[number, column]
        elif modality in OF_EVERYBODY:
            moments = train.statistics()["modalities"][modality]
            center, scale = moments["mean"], moments["sd"]
        found = batch.samples[modality][0].numpy()
        known = counts != MISSING
        np.testing.assert_allclose(found[known], ((stored - center) / scale)[known], rtol=1e-5, atol=1e-5)
