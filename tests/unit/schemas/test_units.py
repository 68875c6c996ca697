"""The closed unit table: what is parsed, what is refused, what converts."""

from __future__ import annotations

import pytest

from schemas.errors import UnitUnexpected
from schemas.units import Unit, convert_factor, parse_unit

SPELLINGS = {
    "uV": Unit.MICROVOLT,
    "UV": Unit.MICROVOLT,
    "\u00b5V": Unit.MICROVOLT,  # micro sign
    "\u03bcV": Unit.MICROVOLT,  # Greek mu
    " u V ": Unit.MICROVOLT,
    "microvolts": Unit.MICROVOLT,
    "mV": Unit.MILLIVOLT,
    "mv": Unit.MILLIVOLT,
    "V": Unit.VOLT,
    "%": Unit.PERCENT,
    "percent": Unit.PERCENT,
    "sec": Unit.SECOND,
    "bpm": Unit.BPM,
    "BPM": Unit.BPM,
    "/min": Unit.BPM,
    "mmHg": Unit.MMHG,
    "cmH2O": Unit.CMH2O,
    "cmH20": Unit.CMH2O,  # a zero for the letter
    "L/min": Unit.LITRE_PER_MINUTE,
    "DegC": Unit.DEGREE_CELSIUS,
    "\u00b0C": Unit.DEGREE_CELSIUS,
    "lux": Unit.LUX,
    "deg": Unit.DEGREE,
    "1": Unit.ARBITRARY,
    "a.u.": Unit.ARBITRARY,
}


@pytest.mark.parametrize(("text", "unit"), SPELLINGS.items(), ids=ascii)
def test_spelling_is_parsed(text: str, unit: Unit) -> None:
    """A spelling seen in headers gives its unit."""
    assert parse_unit(text) == unit


@pytest.mark.parametrize("unit", Unit)
def test_own_spelling_is_parsed(unit: Unit) -> None:
    """What the table writes, the table reads."""
    assert parse_unit(unit.value) is unit


@pytest.mark.parametrize("text", ["", " ", "\t", "        "])
def test_blank_is_unknown_and_no_default(text: str) -> None:
    """A blank field says nothing."""
    assert parse_unit(text) is None


@pytest.mark.parametrize("text", ["MV", "M V", "furlong", "nV", "kV", "uV/mV", "\u00b5", "Volt/s", "BPMs"])
def test_anything_else_is_refused(text: str) -> None:
    """Outside the table nothing is guessed; a shouted millivolt may be a megavolt."""
    with pytest.raises(UnitUnexpected) as caught:
        parse_unit(text)
    assert caught.value.saw == repr(text[:8])
    assert "unit_override" in str(caught.value)


def test_refusal_shows_eight_characters_only() -> None:
    """An EDF's field has eight characters; anything longer came from elsewhere and is not repeated."""
    with pytest.raises(UnitUnexpected, match="'Doe, Jan'"):
        parse_unit("Doe, Jane, born 1950")


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        (Unit.MILLIVOLT, Unit.MICROVOLT, 1000.0),
        (Unit.VOLT, Unit.MICROVOLT, 1e6),
        (Unit.VOLT, Unit.MILLIVOLT, 1000.0),
        (Unit.MICROVOLT, Unit.MILLIVOLT, 1e-3),
        (Unit.MMHG, Unit.CMH2O, 1.35951),  # NIST SP 811, appendix B.8
        (Unit.CMH2O, Unit.MMHG, 0.735559),
        (Unit.PERCENT, Unit.PERCENT, 1.0),
    ],
)
def test_factor_within_a_dimension(source: Unit, target: Unit, factor: float) -> None:
    """Values in the source unit times the factor are values in the target unit."""
    assert convert_factor(source, target) == pytest.approx(factor, rel=2e-6)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Unit.MILLIVOLT, Unit.PERCENT),
        (Unit.MMHG, Unit.VOLT),
        (Unit.BPM, Unit.SECOND),
        (Unit.ARBITRARY, Unit.MICROVOLT),
        (Unit.PERCENT, Unit.ARBITRARY),
        (Unit.DEGREE, Unit.DEGREE_CELSIUS),
        (Unit.LUX, Unit.LITRE_PER_MINUTE),
    ],
)
def test_no_factor_between_dimensions(source: Unit, target: Unit) -> None:
    """Two dimensions never convert, and the error names both units."""
    with pytest.raises(UnitUnexpected) as caught:
        convert_factor(source, target)
    assert (caught.value.saw, caught.value.expected) == (source.value, target.value)
