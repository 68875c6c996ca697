"""Sensors fail in training as often as they were asked to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.batch import Batch, Metadata
from model.data import open_windows
from model.data.dropout import SensorDropout
from model.data.loader import Options
from tests.made_set import MODALITIES, made_set, one_pass

NAMES = tuple(map(str, MODALITIES))
WINDOW = 16


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight nights; not to be changed."""
    return made_set(tmp_path_factory.mktemp("dropout") / "set")


def test_sensors_fail_as_often_as_asked(shards: Path) -> None:
    """Lost tokens are 0 and not valid, one modality always stays, and the rest is as it was."""
    plain = open_windows(shards, window=WINDOW, batch=5)
    failing = open_windows(shards, window=WINDOW, batch=5, options=Options(dropout=SensorDropout(modality=0.6)))
    n_there = n_lost = 0
    for _ in range(10):
        for a, b in zip(one_pass(plain), one_pass(failing), strict=True):
            left = torch.stack([b.valid[name].any(1) for name in NAMES])
            there = torch.stack([a.valid[name].any(1) for name in NAMES])
            assert left.any(0).all()
            n_there, n_lost = n_there + int(there.sum()), n_lost + int((there & ~left).sum())
            for name in NAMES:
                kept = b.valid[name].any(1)
                assert torch.equal(b.samples[name][kept], a.samples[name][kept])
                assert not b.samples[name][~kept].any()
    assert 0.35 < n_lost / n_there < 0.6


def test_sensors_fail_for_a_while(shards: Path) -> None:
    """A span is one run of epochs, no longer than asked for."""
    options = Options(dropout=SensorDropout(span=1.0, longest=0.25), in_bed_only=False)
    for batch in one_pass(open_windows(shards, window=WINDOW, batch=5, options=options)):
        lost = ~batch.valid["spo2"][batch.valid["spo2"].any(1)][:, :9]
        edges = lost.int().diff(dim=1).abs().sum(1)
        assert (lost.sum(1) <= WINDOW // 4).all()
        assert (edges <= 2).all()


def _windows(n: int, n_epoch: int) -> Batch:
    """Return windows of one modality in which everything was measured, and nothing is 0."""
    valid = torch.ones(n, n_epoch, dtype=torch.bool)
    nobody = torch.zeros(n, dtype=torch.int64)
    return Batch(
        {"spo2": torch.ones(n, n_epoch, 2)},
        {"spo2": valid},
        {},
        Metadata(nobody, nobody.float(), nobody, nobody),
        nobody,
        nobody,
        {"spo2": torch.ones(n, n_epoch, 2, dtype=torch.bool)},
    )


def test_spans_have_every_length_and_lie_everywhere() -> None:
    """Of eight epochs up to four are lost in one run, at every place where it fits; what is lost is wholly lost."""
    batch = _windows(2000, 8)
    SensorDropout(span=1.0, longest=0.5).apply(batch, np.random.default_rng(0))
    lost = ~batch.valid["spo2"]
    assert torch.equal(batch.samples["spo2"], (~lost[..., None]).expand(-1, -1, 2).float())
    assert torch.equal(batch.measured["spo2"], (~lost[..., None]).expand(-1, -1, 2))
    n_lost, first = lost.sum(dim=1), lost.int().argmax(dim=1)
    assert (lost.int().diff(dim=1).abs().sum(dim=1) <= 2).all()
    found = set(zip(n_lost.tolist(), first.tolist(), strict=True))
    assert found == {(n, at) for n in (1, 2, 3, 4) for at in range(8 - n + 1)}
    assert [int((n_lost == n).sum()) for n in (1, 2, 3, 4)] == pytest.approx([500] * 4, abs=80)


def test_spans_come_as_often_as_asked() -> None:
    """A quarter of the windows loses something; in the others nothing changes."""
    batch = _windows(2000, 8)
    SensorDropout(span=0.25).apply(batch, np.random.default_rng(0))
    assert int((~batch.valid["spo2"]).any(dim=1).sum()) == pytest.approx(500, abs=80)
