"""A named view keeps its bands and nothing else; a set says which view it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from flows.commands.shards import command
from pipeline.derive.band import Band
from pipeline.derive.resample import gap_margin_s
from pipeline.shards.build import build_set
from pipeline.shards.pull import Wanted, pull_set
from pipeline.shards.read import open_shards
from pipeline.shards.verify import verify_set
from pipeline.shards.view import band_in_view, in_view
from schemas.kinds import KINDS, Kind, RateClass
from schemas.store import MISSING
from schemas.views import VIEWS
from tests.command_line import in_process
from tests.unit.shards.conftest import RECIPE

AASM, WEARABLE = VIEWS["aasm"], VIEWS["wearable"]
N_EPOCH = 4
STORED = {"band_low_hz": None, "band_high_hz": 60.8}
INNER = slice(20 * 128, 100 * 128)  # a kernel's length away from both ends


def sine(hz: float, kind: Kind, amplitude: float = 2000.0) -> NDArray[np.float64]:
    """Return a sine in counts, at the rate of a kind."""
    rate_hz = KINDS[kind].rate_class.rate_hz
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(N_EPOCH * 30 * rate_hz) / rate_hz + 0.4))


def viewed(view: Any, counts: NDArray[Any], kind: Kind) -> NDArray[np.int16]:
    """Return what a view makes of counts, end to end."""
    shape = (N_EPOCH, KINDS[kind].rate_class.n_per_epoch)
    packed = np.rint(counts).astype(np.int16).reshape(shape)
    before = packed.copy()
    seen = in_view(view, packed, {"kind": str(kind), **STORED}, KINDS[kind])
    assert seen is not None
    np.testing.assert_array_equal(packed, before)
    return seen.reshape(-1)


@pytest.mark.parametrize(
    ("view", "hz", "is_kept"),
    [(AASM, 10, True), (AASM, 33, True), (AASM, 37, False), (AASM, 50, False), (WEARABLE, 0.75, True)],
)
def test_a_sine_is_kept_as_it_is_or_taken_away(view: Any, hz: float, is_kept: bool) -> None:
    """Inside the band amplitude and phase stay to the rounding of a count; beyond it nothing is left."""
    wave = sine(hz, Kind.EEG)
    expected = wave if is_kept else 0 * wave
    np.testing.assert_allclose(viewed(view, wave, Kind.EEG)[INNER], expected[INNER], atol=3)  # 0.01 dB


def test_slow_drift_is_taken_away() -> None:
    """A lower edge above the stored one is applied, and direct current goes."""
    seen = viewed(WEARABLE, sine(0.05, Kind.EEG) + 500, Kind.EEG)
    assert np.abs(seen[INNER].astype(int)).max() <= 3


def test_an_upper_edge_is_6_db_down() -> None:
    """At 35 Hz half of the amplitude is left."""
    seen = viewed(AASM, sine(35, Kind.EEG), Kind.EEG)
    np.testing.assert_allclose(seen[INNER], sine(35, Kind.EEG, 1000.0)[INNER], atol=3)


def test_gaps_stay_and_their_margins_are_missing() -> None:
    """Missing samples stay missing, with the filter's margin on either side; beyond, the sine is as it was."""
    wave = np.rint(sine(10, Kind.EEG))
    gap = slice(7000, 7100)
    wave[gap] = MISSING
    missing = np.flatnonzero(viewed(AASM, wave, Kind.EEG) == MISSING)
    margin = int(np.ceil(gap_margin_s(Band(0.3, 35.0)) * 128))
    assert (missing[0], missing[-1] + 1) == (gap.start - margin + 1, gap.stop + margin)
    assert missing.size == missing[-1] + 1 - missing[0]


def test_a_night_without_samples_stays_one() -> None:
    """Nothing is filtered where nothing is, and a lone sample between gaps does not become a wave."""
    shape = (N_EPOCH, RateClass.FAST.n_per_epoch)
    counts = np.full(shape, MISSING, np.int16)
    attrs = {"kind": "eeg", **STORED}
    assert in_view(AASM, counts, attrs, KINDS[Kind.EEG]) is None
    counts[0, 5] = counts[1, 5] = counts[2, 5] = 100
    seen = in_view(AASM, counts, attrs, KINDS[Kind.EEG])
    assert seen is not None
    assert set(np.unique(seen[1]).tolist()) == {MISSING}


