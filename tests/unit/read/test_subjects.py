"""Subjects' tables: joining, codes, ages, and what is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.read.subject_values import fold_value
from pipeline.read.subjects import Subjects, load_subjects
from schemas.errors import SubjectTableCorrupt
from schemas.findings import Finding
from schemas.recording import SubjectFields
from schemas.subjects import SubjectRule

FIELDS = {
    "age_years": {"columns": "age", "unit": "years"},
    "sex": {"columns": "sex", "codes": {1: "male", 2: "female"}},
}


def table(**changes: Any) -> dict[str, Any]:
    return {"path": "datasets/a-*.csv", "key": "id", "key_format": "integer", "fields": FIELDS} | changes


def load(root: Path, text: str | bytes, *tables: dict[str, Any], name: str = "a-1.csv") -> Subjects:
    folder = root / "datasets"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_subjects(root, SubjectRule.model_validate({"tables": tables or (table(),)}))


def one(root: Path, text: str, **changes: Any) -> tuple[SubjectFields, tuple[Finding, ...]]:
    return load(root, text, table(**changes)).fields("1")


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [f.code for f in found]


def test_a_row_becomes_fields(tmp_path: Path) -> None:
    """Age and sex come from the row whose key is the same number."""
    subjects = load(tmp_path, "id,age,sex\n0007,61.5,2\n8,50,1\n")
    assert subjects.fields("7") == (SubjectFields(age_years=61.5, sex="female"), ())
    assert subjects.fields("0008")[0].sex == "male"


@pytest.mark.parametrize("value", ["1", "01", "1.0", " 1 ", "+1", "1."])
def test_numeric_codes_are_integers(tmp_path: Path, value: str) -> None:
    """However an integer is printed, it is one code."""
    assert one(tmp_path, f"id,age,sex\n1,50,{value}\n")[0].sex == "male"


@pytest.mark.parametrize("value", ["Female", " FEMALE", "female "])
def test_words_are_compared_without_case(tmp_path: Path, value: str) -> None:
    """A word is the same word in any case and padding, with and without codes."""
    for column in ({"columns": "sex"}, {"columns": "sex", "codes": {"female": "female"}}):
        assert one(tmp_path, f"id,sex\n1,{value}\n", fields={"sex": column})[0].sex == "female"


def test_codes_with_words_in_them(tmp_path: Path) -> None:
    """``1) female`` is a code like any other."""
    column = {"columns": "sex", "codes": {"0) male": "male", "1) female": "female"}}
    assert one(tmp_path, "id,sex\n1,1) Female\n", fields={"sex": column})[0].sex == "female"


def test_recoding_does_not_collide(tmp_path: Path) -> None:
    """Codes that swap are looked up once each, never in sequence."""
    column = {"columns": "site", "codes": {"1": "4", "4": "5", "5": "1"}}
    subjects = load(tmp_path, "id,site\n1,1\n2,4\n3,5\n", table(fields={"site": column}))
    assert [subjects.fields(str(k))[0].site for k in (1, 2, 3)] == ["4", "5", "1"]


@pytest.mark.parametrize("value", ["3", "Mustermann", "-9", "1,000"])
def test_a_value_without_a_meaning_is_unknown(tmp_path: Path, value: str) -> None:
    """An unknown code is unknown, never zero, and a finding that does not repeat it."""
    fields, found = one(tmp_path, f'id,age,sex\n1,50,"{value}"\n')
    assert fields.sex == "unknown"
    assert codes(found) == ["PSG-M002"]
    assert value not in found[0].message


@pytest.mark.parametrize("value", ["", " ", ".", "NA", "nan"])
def test_missing_values_are_no_finding(tmp_path: Path, value: str) -> None:
    """A blank is unknown and says nothing."""
    assert one(tmp_path, f"id,age,sex\n1,{value},{value}\n") == (SubjectFields(), ())


@pytest.mark.parametrize(
    ("value", "unit", "years", "top"),
    [
        ("89", "years", 89.0, False),
        ("89.5", "years", 90.0, True),
        ("90", "years", 90.0, True),
        ("104", "years", 90.0, True),
        (">89", "years", 90.0, True),
        ("90+", "years", 90.0, True),
        ("90", "months", 7.5, False),
        ("36525", "days", 90.0, True),
        ("7305", "days", 20.0, False),
    ],
)
def test_ages_above_89_become_90(tmp_path: Path, value: str, unit: str, years: float, top: bool) -> None:
    """Ages are given in years whatever their unit, and top-coded after the conversion."""
    fields, found = one(tmp_path, f"id,age\n1,{value}\n", fields={"age_years": {"columns": "age", "unit": unit}})
    assert (fields.age_years, fields.age_top_coded, found) == (years, top, ())


@pytest.mark.parametrize("value", ["-1", "999", "old", "inf"])
def test_impossible_ages_are_unknown(tmp_path: Path, value: str) -> None:
    """An age that nobody has is unknown with a finding."""
    fields, found = one(tmp_path, f"id,age\n1,{value}\n")
    assert (fields.age_years, codes(found)) == (None, ["PSG-M002"])


def test_an_age_needs_its_unit() -> None:
    """Years are not assumed."""
    with pytest.raises(ValidationError, match="age_years needs its unit"):
        SubjectRule.model_validate({"tables": [table(fields={"age_years": {"columns": "age"}})]})


def test_a_sex_outside_the_vocabulary_is_refused() -> None:
    """Codes lead to male, female or unknown, or the manifest is wrong."""
    with pytest.raises(ValidationError, match="unknown sexes"):
        SubjectRule.model_validate({"tables": [table(fields={"sex": {"columns": "sex", "codes": {1: "man"}}})]})


def test_the_first_table_that_knows_wins(tmp_path: Path) -> None:
    """A field that the first table has blank, or calls unknown, comes from the second one."""
    harmonised = {"sex": {"columns": "nsrr_sex", "codes": {"not reported": "unknown"}}, "bmi": {"columns": "bmi"}}
    load(tmp_path, "id,nsrr_sex,bmi\n1,not reported,31.2\n", name="h.csv")
    subjects = load(tmp_path, "id,age,sex\n1,40,2\n", table(path="datasets/h.csv", fields=harmonised), table())
    assert subjects.fields("1") == (SubjectFields(age_years=40.0, sex="female", bmi=31.2), ())


def test_visits_have_rows_of_their_own(tmp_path: Path) -> None:
    """The layout's visit finds its row through the visit column and its codes."""
    rule = table(visit_column="Visit", visit_codes={"shhs1": 1, "shhs2": 2})
    subjects = load(tmp_path, "id,visit,age,sex\n1,01,50,1\n1,2.0,55,1\n", rule)
    assert [subjects.fields("1", v)[0].age_years for v in ("shhs1", "shhs2", "shhs3")] == [50, 55, None]


