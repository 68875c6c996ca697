"""Bands: where they end, and which native rates cannot carry a kind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.derive.band import Band, band_for
from pipeline.derive.kernel import reach_s, zero_phase_response
from schemas.kinds import KINDS, Kind, Shape

WAVES = [kind for kind, spec in KINDS.items() if spec.shape is Shape.WAVE]


def decibel(band: Band, rate_hz: float, frequency_hz: float) -> float:
    """Return the designed gain at a frequency, on a fine grid of bins."""
    n_block = int(2 ** np.ceil(np.log2(40 * reach_s(band) * rate_hz)))
    response = zero_phase_response(band, rate_hz, n_block)
    gain = np.interp(frequency_hz, np.arange(response.size) * rate_hz / n_block, response)
    return float(20 * np.log10(max(abs(gain), 1e-30)))


@pytest.mark.parametrize(
    ("kind", "native", "expected"),
    [
        (Kind.EEG, 256, Band(0.3, 60.8)),
        (Kind.EEG, 125, Band(0.3, 59.375)),
        (Kind.EOG, 50, Band(0.3, 23.75)),
        (Kind.EMG, 100, Band(10.0, 47.5)),
        (Kind.BELT, 10, Band(0.05, 1.9)),
        (Kind.AIRFLOW, 1, Band(0.05, 0.475)),
        (Kind.PLETH, 256, Band(0.3, 15.2)),
        (Kind.AIRFLOW_WAVE, 10, Band(0.05, 4.75)),
    ],
)
def test_upper_edge_follows_the_lower_nyquist(kind: Kind, native: int, expected: Band) -> None:
    """The upper edge is 0.95 of the lower Nyquist frequency, the lower one is as asked."""
    actual = band_for(KINDS[kind], Fraction(native), KINDS[kind].high_pass_hz)
    assert actual is not None
    assert actual.low_hz == expected.low_hz
    assert actual.high_hz == pytest.approx(expected.high_hz, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "native"),
    [(Kind.EMG, 1), (Kind.EEG, 10), (Kind.LEG_EMG, 32), (Kind.LEG_EMG, 10), (Kind.PLETH, 1), (Kind.SNORE, 1)],
)
def test_envelopes_and_trends_are_not_passed_off_as_waves(kind: Kind, native: int) -> None:
    """A native rate that cannot carry the kind gives no band, whatever the label says."""
    assert band_for(KINDS[kind], Fraction(native), KINDS[kind].high_pass_hz) is None


def test_direct_current_may_be_kept() -> None:
    """Without a high-pass the band has no lower edge."""
    assert band_for(KINDS[Kind.BELT], Fraction(32), None) == Band(None, 1.9)


@pytest.mark.parametrize("kind", WAVES)
@pytest.mark.parametrize("native", [256, 500])
def test_response_is_what_the_band_declares(kind: Kind, native: int) -> None:
    """-6 dB at both edges, flat between, nothing at 0 Hz, at least 99 dB down from the stop band's start."""
    spec = KINDS[kind]
    band = band_for(spec, Fraction(native), spec.high_pass_hz)
    assert band is not None
    assert decibel(band, native, band.high_hz) == pytest.approx(-6.02, abs=0.1)
    assert decibel(band, native, band.pass_hz) == pytest.approx(0, abs=0.01)
    assert decibel(band, native, band.stop_hz) < -99
    assert decibel(band, native, min(native / 2, 1.1 * band.stop_hz)) < -99
    if band.low_hz:
        assert decibel(band, native, band.low_hz) == pytest.approx(-6.02, abs=0.15)
        assert decibel(band, native, 1.8 * band.low_hz) == pytest.approx(0, abs=0.01)
        assert decibel(band, native, 0.2 * band.low_hz) < -60
        assert zero_phase_response(band, native, 2**20)[0] == 0.0
    else:
        assert zero_phase_response(band, native, 2**20)[0] == 1.0


def test_physiology_near_the_lower_edges_is_untouched() -> None:
    """Delta at 0.5 Hz loses less than 0.1 dB, breathing at 0.15 Hz (9 a minute) less than 0.01 dB."""
    assert decibel(Band(0.3, 60.8), 256, 0.5) > -0.1
    assert decibel(Band(0.05, 1.9), 10, 0.15) > -0.01
