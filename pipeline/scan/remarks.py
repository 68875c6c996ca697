"""What is odd about a signal's header: a reversed range, an unknown unit, a range that cannot be the channel's.

Remarks for a person's eyes; nothing is decided by them. A range that is far too narrow or too wide for what its
unit says is the mark of a wrong unit.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import UnitUnexpected
from schemas.kinds import Kind
from schemas.montage import ChannelRule
from schemas.recording import SignalInfo
from schemas.units import parse_unit

__all__ = ["remarks_on", "unit_name"]

# What the header's range must at least be able to hold, from end to end, in the kind's unit.
_LEAST_SPAN: dict[Kind, float] = {
    Kind.EEG: 75.0,  # uV; slow waves of N3 have more: AASM manual
    Kind.EOG: 50.0,  # uV; blinks and rapid eye movements have 50 to 200
    Kind.EMG: 10.0,  # uV; a relaxed chin has some, a tense one tens
    Kind.LEG_EMG: 8.0,  # uV; the least rise of a leg movement: AASM manual
    Kind.ECG: 0.5,  # mV; below it every lead would be called low voltage
}
_MOST_SPAN: dict[Kind, float] = {
    **dict.fromkeys((Kind.EEG, Kind.EOG, Kind.EMG, Kind.LEG_EMG), 3e6),  # uV; no amplifier takes in 3 V
    Kind.ECG: 3e3,  # mV
}
_MUST_REACH: dict[Kind, float] = {
    Kind.SPO2: 90.0,  # %; a healthy night is above
    Kind.PULSE_RATE: 60.0,  # bpm; hearts at rest are about there
    Kind.TEMPERATURE: 36.0,  # degC
}


def remarks_on(info: SignalInfo, leads: Sequence[tuple[ChannelRule, float]]) -> tuple[str, ...]:
    """Return what is odd about a signal's header.

    Parameters
    ----------
    leads : sequence of (ChannelRule, float)
        Rules that it is a part of, each with the factor that takes the header's unit to the kind's.
    """
    found = []
    if not info.usable:
        found.append("its range gives no gain")
    elif info.physical_min > info.physical_max:
        found.append("its range is the wrong way round")
    if not leads and _is_unknown(info.unit_text):  # where it is a lead, the manifest explains it
        found.append("its unit is in no table")
    for rule, factor in leads:
        found += _of_range(info, rule, abs(factor))
    return tuple(dict.fromkeys(found))


def _is_unknown(unit_text: str) -> bool:
    try:
        parse_unit(unit_text)
    except UnitUnexpected:
        return True
    return False


def unit_name(text: str) -> str:
    """Return one name for all spellings of a unit; what is in no table stays as it is, a blank one is blank."""
    try:
        unit = parse_unit(text)
    except UnitUnexpected:
        return text
    return unit.value if unit else ""


def _of_range(info: SignalInfo, rule: ChannelRule, factor: float) -> list[str]:
    unit = rule.spec.unit.value
    span = factor * abs(info.physical_max - info.physical_min)
    highest = factor * max(info.physical_min, info.physical_max)
    if span < _LEAST_SPAN.get(rule.kind, 0.0):
        return [f"its range spans {span:g} {unit}, too little for {rule.spec.long_name}: is the unit right?"]
    if span > _MOST_SPAN.get(rule.kind, float("inf")):
        return [f"its range spans {span:g} {unit}, more than any amplifier takes: is the unit right?"]
    if highest < _MUST_REACH.get(rule.kind, float("-inf")):
        return [
            f"its range ends at {highest:g} {unit}, below any healthy {rule.spec.long_name}: is the unit right?"
        ]
    return []