def test_a_table_for_some_visits(tmp_path: Path) -> None:
    """A table that names its visits is not asked about others, and nothing is missing there."""
    subjects = load(tmp_path, "id,age,sex\n1,50,1\n", table(visits=["v1"]))
    assert subjects.fields("1", "v1")[0].age_years == 50
    assert subjects.fields("1", "v2") == (SubjectFields(), ())


def test_no_row_is_a_finding(tmp_path: Path) -> None:
    """A subject that no table knows is unknown, with one finding."""
    fields, found = load(tmp_path, "id,age,sex\n2,50,1\n").fields("1", site="clinic")
    assert (fields, codes(found)) == (SubjectFields(site="clinic"), ["PSG-M001"])


def test_several_rows_are_a_finding(tmp_path: Path) -> None:
    """What several rows agree on is taken; what they differ in is unknown, and the remark names the rows."""
    fields, found = one(tmp_path, "id,age,sex\n1,50,1\n2,33,2\n1,60,01\n")
    assert (fields.age_years, fields.sex, codes(found)) == (None, "male", ["PSG-M003"])
    assert "rows 2 and 4 of datasets/a-*.csv: they differ in age_years" in found[0].message


def test_a_blank_contradicts_nothing(tmp_path: Path) -> None:
    """Of two rows that complete each other, both count."""
    fields, found = one(tmp_path, "id,age,sex\n1,,1\n1,60,\n")
    assert (fields.age_years, fields.sex, codes(found)) == (60.0, "male", ["PSG-M003"])


def test_no_table_is_a_finding_not_an_error(tmp_path: Path) -> None:
    """One missing table never stops a cohort; without a rule there is nothing to miss."""
    rule = SubjectRule.model_validate({"tables": [table()]})
    assert codes(load_subjects(tmp_path, rule).fields("1")[1]) == ["PSG-M004"]
    assert load_subjects(tmp_path, None).fields("1", site="x") == (SubjectFields(site="x"), ())


