"""Which band a channel has after resampling, and whether its native rate can carry the channel at all."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from schemas.kinds import KindSpec

__all__ = ["UPPER_EDGE", "Band", "band_for"]

# -6 dB edge, as a fraction of the lower of the two Nyquist frequencies. The transition is a tenth of that Nyquist
# frequency wide: flat up to 0.9, in the stop band from 1.0 on (docs/adr/0003).
UPPER_EDGE = 0.95

_LEAST_RATE = Fraction(1, 4)  # of the output rate; slower recordings are envelopes or trends of the quantity
_LEAST_WIDTH = 2.0  # upper over lower edge: one octave


@dataclass(frozen=True)
class Band:
    """The frequencies that a channel keeps, as applied.

    Parameters
    ----------
    low_hz : float or None
        Lower edge, -6 dB, zero phase; None keeps direct current. Within 0.01 dB from ``1.8 * low_hz`` upwards, at
        least 60 dB down below ``0.2 * low_hz``, nothing at all at 0 Hz.
    high_hz : float
        Upper edge, -6 dB, zero phase. Within 0.01 dB up to `pass_hz`, at least 100 dB down from `stop_hz` on.
    """

    low_hz: float | None
    high_hz: float

    @property
    def pass_hz(self) -> float:
        """End of the flat part: 18/19 of the upper edge, 0.9 of the Nyquist frequency that set it."""
        return self.high_hz * (2 - 1 / UPPER_EDGE)

    @property
    def stop_hz(self) -> float:
        """Start of the stop band: 20/19 of the upper edge, the Nyquist frequency that set it."""
        return self.high_hz / UPPER_EDGE


def band_for(spec: KindSpec, native_rate_hz: Fraction, high_pass_hz: float | None) -> Band | None:
    """Return the band that a signal of this kind keeps, or None where its native rate cannot carry the kind.

    Parameters
    ----------
    spec : KindSpec
        Its rate class sets the output rate.
    native_rate_hz : Fraction
        Exact native rate.
    high_pass_hz : float or None
        Lower edge: the manifest's, or the kind's own; None keeps direct current.

    Returns
    -------
    Band or None
        None below a quarter of the output rate, or with less than an octave between the edges: a 1-Hz envelope is
        no electromyogram, whatever its label.
    """
    if native_rate_hz < spec.rate_class.rate_hz * _LEAST_RATE:
        return None
    high_hz = UPPER_EDGE * float(min(native_rate_hz, Fraction(spec.rate_class.rate_hz)) / 2)
    if high_pass_hz is not None and high_hz < _LEAST_WIDTH * high_pass_hz:
        return None
    return Band(high_pass_hz, high_hz)
