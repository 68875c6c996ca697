"""Waves onto the output grid: filter, sub-sample shift and change of rate in one pass over the stored integers.

Overlapping blocks are transformed, multiplied by the band's real response and by the phase that moves them onto the
output grid, and transformed back at the output rate. The kernel has finite support, so the middle of every block is
exact; there is no full-night temporary and no delay anywhere in the night. Measured in docs/adr/0003.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.derive.band import Band
from pipeline.derive.blocks import Blocks, plan_blocks
from pipeline.derive.grid import Grid, Resampled
from pipeline.derive.kernel import reach_s, zero_phase_response
from pipeline.derive.source import Source
from schemas.errors import SignalError
from schemas.recording import Signal

__all__ = ["RESAMPLER", "Resampled", "gap_margin_s", "resample_wave"]

RESAMPLER = "overlap-save FFT, zero-phase Kaiser FIR, float32, version 2"
_MARGIN_UPPER = 8.0  # cycles of the upper edge; 2 % of the low-pass kernel (root of energy) reaches farther
_MARGIN_LOWER = 0.25  # periods of the lower edge; beyond, the baseline is wrong by about 3 % of the signal


def gap_margin_s(band: Band) -> float:
    """Return how much is masked on either side of a gap within the night, in seconds.

    What lies beyond the gap is not known, and near it the filter needs it: eight cycles of the upper edge, or a
    quarter of a period of the lower one where that is longer (0.83 s for EEG, 5 s for belts). The two ends of the
    night have no margin: whole epochs are worth more than the last per cent of their first second.
    """
    return max(_MARGIN_UPPER / band.high_hz, _MARGIN_LOWER / band.low_hz if band.low_hz else 0.0)


def resample_wave(
    signal: Signal, *, band: Band, rate_hz: int, start_s: float, n_sample: int, factor: float = 1.0
) -> Resampled:
    """Return the band-limited signal at times ``start_s + k / rate_hz``.

    Parameters
    ----------
    signal : Signal
        Segments in order of time; integers are read in place.
    band : Band
        From `band_for`; its stop band must begin at or below both Nyquist frequencies.
    rate_hz : int
        Output rate.
    start_s : float
        Time of the first output sample, seconds from recording start; any phase.
    n_sample : int
        Output length.
    factor : float
        Multiplies the physical values: unit conversion, or -1 to turn the sign.

    Returns
    -------
    Resampled
        In the signal's unit times ``factor``. NaN and ``NO_SIGNAL`` outside the segments and within `gap_margin_s`
        of a gap; nothing is interpolated across a gap.

    Raises
    ------
    SignalError
        When the band does not fit below both Nyquist frequencies.

    Notes
    -----
    Single precision; the error is about 1e-7 of the largest deviation from the signal's mean. Each segment is
    continued beyond its ends as `pipeline.derive.source` describes; linear only where no end is within reach. An
    output sample between the last native sample and the end of its interval is still given.
    """
    _refuse_alias(signal, band, rate_hz)
    grid = Grid(rate_hz, start_s, n_sample)
    out = grid.missing()
    blocks = plan_blocks(signal.rate_hz, rate_hz, reach_s(band))
    response = zero_phase_response(band, float(signal.rate_hz), blocks.n_in)
    response = response[: blocks.bins_below(band.stop_hz / float(signal.rate_hz))]
    response *= signal.gain * factor * blocks.scale
    margin_s = Fraction(gap_margin_s(band))
    for i, segment in enumerate(signal.segments):
        source = Source(segment, float(signal.rate_hz), band, blocks.n_reach)
        first, stop = grid.covered(*_known(signal, i, margin_s))
        if first >= stop:
            continue
        value = out.value[first:stop]
        _fill(value, source, grid.position(first, segment.start_s, signal.rate_hz), blocks, response)
        if not band.low_hz:
            value += (signal.gain * source.reference + signal.offset) * factor
        out.flag[first:stop] = 0
    return out


def _known(signal: Signal, i: int, margin_s: Fraction) -> tuple[float, Fraction]:
    """Return begin and duration, in seconds, of what a segment tells once the margins of gaps are taken off."""
    segment = signal.segments[i]
    before, after = margin_s * (i > 0), margin_s * (i + 1 < len(signal.segments))
    return segment.start_s + float(before), segment.n_sample / signal.rate_hz - before - after


def _fill(
    value: NDArray[np.float32],
    source: Source,
    position: Fraction,
    blocks: Blocks,
    response: NDArray[np.float64],
) -> None:
    """Write output samples, the first of which lies ``position`` native samples into the segment."""
    done = 0
    turn = 2j * np.pi / blocks.n_in * np.arange(response.size)
    while done < value.size:
        n_block = min(blocks.per_batch, -(-(value.size - done) // blocks.hop_out))
        at = position + done * blocks.ratio
        begin = math.floor(at) - source.n_reach
        stretch = source.take(begin, (n_block - 1) * blocks.hop_in + blocks.n_in)
        spectrum = scipy.fft.rfft(sliding_window_view(stretch, blocks.n_in)[:: blocks.hop_in or 1], axis=1)
        weight = (response * np.exp(turn * float(at - begin))).astype(np.complex64)
        fresh = blocks.synthesise(spectrum[:, : weight.size] * weight).reshape(-1)[: value.size - done]
        value[done : done + fresh.size] = fresh
        done += fresh.size


def _refuse_alias(signal: Signal, band: Band, rate_hz: int) -> None:
    nyquist_hz = min(float(signal.rate_hz), rate_hz) / 2
    if band.stop_hz > nyquist_hz * (1 + 1e-9):
        raise SignalError(
            f"the band of {signal.label!r} does not fit its rates",
            saw=f"a stop band from {band.stop_hz:.6g} Hz",
            expected=f"at most {nyquist_hz:.6g} Hz",
            why="What lies above half the output rate would come back at wrong frequencies.",
            do="Take the band from band_for.",
        )
