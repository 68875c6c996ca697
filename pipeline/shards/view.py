"""A channel's counts in a narrower band: zero phase, gaps as everywhere.

What is missing stays missing; on either side of a gap the margin in which the filter needs what nobody recorded
(`pipeline.derive.resample.gap_margin_s`) becomes missing, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.band import UPPER_EDGE, Band
from pipeline.derive.resample import resample_wave
from pipeline.write.pack import pack
from schemas.kinds import Kind, KindSpec
from schemas.recording import Segment, Signal
from schemas.store import LIMIT, MISSING
from schemas.views import View

__all__ = ["band_in_view", "in_view"]


def band_in_view(view: View, attrs: Mapping[str, Any], rate_hz: int) -> Band | None:
    """Return the band that a stored channel still has to be given, or None where the view takes nothing from it.

    Parameters
    ----------
    attrs : mapping
        The channel's attributes; ``band_low_hz`` and ``band_high_hz`` are None where nothing was applied.
    rate_hz : int
        Of the stored channel.
    """
    edges = view.bands.get(Kind(attrs["kind"]))
    if edges is None:
        return None
    low_hz, high_hz = edges
    highest_hz = UPPER_EDGE * rate_hz / 2  # beyond, nothing is stored
    cuts_low = low_hz > (attrs["band_low_hz"] or 0.0)
    cuts_high = high_hz < min(highest_hz, attrs["band_high_hz"] or highest_hz)
    if not cuts_low and not cuts_high:
        return None
    return Band(low_hz if cuts_low else None, high_hz if cuts_high else highest_hz)


def in_view(
    view: View, counts: NDArray[np.int16], attrs: Mapping[str, Any], kind: KindSpec
) -> NDArray[np.int16] | None:
    """Return a channel's counts as a view has them, or None where that is as they are stored.

    Parameters
    ----------
    counts : ndarray, shape (n_epoch, n_per_epoch), int16
        As stored; not changed.
    attrs : mapping
        The channel's attributes.
    kind : KindSpec
        Fixes rate and scale.

    Returns
    -------
    ndarray, shape (n_epoch, n_per_epoch), int16, or None
        Rounded to the nearest count; beyond the packing range they saturate.
    """
    rate_hz = kind.rate_class.rate_hz
    band = band_in_view(view, attrs, rate_hz)
    segments = _segments(counts.reshape(-1), rate_hz)
    if band is None or not segments:
        return None
    signal = Signal(
        label=attrs["kind"],
        unit_text=kind.unit.value,
        rate_hz=Fraction(rate_hz),
        gain=kind.scale,
        offset=0.0,
        physical_min=-LIMIT * kind.scale,
        physical_max=LIMIT * kind.scale,
        digital_min=-LIMIT,
        digital_max=LIMIT,
        segments=segments,
    )
    wave = resample_wave(signal, band=band, rate_hz=rate_hz, start_s=0.0, n_sample=counts.size)
    return pack(wave.value.reshape(counts.shape), kind.scale).count


def _segments(counts: NDArray[np.int16], rate_hz: int) -> tuple[Segment, ...]:
    """Return the runs of samples that are there."""
    there = np.concatenate(([False], counts != MISSING, [False]))
    edges = np.flatnonzero(there[1:] != there[:-1]).reshape(-1, 2).tolist()
    return tuple(Segment(start / rate_hz, counts[start:stop, None]) for start, stop in edges)
