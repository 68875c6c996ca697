"""Channel kinds: what a channel measures decides its rate, unit, packing and filter.

A kind fixes what must be equal in every recording of every cohort: the rate class, the stored unit, the
power-of-two packing scale and the default high-pass. A manifest may override the high-pass only.

Sources: AASM Manual v3 (recommended low-frequency filters), sleep2vec method (128 Hz fast, 4 Hz slow),
docs/adr/0002 for the scales.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.units import Unit
from schemas.vocabulary import EPOCH_S, Modality

__all__ = ["CANONICAL_CHANNELS", "KINDS", "POSSIBLE", "Kind", "KindSpec", "RateClass", "Shape", "kind_of_channel"]


class RateClass(StrEnum):
    """The four output rates; each has its own dimension in a store."""

    FAST = "fast"
    MID = "mid"
    SLOW = "slow"
    STEP = "step"

    @property
    def rate_hz(self) -> int:
        """Output rate in hertz."""
        return {"fast": 128, "mid": 32, "slow": 4, "step": 1}[self.value]

    @property
    def n_per_epoch(self) -> int:
        """Samples in one 30-s epoch."""
        return self.rate_hz * EPOCH_S

    @property
    def dimension(self) -> str:
        """Name of the store's dimension, e.g. ``fast_sample``."""
        return f"{self.value}_sample"


class Shape(StrEnum):
    """How a signal may be resampled."""

    WAVE = "wave"  # band-limited: anti-aliased and interpolated
    STEP = "step"  # sample and hold: SpO2, pulse rate
    CODE = "code"  # integer codes: held, never averaged


class Kind(StrEnum):
    """What a channel measures."""

    EEG = "eeg"
    EOG = "eog"
    EMG = "emg"
    EMG_ENVELOPE = "emg_envelope"
    LEG_EMG = "leg_emg"
    ECG = "ecg"
    AIRFLOW = "airflow"
    AIRFLOW_WAVE = "airflow_wave"
    NASAL_PRESSURE = "nasal_pressure"
    NASAL_PRESSURE_WAVE = "nasal_pressure_wave"
    BELT = "belt"
    SNORE = "snore"
    PLETH = "pleth"
    SPO2 = "spo2"
    PULSE_RATE = "pulse_rate"
    TEMPERATURE = "temperature"
    PAP_PRESSURE = "pap_pressure"
    POSITION = "position"
    LIGHT = "light"
    STATUS = "status"
    IBI = "ibi"
    RESP = "resp"
    BBI = "bbi"


@dataclass(frozen=True)
class KindSpec:
    """Everything that a kind fixes.

    Parameters
    ----------
    scale : float
        Value of one packed count in ``unit``; a power of two, so that packing is exact in binary. For
        ``Unit.ARBITRARY`` it counts in units of the channel's stored night-level factor.
    high_pass_hz : float or None
        Default lower edge (-6 dB), zero phase; None means that direct current is kept.
    modality : Modality or None
        The model's modality that channels of this kind belong to.
    """

    rate_class: RateClass
    shape: Shape
    unit: Unit
    scale: float
    high_pass_hz: float | None
    modality: Modality | None
    long_name: str

    @property
    def is_arbitrary(self) -> bool:
        """Whether amplitudes mean something only within one night."""
        return self.unit is Unit.ARBITRARY and self.shape is Shape.WAVE


_uv, _mv, _au = Unit.MICROVOLT, Unit.MILLIVOLT, Unit.ARBITRARY
_fast, _mid, _slow, _step = RateClass
_wave, _held, _code = Shape

