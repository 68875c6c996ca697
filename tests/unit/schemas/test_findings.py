"""Findings: the code table, and the way to JSON and back."""

from __future__ import annotations

import json
import re

import pytest

from schemas.findings import FINDINGS, Finding, Severity, finding


def test_codes_have_their_form() -> None:
    """A code is PSG, a family's letter and three digits."""
    assert [code for code in FINDINGS if not re.fullmatch(r"PSG-[HCSAMQ]\d{3}", code)] == []


def test_codes_are_in_order() -> None:
    """Within a family numbers grow, so that none is given twice; a retired one leaves a hole."""
    for family in {code[4] for code in FINDINGS}:
        numbers = [int(code[5:]) for code in FINDINGS if code[4] == family]
        assert numbers == sorted(set(numbers)), family


@pytest.mark.parametrize("code", FINDINGS)
def test_every_code_says_what_and_what_to_do(code: str) -> None:
    """Titles are phrases, fixes are sentences."""
    kind = FINDINGS[code]
    assert kind.title
    assert not kind.title.endswith(".")
    assert kind.fix.endswith(".")


def test_titles_are_unique() -> None:
    """Two codes never mean the same."""
    assert len({kind.title for kind in FINDINGS.values()}) == len(FINDINGS)


def test_severity_comes_from_the_table() -> None:
    """The one who finds does not judge."""
    assert finding("PSG-H002", "x").severity is Severity.INFO
    assert finding("PSG-H001", "x").severity is Severity.WARNING


def test_unknown_code_is_refused() -> None:
    """A code outside the table cannot be made."""
    with pytest.raises(KeyError):
        finding("PSG-X999", "x")


@pytest.mark.parametrize(
    "made",
    [
        finding("PSG-H001", "short"),
        finding("PSG-C001", "gone", channel="ecg"),
        finding("PSG-S003", "masked", channel="spo2", epochs=((0, 3), (7, 8))),
    ],
)
def test_json_round_trip(made: Finding) -> None:
    """A finding survives JSON text, and equals itself."""
    assert Finding.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_json_leaves_empty_fields_out() -> None:
    """Rows stay slim."""
    assert finding("PSG-H001", "short").to_json() == {
        "code": "PSG-H001",
        "severity": "warning",
        "message": "short",
    }


def test_findings_can_be_compared_and_collected() -> None:
    """Equal remarks are equal and hashable, so that none is kept twice."""
    assert len({finding("PSG-H001", "a"), finding("PSG-H001", "a"), finding("PSG-H001", "b")}) == 2
