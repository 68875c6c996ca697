"""A closed table of physical units; nothing outside it is guessed.

A unit in a header is evidence, not truth: it is parsed here, and whether it fits a channel is judged by the
caller. Blank is *unknown*, never a default.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.errors import UnitUnexpected

__all__ = ["Unit", "convert_factor", "parse_unit"]


class Unit(StrEnum):
    """Every unit that a channel may carry; the value is its CF spelling."""

    MICROVOLT = "uV"
    MILLIVOLT = "mV"
    VOLT = "V"
    PERCENT = "%"
    SECOND = "s"
    BPM = "bpm"
    MMHG = "mmHg"
    CMH2O = "cmH2O"
    LITRE_PER_MINUTE = "L/min"
    DEGREE_CELSIUS = "degC"
    LUX = "lux"
    DEGREE = "deg"
    ARBITRARY = "1"


# Within one family a factor converts; between families nothing does. Values: size in the family's base unit.
_FAMILIES: tuple[dict[Unit, float], ...] = (
    {Unit.MICROVOLT: 1e-6, Unit.MILLIVOLT: 1e-3, Unit.VOLT: 1.0},
    {Unit.MMHG: 133.322387415, Unit.CMH2O: 98.0665},  # pascal, NIST SP 811
)

# Spellings seen in headers, folded by `_fold`. The micro sign and the Greek mu are both folded to "u".
_SPELLINGS: dict[str, Unit] = {
    **dict.fromkeys(("uv", "uvolt", "uvolts", "microvolt", "microvolts"), Unit.MICROVOLT),
    **dict.fromkeys(("mv", "mvolt", "mvolts", "millivolt", "millivolts"), Unit.MILLIVOLT),
    **dict.fromkeys(("v", "volt", "volts"), Unit.VOLT),
    **dict.fromkeys(("%", "percent", "%spo2", "%sao2"), Unit.PERCENT),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), Unit.SECOND),
    **dict.fromkeys(("bpm", "beats/min", "beat/min", "/min", "1/min"), Unit.BPM),
    **dict.fromkeys(("mmhg",), Unit.MMHG),
    **dict.fromkeys(("cmh2o", "cmh20"), Unit.CMH2O),
    **dict.fromkeys(("l/min", "lpm"), Unit.LITRE_PER_MINUTE),
    **dict.fromkeys(("degc", "°c", "celsius"), Unit.DEGREE_CELSIUS),
    **dict.fromkeys(("lux", "lx"), Unit.LUX),
    **dict.fromkeys(("deg", "°", "degree", "degrees"), Unit.DEGREE),
    **dict.fromkeys(("1", "au", "a.u.", "arb", "arbitrary", "arb.unit"), Unit.ARBITRARY),
}


def _fold(text: str) -> str:
    return "".join(text.split()).replace("µ", "u").replace("μ", "u")


def parse_unit(text: str) -> Unit | None:
    """Return the unit that a header spells, or None where the field is blank.

    Parameters
    ----------
    text : str
        The header's physical dimension, verbatim.

    Raises
    ------
    UnitUnexpected
        When the spelling is not in the closed table. ``MV`` is refused: it may be megavolt or a shouted millivolt.
    """
    folded = _fold(text)
    if not folded:
        return None
    unit = _SPELLINGS.get(folded.lower())
    if unit is None or (folded[0] == "M" and unit is Unit.MILLIVOLT):
        raise UnitUnexpected(
            "the unit in the header is not in the closed table",
            saw=repr(text.strip()[:8]),
            expected="one of " + ", ".join(u.value for u in Unit),
            do="If the cohort documents what it means, map it with unit_override and its source in the manifest.",
        )
    return unit


def convert_factor(source: Unit, target: Unit) -> float:
    """Return the factor that takes values in ``source`` to values in ``target``.

    Raises
    ------
    UnitUnexpected
        When the two are not of one dimension.
    """
    if source is target:
        return 1.0
    for family in _FAMILIES:
        if source in family and target in family:
            return family[source] / family[target]
    raise UnitUnexpected("units of different dimensions", saw=source.value, expected=target.value)