@pytest.mark.parametrize(
    ("view", "kind", "stored", "expected"),
    [
        (AASM, Kind.EEG, (0.3, 60.8), Band(None, 35.0)),
        (AASM, Kind.EEG, (None, 30.0), Band(0.3, 60.8)),
        (AASM, Kind.EEG, (0.5, 30.0), None),
        (AASM, Kind.ECG, (0.3, 60.8), None),  # 70 Hz is beyond what is stored
        (AASM, Kind.EMG, (10.0, 60.8), None),
        (AASM, Kind.SPO2, (None, None), None),
        (WEARABLE, Kind.EOG, (0.3, 60.8), Band(0.4, 35.0)),
        (WEARABLE, Kind.ECG, (0.3, 60.8), None),
        (WEARABLE, Kind.BELT, (0.05, 1.9), None),
    ],
)
def test_what_is_stored_narrower_stays(
    view: Any, kind: Kind, stored: tuple[float | None, float | None], expected: Band | None
) -> None:
    """Only an edge inside the stored band is applied; kinds that a view does not name stay as they are."""
    attrs = {"kind": str(kind), "band_low_hz": stored[0], "band_high_hz": stored[1]}
    assert band_in_view(view, attrs, KINDS[kind].rate_class.rate_hz) == expected


def test_views_are_of_waves() -> None:
    """Bands are below one another, of kinds that are waves, each with a source."""
    for view in VIEWS.values():
        assert view.source
        for kind, (low_hz, high_hz) in view.bands.items():
            assert 0 < 2 * low_hz < high_hz
            assert KINDS[kind].shape == "wave"


def test_a_set_says_which_view_it_is(converted: Path, built: Path, tmp_path: Path) -> None:
    """Document, group and card name it; EEG is filtered, saturation is not, and the set verifies."""
    build_set(converted, tmp_path / "set", dataclasses.replace(RECIPE, view=AASM))
    assert verify_set(tmp_path / "set").problems == ()
    assert json.loads((tmp_path / "set/set.json").read_text())["view"] == AASM.to_json()
    assert json.loads((built / "set.json").read_text())["view"] is None
    assert xr.open_zarr(tmp_path / "set/train.zarr").attrs["view"]["name"] == "aasm"
    assert "bands: view aasm, within" in (tmp_path / "set/card.md").read_text()
    pull_set(str(tmp_path / "set"), tmp_path / "part", Wanted(("train",), subset=1))
    assert json.loads((tmp_path / "part/set.json").read_text())["view"] == AASM.to_json()
    stored, seen = open_shards(built, "train"), open_shards(tmp_path / "set", "train")
    np.testing.assert_array_equal(seen.read("spo2", 0, 60), stored.read("spo2", 0, 60))
    power = np.abs(np.fft.rfft(np.hanning(128 * 60) * _whole_night(seen)[: 128 * 60])) ** 2
    assert power[60 * 38 :].sum() < 1e-4 * power.sum()
    usable, counts = seen.read("usable_fraction", 0, seen.n_epoch), seen.read("eeg", 0, seen.n_epoch)
    np.testing.assert_allclose(usable[:, 0], (counts != MISSING).mean(axis=1), atol=1e-6)


def _whole_night(shards: Any) -> NDArray[np.int16]:
    """Return the longest night's EEG behind its first epoch, in which nothing is missing."""
    longest = int(np.argmax(shards.nights.length))
    start, length = int(shards.nights.start[longest]), int(shards.nights.length[longest])
    return np.asarray(shards.read("eeg", start + 1, length - 1).reshape(-1))


def test_the_command_takes_a_view(converted: Path, tmp_path: Path) -> None:
    """The words of the option are the table's, and another view is another set."""
    (option,) = [param for param in command.commands["build"].params if param.name == "view"]
    assert tuple(option.type.to_info_dict()["choices"]) == tuple(VIEWS)
    build = ("shards", "build", converted, "--out", "set", "--modalities", "eeg", "--json")
    for view in ((), ("--view", "aasm"), ("--view", "wearable")):
        done = in_process(*build, *view, cwd=tmp_path)
        assert json.loads(done.stdout)["built"] is True, done.stderr