def test_the_newest_release_is_read(tmp_path: Path) -> None:
    """0.21.0 comes after 0.9.0."""
    load(tmp_path, "id,age,sex\n1,40,1\n", name="a-0.9.0.csv")
    assert load(tmp_path, "id,age,sex\n1,50,1\n", name="a-0.21.0.csv").fields("1")[0].age_years == 50


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"])
@pytest.mark.parametrize("declared", ["utf-8-sig", "latin-1", "no-such-encoding"])
def test_encodings_are_tolerated(tmp_path: Path, encoding: str, declared: str) -> None:
    """Whatever the manifest says, marks and foreign bytes do no harm to keys and codes."""
    text = 'id,age,sex,note\r\n1,50,1,"Zürich, two\r\nlines"\r\n'
    fields, found = load(tmp_path, text.encode(encoding), table(encoding=declared)).fields("1")
    assert (fields.age_years, fields.sex, found) == (50.0, "male", ())


def test_short_and_blank_rows_do_no_harm(tmp_path: Path) -> None:
    """Rows without a key are skipped; a row that ends early has its last fields unknown, and is named."""
    text = "age,id,sex\n\n50\n50, ,1\n60,1\n"
    fields, found = one(tmp_path, text)
    assert (fields, codes(found)) == (SubjectFields(age_years=60.0), ["PSG-M006"])
    assert found[0].message == "row 5 of datasets/a-*.csv: ends after 2 of 3 cells"


def test_a_row_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """A comma too many shifts every value behind it: nothing of the row counts, and it is named."""
    fields, found = one(tmp_path, "id,age,sex\n1,50,1,1\n")
    assert (fields, codes(found)) == (SubjectFields(), ["PSG-M006"])
    assert "row 2" in found[0].message
    assert one(tmp_path, "id,age,sex\n1,50,1,,\n")[0].sex == "male"


@pytest.mark.parametrize(("value", "bmi"), [("31.25", 31.25), ("31,25", 31.25), ("heavy", None), ("3", None)])
def test_body_mass_index(tmp_path: Path, value: str, bmi: float | None) -> None:
    """A number a body can have, or unknown with a finding."""
    fields, found = one(tmp_path, f'id,bmi\n1,"{value}"\n', fields={"bmi": {"columns": "bmi"}})
    assert (fields.bmi, codes(found)) == (bmi, [] if bmi else ["PSG-M002"])


def test_columns_are_found_by_any_of_their_names(tmp_path: Path) -> None:
    """The first name that the table has is taken, in the table's own case; absent ones are unknown."""
    fields = {"age_years": {"columns": ["age_s2", "age"], "unit": "years"}, "bmi": {"columns": "bmi"}}
    assert one(tmp_path, " ID ;AGE\n1;50,5\n", fields=fields, delimiter=";")[0].age_years == 50.5


@pytest.mark.parametrize(("key_format", "subject"), [("upper", "aa01"), ("lower", "AA01"), ("text", "Aa01")])
def test_keys_of_letters(tmp_path: Path, key_format: str, subject: str) -> None:
    """A key is folded on both sides as the manifest says."""
    subjects = load(tmp_path, "id,age,sex\nAa01,50,1\n", table(key_format=key_format))
    assert subjects.fields(subject)[0].age_years == 50


def test_lights_are_times_of_day(tmp_path: Path) -> None:
    """Columns of lights off and on become seconds of the day."""
    fields = {"in_bed_start": {"columns": "out"}, "in_bed_end": {"columns": "on"}}
    found = one(tmp_path, "id,out,on\n1,22:59:15,6:05\n", fields=fields)[0]
    assert (found.in_bed_start_s, found.in_bed_end_s) == (82755.0, 21900.0)
    assert codes(one(tmp_path, "id,out,on\n1,25:00,late\n", fields=fields)[1]) == ["PSG-M002", "PSG-M002"]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("name,age\n1,50\n", {}),
        ("", {}),
        ("id,age\n1,50\n", {"visit_column": "visit"}),
        ('id,age\n1,"' + "x" * 200_000 + '"\n', {}),
    ],
)
def test_a_table_that_cannot_be_joined_is_refused(tmp_path: Path, text: str, changes: dict[str, Any]) -> None:
    """Without key or visit column, or with a field without end, the table is named in the error."""
    with pytest.raises(SubjectTableCorrupt, match=r"^a-1\.csv: "):
        load(tmp_path, text, table(**changes))


def test_only_what_the_manifest_names_is_kept(tmp_path: Path) -> None:
    """Other columns of the table are not held in memory."""
    subjects = load(tmp_path, "id,age,sex,name\n1,50,1,Erika Mustermann\n")
    assert "Mustermann" not in repr(vars(subjects))


@pytest.mark.parametrize(("text", "folded"), [(" 007.0 ", "7"), ("-0", "0"), ("1.5", "1.5"), ("  A  b ", "a b")])
def test_fold_value(text: str, folded: str) -> None:
    """Integers become integers, words lose case and surplus blanks."""
    assert fold_value(text) == folded
