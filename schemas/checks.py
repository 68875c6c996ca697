"""The checks of a night as data: what each measures, from where on it is remarked on, and whose word that is.

Severity and proposed fix stand with the code in `schemas.findings`; the functions are in `pipeline.quality`. A
manifest may set another limit for its cohort, with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import Field

from schemas.montage import Strict

__all__ = ["CHECKS", "CheckSpec", "LimitRule", "limits_of"]


@dataclass(frozen=True)
class CheckSpec:
    """One check.

    Parameters
    ----------
    code : str
        What it reports, a key of `schemas.findings.FINDINGS`.
    measure : str
        What is compared with the limit.
    limit : float
        From where on it is remarked on.
    unit : str
        Of the limit; ``1`` for none.
    source : str
        Where measure and limit are from.
    """

    code: str
    measure: str
    limit: float
    unit: str
    source: str


class LimitRule(Strict):
    """Another limit for one check in one cohort; why is not optional."""

    limit: float
    reason: str = Field(min_length=3)


_AASM = "AASM Manual v3"
_OURS = "chosen on synthetic nights, docs/quality.md"

CHECKS: Mapping[str, CheckSpec] = MappingProxyType(
    {
        "flat": CheckSpec("PSG-S011", "share of epochs that hold one value only, more than", 0.0, "1", _OURS),
        "range_end": CheckSpec(
            "PSG-Q001", "share of epochs that rest at an end of the recorder's range, more than", 0.05, "1", _OURS
        ),
        "dropped_out": CheckSpec(
            "PSG-Q002", "amplitude over the night's median, for three minutes less than", 0.03, "1", _OURS
        ),
        "wrong_range": CheckSpec(
            "PSG-Q003", "amplitude beyond the usual range, times more than", 2.0, "1", _OURS
        ),
        "unit_factor": CheckSpec(
            "PSG-Q004", "amplitude off the middle of the usual range, times at least", 200.0, "1", _OURS
        ),
        "ecg_inverted": CheckSpec(
            "PSG-Q005", "upright part of the median beat, -1 to 1, less than", -0.3, "1", f"{_AASM}: lead II"
        ),
        "mains": CheckSpec(
            "PSG-Q006", "amplitude of hum, tenfold in an ECG, more than", 10.0, "uV", f"{_AASM}: 50/60 Hz; {_OURS}"
        ),
        "belt_inverted": CheckSpec(
            "PSG-Q007", "median correlation of the belts, less than", -0.3, "1", "docs/adr/0008-resp.md"
        ),
        "duplicated": CheckSpec("PSG-Q008", "correlation of two channels, more than", 0.99999, "1", _OURS),
        "mislabelled": CheckSpec(
            "PSG-Q009",
            "correlation of an EOG with an EEG less that with the other EOG in wake and REM, more than",
            0.1,
            "1",
            f"{_AASM}: eyes move the two EOG against each other; {_OURS}",
        ),
        "emg_envelope": CheckSpec(
            "PSG-Q010", "share of an EMG's power above 10 Hz, less than", 0.1, "1", f"{_AASM}: 10 to 100 Hz"
        ),
        "pulse_differs": CheckSpec(
            "PSG-Q011", "pulse less heart rate in a third of the epochs, more than", 10.0, "bpm", _OURS
        ),
        "flow_differs": CheckSpec(
            "PSG-Q012", "correlation of a flow with the belts at the best lag, less than", 0.5, "1", _OURS
        ),
        "spo2_stuck": CheckSpec("PSG-Q013", "time with one reading of saturation, more than", 2700.0, "s", _OURS),
        "spo2_low": CheckSpec("PSG-Q014", "median saturation of the night, less than", 80.0, "%", _OURS),
        "clock_drift": CheckSpec(
            "PSG-Q015", "how far two clocks have run apart at the end of the night, more than", 3.0, "s", _OURS
        ),
        "hypnogram_shifted": CheckSpec(
            "PSG-Q016", "shift with which stages fit the signals best, at least", 2.0, "epochs", _OURS
        ),
        "one_stage": CheckSpec("PSG-Q017", "share of the scored epochs in one stage, more than", 0.95, "1", _OURS),
        "events_in_wake": CheckSpec(
            "PSG-Q018", "share of apneas, hypopneas and arousals in wake, more than", 0.3, "1", f"{_AASM}: of sleep"
        ),
        "beat_coverage": CheckSpec(
            "PSG-Q019", "epochs with intervals of those with an ECG, less than", 0.5, "1", "docs/adr/0009-ibi.md"
        ),
        "breath_coverage": CheckSpec(
            "PSG-Q020", "epochs with breaths of those with belts, less than", 0.5, "1", "docs/adr/0008-resp.md"
        ),
    }
)  # fmt: skip


def limits_of(rules: Mapping[str, LimitRule]) -> dict[str, float]:
    """Return the limit of every check, a cohort's own where its manifest has one."""
    return {name: rules[name].limit if name in rules else spec.limit for name, spec in CHECKS.items()}
