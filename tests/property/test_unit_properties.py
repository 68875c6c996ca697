"""What holds for every unit and every text."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UnitUnexpected
from schemas.units import Unit, convert_factor, parse_unit

DIMENSIONS = (
    {Unit.MICROVOLT, Unit.MILLIVOLT, Unit.VOLT},
    {Unit.MMHG, Unit.CMH2O},
    *({unit} for unit in (Unit.PERCENT, Unit.SECOND, Unit.BPM, Unit.LITRE_PER_MINUTE, Unit.DEGREE_CELSIUS)),
    *({unit} for unit in (Unit.LUX, Unit.DEGREE, Unit.ARBITRARY)),
)
UNITS = st.sampled_from(Unit)


def _same_dimension(a: Unit, b: Unit) -> bool:
    return any({a, b} <= dimension for dimension in DIMENSIONS)


def _factor(a: Unit, b: Unit) -> float | None:
    try:
        return convert_factor(a, b)
    except UnitUnexpected:
        return None


def test_every_unit_has_exactly_one_dimension() -> None:
    """The table of this test is complete."""
    assert sorted(unit for dimension in DIMENSIONS for unit in dimension) == sorted(Unit)


@given(UNITS, UNITS)
def test_there_and_back_is_the_identity(a: Unit, b: Unit) -> None:
    """A factor and its inverse cancel, or neither exists."""
    there, back = _factor(a, b), _factor(b, a)
    assert (there is not None) == (back is not None) == _same_dimension(a, b)
    if there is not None and back is not None:
        assert there > 0
        assert abs(there * back - 1) < 1e-12


@given(UNITS, UNITS, UNITS)
def test_a_detour_changes_nothing(a: Unit, b: Unit, c: Unit) -> None:
    """Converting by way of a third unit gives the same factor."""
    direct, first, second = _factor(a, c), _factor(a, b), _factor(b, c)
    if first is not None and second is not None:
        assert direct is not None
        assert abs(first * second / direct - 1) < 1e-12


@given(UNITS)
def test_a_unit_is_itself(unit: Unit) -> None:
    """No conversion is exactly one."""
    assert convert_factor(unit, unit) == 1.0


@given(st.text(max_size=12))
def test_any_text_is_a_unit_blank_or_refused(text: str) -> None:
    """Nothing else ever comes out of a header's field, and only a blank field gives nothing."""
    unit: Unit | None = None
    with suppress(UnitUnexpected):
        unit = parse_unit(text)
        assert (unit is None) == (not text.split())


@given(st.sampled_from(("uV", "mV", "cmH2O", "bpm", "%")), st.data())
def test_blanks_inside_do_not_matter(text: str, data: st.DataObject) -> None:
    """White space is folded away wherever it stands."""
    at = data.draw(st.integers(0, len(text)))
    assert parse_unit(text[:at] + "  " + text[at:]) == parse_unit(text)
