"""An opened recording is a Dataset that says what night it is, and draws it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.api import open_recording
from pipeline.opened import Recording
from schemas.errors import SelectionError


@pytest.fixture
def night(store: Path) -> Recording:
    return open_recording(store)


def test_it_is_a_dataset(night: Recording, store: Path) -> None:
    """It equals what xarray opens, and stays itself through selections, copies and pickling."""
    plain = xr.open_zarr(store)
    assert isinstance(night, xr.Dataset)
    assert set(night.variables) == set(plain.variables)
    assert night.sizes == plain.sizes
    assert type(night.isel(epoch=slice(1, 3))) is Recording
    loaded = night.isel(epoch=slice(2)).load()
    assert loaded.identical(pickle.loads(pickle.dumps(loaded)))
    assert xr.concat([loaded["spo2"], loaded["spo2"]], "epoch").shape == (4, 120)


def test_it_says_what_night_it_is(make_night: Callable[..., xr.Dataset]) -> None:
    """Name, length, primary channels, stages, what was found and findings come before xarray's own text."""
    ds = make_night(n_epoch=4)
    ds["stage"].values[:] = [0, 2, 2, -1]
    found = [{"code": "PSG-A003", "severity": "info", "message": "a"}] * 2
    found += [{"code": "PSG-A002", "severity": "severe", "message": "b"}]
    night = Recording(ds.data_vars, ds.coords, ds.attrs | {"findings": found})
    head, _, rest = repr(night).partition("<xarray.Recording>")
    assert head.splitlines() == [
        "synthetic/night-1 0.03 h in 4 epochs",
        "  channels  5, of them primary: eeg_c4_m1, thor, spo2",
        "  stages    unscored 0.5 min, W 0.5 min, N2 1 min",
        "  found     2 events, 4 beats, 2 breaths",
        "  findings  1 severe, 2 info",
    ]
    assert "eeg_c4_m1" in rest


def test_html_says_the_same_and_escapes(night: Recording) -> None:
    """Notebooks show the same lines, then xarray's view; a name with a tag in it is text."""
    shown = night.assign_attrs(recording="<b>1</b>")._repr_html_()
    assert shown.startswith("<p><strong>synthetic/&lt;b&gt;1&lt;/b&gt;</strong> 0.03 h in 3 epochs</p>")
    assert "<th style='text-align:left'>stages</th>" in shown
    assert "xr-wrap" in shown


def test_parts_of_a_recording_show_what_is_left(night: Recording) -> None:
    """A selection of arrays says what it can; without the night's attributes it looks as any Dataset."""
    assert repr(night[["spo2"]]).splitlines()[:2] == ["synthetic/night-1 0.03 h in 3 epochs", "  findings  none"]
    bare = night.drop_attrs(deep=False)
    assert repr(bare).startswith("<xarray.Recording>")
    assert not bare._repr_html_().startswith("<p>")
    assert repr(night.isel(epoch=0)).startswith("<xarray.Recording>")


def test_plot_night_draws_the_night(night: Recording) -> None:
    """One figure with stages, events, power and saturation over the time of day; a slice has its part."""
    figure = night.plot_night()
    titles = [note.text for note in figure.layout.annotations]
    assert titles == [
        "stage",
        "obstructive apnea: 1",
        "arousal: 1",
        "eeg_c4_m1 (Hz)",
        "SpO2 (%), nadirs of falls by 3 %",
    ]
    assert figure.layout.title.text == "synthetic/night-1"
    np.testing.assert_allclose(figure.layout.xaxis.range, [80012.5e3, 80102.5e3])
    part = night.isel(epoch=slice(1, 3)).plot_night()
    np.testing.assert_allclose(part.layout.xaxis.range, [80042.5e3, 80102.5e3])
    assert list(part.data[0].y) == list(figure.data[0].y)[1:]


def test_what_cannot_be_drawn_is_refused(night: Recording) -> None:
    """Single arrays, and epochs with others between them, are an error that says what would do."""
    with pytest.raises(SelectionError, match="a selection of its epochs"):
        night[["spo2"]].plot_night()
    with pytest.raises(SelectionError, match="slice of epochs"):
        night.isel(epoch=[0, 2]).plot_night()
