"""Bins along a night, reduced channels, and the axis of time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from pipeline.report.night_spectrum import spectrogram_db
from pipeline.report.plotting import robust_range
from pipeline.report.view import Bins, Night
from schemas.errors import SelectionError
from schemas.store import meanings_of

MakeNight = Callable[..., xr.Dataset]


@pytest.mark.parametrize(
    ("n_epoch", "n_most", "step_s"),
    [(960, 1440, 30), (480, 1440, 10), (1, 1440, 2), (1440, 1440, 30), (1441, 1440, 60), (2881, 1440, 90)],
)
def test_bins_are_the_finest_that_are_few_enough(n_epoch: int, n_most: int, step_s: float) -> None:
    """An epoch is cut into parts, or epochs are taken together, so that a screen's columns are filled."""
    bins = Bins.at_most(n_most, n_epoch)
    assert bins.step_s == step_s
    assert bins.cut(np.zeros((n_epoch, 120), np.float32)).shape[0] <= n_most


def test_no_spike_is_lost() -> None:
    """The envelope holds the least and the greatest sample of every bin, whatever the bin's length."""
    values = np.zeros((7, 120), np.float32)
    values[3, 70], values[5, 1] = 9, -4
    for n_most in (2, 7, 14, 105):
        envelope = Bins.at_most(n_most, 7).envelope(values)
        assert (np.max(envelope), np.min(envelope)) == (9, -4)
        assert envelope.size <= 2 * n_most


def test_what_is_missing_stays_missing() -> None:
    """A bin without samples is NaN in envelope and mean; one with some is made of these."""
    values = np.full((2, 120), np.nan, np.float32)
    values[1, :10] = 3
    bins = Bins.at_most(2, 2)
    np.testing.assert_array_equal(bins.envelope(values), [np.nan, np.nan, 3, 3])
    np.testing.assert_array_equal(bins.means(values), [np.nan, 3])


def test_last_bin_may_be_shorter() -> None:
    """Epochs that do not fill the last bin are shown in it."""
    values = np.repeat(np.arange(5, dtype=np.float32)[:, None], 30, axis=1)
    np.testing.assert_array_equal(Bins(5, 1, 2).means(values), [0.5, 2.5, 4])
    np.testing.assert_array_equal(Bins(5, 1, 2).envelope(values), [0, 1, 2, 3, 4, 4])


def test_time_is_that_of_day(make_night: MakeNight) -> None:
    """The axis begins at clock plus offset, later for a later slice, and at 0 where no clock is known."""
    ds = make_night(n_epoch=4)
    assert Night(ds).start_s == 80012.5
    assert Night(ds).end_s == 80132.5
    later = Night(ds.isel(epoch=slice(2, 4)))
    assert (later.origin_s, later.start_s) == (80012.5, 80072.5)
    late = Night(ds.assign_attrs(clock_start_s=86399.0, grid_offset_s=2.0))
    assert (late.start_s, late.has_clock) == (1, True)
    without = Night(ds.assign_attrs(clock_start_s=None))
    assert (without.start_s, without.has_clock) == (0, False)


def test_a_part_of_a_recording_is_refused(make_night: MakeNight) -> None:
    """Single arrays, attributes that are gone and epochs with others between cannot be shown as a night."""
    ds = make_night(n_epoch=4)
    with pytest.raises(SelectionError, match=r"part of a recording.*no channel"):
        Night(ds[["eeg_c4_m1"]].drop_vars("channel", errors="ignore"))
    with pytest.raises(SelectionError, match="no attributes"):
        Night(ds.drop_attrs())
    with pytest.raises(SelectionError, match="one after the other"):
        Night(ds.isel(epoch=[0, 2]))


def test_flags_are_read_from_attributes() -> None:
    """Codes and bits have their names; an array without any has none."""
    assert meanings_of({"flag_masks": [1, 2], "flag_meanings": "a b"}, "flag_masks") == {1: "a", 2: "b"}
    assert meanings_of({"flag_values": 3, "flag_meanings": "one"}, "flag_values") == {3: "one"}
    assert meanings_of({}, "flag_values") == {}


def test_range_leaves_out_rare_spikes_only() -> None:
    """One sample in a thousand does not flatten the rest; with 0 % outside it is in; nothing has no range."""
    values = np.append(np.linspace(-1, 1, 999), 1000)
    assert max(robust_range(values) or ()) < 1.2
    assert max(robust_range(values, 0) or ()) > 1000
    assert robust_range(np.array([np.nan])) is None
    assert robust_range(np.array([5.0])) == [4.0, 6.0]


def test_power_of_a_sine_is_where_it_belongs() -> None:
    """A sine of 10 Hz and amplitude a has its power a²/2 in the bands around 10 Hz, by Parseval."""
    amplitude, time_s = 30.0, np.arange(2 * 3840) / 128
    eeg = (amplitude * np.sin(2 * np.pi * 10 * time_s)).astype(np.float32).reshape(2, 3840)
    eeg[1, 0] = np.nan  # spoils one window of the second epoch, not its mean
    power_db, frequency_hz = spectrogram_db(eeg)
    assert power_db.shape == (59, 2)
    assert abs(frequency_hz[np.argmax(power_db[:, 0])] - 10) <= 0.5
    power = np.nansum(10 ** (power_db.astype(float) / 10), axis=0) * 0.5
    np.testing.assert_allclose(power, amplitude**2 / 2, rtol=0.02)


def test_epochs_without_signal_have_no_power() -> None:
    """Missing and constant epochs are white, not a colour."""
    eeg = np.full((2, 3840), np.nan, np.float32)
    eeg[1] = 7
    assert np.isnan(spectrogram_db(eeg)[0]).all()
