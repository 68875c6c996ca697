"""What nights are compared by: a number each, how it is compared, and how a difference is told.

All of them are in the catalog (`pipeline.drift.per_night`). A number that a night lacks is nobody's difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["AS_RECORDED", "MEASURES", "Measure", "in_words"]

AS_RECORDED = "as recorded"  # an arbitrary unit: comparable only where the equipment is the same
_STAGES = {"w": "wake", "n1": "N1", "n2": "N2", "n3": "N3", "rem": "REM"}


@dataclass(frozen=True)
class Measure:
    """One number of a night.

    Parameters
    ----------
    text : str
        What it is, as a page writes it.
    unit : str
        Empty where it has none.
    least : float
        Differences between nights of one site that are smaller than this do not count as spread: in ``unit``, or in
        natural logarithms where nights are compared by their ratio.
    is_ratio : bool
        Whether twice as much is as far as half as much.
    far : float
        Difference below which a site is not worth a remark, however certain it is; in the same terms as ``least``.
    """

    text: str
    unit: str
    least: float
    far: float
    is_ratio: bool = False

    def scaled(self, value: float | None) -> float:
        """Return the number as it is compared; NaN where there is none."""
        if value is None or not math.isfinite(value) or (self.is_ratio and value <= 0):
            return math.nan
        return math.log(value) if self.is_ratio else float(value)

    def plain(self, scaled: float) -> float:
        """Return what `scaled` was made of."""
        return math.exp(scaled) if self.is_ratio else scaled


def _amplitude(text: str, unit: str) -> Measure:
    """Gains of one model of amplifier agree to 5 %; a difference of a quarter is one of equipment or of wear."""
    return Measure(text, unit, least=0.05, far=math.log(1.25), is_ratio=True)


def _index(text: str) -> Measure:
    return Measure(text, "1/h", least=1.0, far=10.0)  # the width of a class of severity, AASM: 5, 15, 30


def _share(text: str) -> Measure:
    return Measure(text, "%", least=2.0, far=10.0)  # of the night; as far as two scorers of one night are apart


MEASURES: Mapping[str, Measure] = MappingProxyType(  # in the order in which pages show them
    {
        "eeg_size": _amplitude("EEG amplitude", "uV"),
        "eog_size": _amplitude("EOG amplitude", "uV"),
        "emg_size": _amplitude("chin EMG amplitude", "uV"),
        "ecg_size": _amplitude("ECG amplitude", "mV"),
        "thor_size": _amplitude("rib-cage belt amplitude", AS_RECORDED),
        "abdo_size": _amplitude("abdominal belt amplitude", AS_RECORDED),
        "airflow_size": _amplitude("airflow amplitude", AS_RECORDED),
        "nasal_pressure_size": _amplitude("nasal pressure amplitude", AS_RECORDED),
        "snore_size": _amplitude("snoring sensor amplitude", AS_RECORDED),
        "pleth_size": _amplitude("pulse wave amplitude", AS_RECORDED),
        "mains_hz": Measure("mains frequency in the EEG", "Hz", least=1.0, far=2.5),
        "hum_uv": Measure("mains hum in the EEG", "uV", least=0.05, far=math.log(2), is_ratio=True),
        "belt_correlation": Measure("correlation of the two belts", "", least=0.05, far=0.5),
        "ecg_upright": Measure("uprightness of the ECG", "", least=0.05, far=0.5),
        "eeg_asymmetry": Measure("EEG slow-wave asymmetry", "", least=0.05, far=0.2),
        "hours": Measure("length of the night", "h", least=0.25, far=1.0),
        "usable_percent": Measure("usable part of primary channels", "%", least=2.0, far=10.0),
        **{f"{stage}_percent": _share(text) for stage, text in _STAGES.items()},
        **{name: _index(name) for name in ("ahi_hp3r_aasm15", "ahi_hp4u_aasm15", "arousal_index", "odi3")},
    }
)


def in_words(name: str, center: float, others: float) -> str:
    """Return how far a center is from that of the others, both as `Measure.scaled` gives them; two digits."""
    measure = MEASURES[name]
    if name == "mains_hz":
        return f"{measure.text}: {center:.0f} Hz, the others {others:.0f} Hz"
    if name in ("belt_correlation", "ecg_upright") and center < 0 < others:
        return f"{measure.text}: {center:+.1f}, the others {others:+.1f}, as if upside down"
    if measure.is_ratio:
        return f"{measure.text}: {_two_digits(math.exp(center - others))} times the others'"
    return f"{measure.text}: {center - others:+.2g} {measure.unit}".rstrip() + " against the others"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"