KINDS: dict[Kind, KindSpec] = {
    Kind.EEG: KindSpec(_fast, _wave, _uv, 2**-5, 0.3, Modality.EEG, "electroencephalogram"),
    Kind.EOG: KindSpec(_fast, _wave, _uv, 2**-5, 0.3, Modality.EOG, "electrooculogram"),
    Kind.EMG: KindSpec(_fast, _wave, _uv, 2**-5, 10.0, Modality.EMG, "chin electromyogram"),
    Kind.EMG_ENVELOPE: KindSpec(_slow, _held, _uv, 2**-5, None, None, "envelope of the chin electromyogram"),
    Kind.LEG_EMG: KindSpec(_fast, _wave, _uv, 2**-5, 10.0, None, "leg electromyogram"),
    Kind.ECG: KindSpec(_fast, _wave, _mv, 2**-12, 0.3, Modality.ECG, "electrocardiogram"),
    Kind.AIRFLOW: KindSpec(_slow, _wave, _au, 2**-10, 0.05, Modality.AIRFLOW, "oronasal thermal airflow"),
    Kind.AIRFLOW_WAVE: KindSpec(_mid, _wave, _au, 2**-10, 0.05, None, "oronasal thermal airflow at 32 Hz"),
    Kind.NASAL_PRESSURE: KindSpec(_slow, _wave, _au, 2**-10, 0.03, Modality.AIRFLOW, "nasal pressure"),
    Kind.NASAL_PRESSURE_WAVE: KindSpec(_mid, _wave, _au, 2**-10, 0.03, None, "nasal pressure at 32 Hz"),
    Kind.BELT: KindSpec(_slow, _wave, _au, 2**-10, 0.05, Modality.BELT, "respiratory effort belt"),
    Kind.SNORE: KindSpec(_mid, _wave, _au, 2**-10, 0.3, None, "snoring sensor"),
    Kind.PLETH: KindSpec(_mid, _wave, _au, 2**-10, 0.3, None, "photoplethysmogram"),
    Kind.SPO2: KindSpec(
        _slow, _held, Unit.PERCENT, 2**-7, None, Modality.SPO2, "oxygen saturation (pulse oximetry)"
    ),
    Kind.PULSE_RATE: KindSpec(_slow, _held, Unit.BPM, 2**-6, None, None, "pulse rate"),
    Kind.TEMPERATURE: KindSpec(_slow, _held, Unit.DEGREE_CELSIUS, 2**-9, None, None, "body temperature"),
    Kind.PAP_PRESSURE: KindSpec(_slow, _held, Unit.CMH2O, 2**-8, None, None, "positive airway pressure"),
    Kind.POSITION: KindSpec(_step, _code, _au, 1.0, None, None, "body position"),
    Kind.LIGHT: KindSpec(_step, _code, _au, 1.0, None, None, "room light"),
    Kind.STATUS: KindSpec(_step, _code, _au, 1.0, None, None, "device status"),
    Kind.IBI: KindSpec(_slow, _held, Unit.SECOND, 2**-13, None, Modality.IBI, "inter-beat interval"),
    Kind.RESP: KindSpec(_slow, _wave, _au, 2**-10, None, Modality.RESP, "respiration"),
    Kind.BBI: KindSpec(_slow, _held, Unit.SECOND, 2**-11, None, Modality.RESP, "breath-to-breath interval"),
}

# Least and largest value that a stored channel of a kind may hold, in its unit; docs/store-spec.md, rule V10.
POSSIBLE: dict[Kind, tuple[float, float]] = {
    Kind.SPO2: (0.0, 100.0),
    Kind.IBI: (0.25, 3.0),  # 240 and 20 beats a minute: docs/adr/0009-ibi.md
    Kind.BBI: (1.0, 10.0),  # 60 and 6 breaths a minute: docs/adr/0008-resp.md
}

_SITES = r"(fp1|fp2|fpz|f3|f4|f7|f8|fz|c3|c4|cz|t3|t4|t5|t6|p3|p4|pz|o1|o2|oz|a1|a2|m1|m2)"  # 10-20 system

# Canonical names, as patterns: the whole name must match. Extend here when a cohort brings a new sensor.
CANONICAL_CHANNELS: dict[str, Kind] = {
    rf"eeg_{_SITES}(_({_SITES}|avg))?": Kind.EEG,
    r"eog_(l|r|h|v)": Kind.EOG,
    r"emg_chin(_l|_r|_c)?": Kind.EMG,
    r"emg_chin_envelope": Kind.EMG_ENVELOPE,
    r"emg_leg(_l|_r|_lr)?": Kind.LEG_EMG,
    r"ecg(_2|_3)?": Kind.ECG,
    r"airflow(_2)?": Kind.AIRFLOW,
    r"airflow_wave": Kind.AIRFLOW_WAVE,
    r"nasal_pressure": Kind.NASAL_PRESSURE,
    r"nasal_pressure_wave": Kind.NASAL_PRESSURE_WAVE,
    r"(thor|abdo|effort_sum)": Kind.BELT,
    r"snore": Kind.SNORE,
    r"pleth": Kind.PLETH,
    r"spo2": Kind.SPO2,
    r"pulse_rate": Kind.PULSE_RATE,
    r"temp_rectal": Kind.TEMPERATURE,
    r"pap_pressure": Kind.PAP_PRESSURE,
    r"position": Kind.POSITION,
    r"light": Kind.LIGHT,
    r"status(_[a-z0-9]+)?": Kind.STATUS,
    r"ibi": Kind.IBI,
    r"resp": Kind.RESP,
    r"bbi": Kind.BBI,
}


def kind_of_channel(channel: str) -> Kind:
    """Return the kind of a canonical channel, e.g. ``eeg_c4_m1`` → ``Kind.EEG``.

    Raises
    ------
    KeyError
        When the name is not canonical.
    """
    for pattern, kind in CANONICAL_CHANNELS.items():
        if re.fullmatch(pattern, channel):
            return kind
    raise KeyError(channel)
