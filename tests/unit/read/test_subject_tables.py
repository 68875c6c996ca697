"""Tables as cohorts really publish them: spreadsheets, joined keys, history, and rows that are wrong."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

from pipeline.cohort import find_recordings
from pipeline.read.subjects import Subjects, load_subjects
from schemas.errors import SubjectTableCorrupt
from schemas.findings import Finding
from schemas.manifest import CohortManifest
from schemas.recording import SubjectFields
from schemas.subjects import SubjectRule, SubjectTable
from schemas.vocabulary import StudyType

AGE = {"columns": "age", "unit": "years"}


def subjects(root: Path, files: dict[str, str], *tables: dict[str, Any]) -> Subjects:
    for name, text in files.items():
        (root / name).write_text(text, "utf-8")
    return load_subjects(root, SubjectRule.model_validate({"tables": tables}))


def one(root: Path, text: str, **rule: Any) -> tuple[SubjectFields, tuple[Finding, ...]]:
    return subjects(root, {"a.csv": text}, {"path": "a.csv", "key": "id"} | rule).fields("1")


# --- history -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "answer"), [("1", "yes"), ("0", "no"), ("8", "unknown"), ("", "unknown"), ("-9", "unknown")]
)
def test_history_has_three_answers(tmp_path: Path, value: str, answer: str) -> None:
    """Yes, no, and unknown, which is what a blank, a missing code and *don't know* are; never a no."""
    column = {"columns": "htn", "codes": {0: False, 1: True, 8: "unknown"}, "missing": ["", -9]}
    fields, found = one(tmp_path, f"id,htn\n1,{value}\n", history={"hypertension": column})
    assert (fields.history, found) == ({"hypertension": answer}, ())


def test_an_unknown_code_of_history_is_unknown_and_named(tmp_path: Path) -> None:
    """A code that the manifest does not list is no answer; the row is named, the value is not."""
    fields, found = one(
        tmp_path, "id,htn\n1,7\n", history={"hypertension": {"columns": "htn", "codes": {1: "yes"}}}
    )
    assert fields.history == {"hypertension": "unknown"}
    assert [f.message for f in found] == ["row 2 of a.csv: history.hypertension has a value without a meaning"]


@pytest.mark.parametrize(
    ("cells", "answer"),
    [("1,0", "yes"), ("0,1", "yes"), (",1", "yes"), ("0,0", "no"), ("0,", "unknown"), (",", "unknown")],
)
def test_one_condition_from_several_questions(tmp_path: Path, cells: str, answer: str) -> None:
    """One yes is a yes; no is only what every question says."""
    column = {"columns": ["emphysema", "bronchitis"], "codes": {0: "no", 1: "yes"}, "combine": "any"}
    assert one(tmp_path, f"id,emphysema,bronchitis\n1,{cells}\n", history={"copd": column})[0].history == {
        "copd": answer
    }


def test_what_nobody_asked_is_not_listed(tmp_path: Path) -> None:
    """A condition is unknown where a table of the cohort asks for it, and absent where none does."""
    assert one(tmp_path, "id\n1\n", history={"stroke": "stroke15"})[0].history == {"stroke": "unknown"}
    assert one(tmp_path, "id\n1\n")[0].history == {}


# --- words and numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "race"),
    [
        ("white", "white"),
        ("Black or African American", "black"),
        ("american indian or alaska native", "native_american"),
        ("native hawaiian or other pacific islander", "pacific_islander"),
        ("not reported", "unknown"),
        ("not allowed to collect", "unknown"),
    ],
)
def test_harmonised_words_need_no_codes(tmp_path: Path, value: str, race: str) -> None:
    """The NSRR's words for race are known, whatever the cohort."""
    fields, found = one(tmp_path, f"id,nsrr_race\n1,{value}\n", fields={"race": "nsrr_race"})
    assert (fields.race, found) == (race, ())


def test_ages_above_89_by_their_own_column(tmp_path: Path) -> None:
    """``nsrr_age_gt89`` says yes where the age is 89 or missing; it never makes a young person old."""
    fields = {"age_years": AGE, "age_over_89": "gt89"}
    text = "id,age,gt89\n1,89,yes\n2,,yes\n3,50,yes\n4,89,no\n"
    found = subjects(tmp_path, {"a.csv": text}, {"path": "a.csv", "key": "id", "fields": fields})
    ages = [found.fields(str(k))[0] for k in (1, 2, 3, 4)]
    assert [(f.age_years, f.age_top_coded) for f in ages] == [(90, True), (90, True), (50, False), (89, False)]


def test_the_cohort_s_own_indices(tmp_path: Path) -> None:
    """Numbers by the name of their rule; hours become minutes, a negative code has no meaning."""
    indices = {"ahi_hp3u": "ahi", "tst_min": {"columns": "tst_h", "unit": "hours"}, "odi3": "odi"}
    fields, found = one(tmp_path, "id,ahi,tst_h,odi\n1,12.5,6.5,-9\n", indices=indices)
    assert fields.indices == {"ahi_hp3u": 12.5, "tst_min": 390.0}
    assert [f.code for f in found] == ["PSG-M002"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"history": {"gout": "gout"}}, "unknown conditions ['gout']"),
        ({"indices": {"ahi": "ahi"}}, "unknown indices ['ahi']"),
        ({"fields": {"race": {"columns": "r", "codes": {1: "martian"}}}}, "unknown values of race ['martian']"),
        ({"history": {"stroke": {"columns": "s", "codes": {1: "maybe"}}}}, "unknown values of stroke ['maybe']"),
        ({"fields": {"bmi": {"columns": ["a", "b"], "combine": "any"}}}, "combine: any is for history"),
        ({"fields": {"age_years": {"columns": "a", "unit": "hours"}}}, "age_years needs its unit"),
    ],
)
def test_a_wrong_rule_is_refused(changes: dict[str, Any], words: str) -> None:
    """Closed lists are closed; there is no bare AHI to name."""
    with pytest.raises(ValidationError) as caught:
        SubjectTable.model_validate({"path": "a.csv", "key": "id"} | changes)
    assert words in str(caught.value)


# --- joining -----------------------------------------------------------------------------------------------


def test_a_table_names_the_person_whom_others_are_joined_by(tmp_path: Path) -> None:
    """The file's number leads to the person's, and that to another row with the age."""
    files = {"a.csv": "fileid,appleid,visit,age\n130001,77,3,\n,77,1,45\n,78,1,30\n"}
    tables = (
        {"path": "a.csv", "key": "fileid", "fields": {"subject": "appleid"}},
        {"path": "a.csv", "key": "appleid", "where": {"visit": 1}, "fields": {"age_years": AGE}},
    )
    fields, found = subjects(tmp_path, files, *tables).fields("130001")
    assert (fields.subject, fields.age_years, found) == ("77", 45.0, ())


def test_a_key_is_made_of_fields_of_the_path(tmp_path: Path) -> None:
    """A table whose key is a file's name is matched by the parts of the name."""
    rule = {"path": "a.csv", "key": "prefix", "match": "wsc-visit{wave}-{subject}", "fields": {"age_years": AGE}}
    found = subjects(tmp_path, {"a.csv": "prefix,age\nwsc-visit1-10119,50\nwsc-visit2-10119,54\n"}, rule)
    assert [found.fields("10119", path={"wave": w})[0].age_years for w in "123"] == [50, 54, None]
    assert found.fields("10119")[1] == ()  # a layout without that field is not asked about


def test_rows_that_do_not_count(tmp_path: Path) -> None:
    """Rows of a mailed survey are not there: no remark, and no value of theirs."""
    text = "id,wave,age\n1,0,20\n1,1,50\n2,0,30\n"
    found = subjects(
        tmp_path,
        {"a.csv": text},
        {"path": "a.csv", "key": "id", "where": {"wave": [1, 2]}, "fields": {"age_years": AGE}},
    )
    assert found.fields("1") == (SubjectFields(age_years=50.0), ())
    assert [f.code for f in found.fields("2")[1]] == ["PSG-M001"]


def test_a_table_for_some_layouts(tmp_path: Path) -> None:
    """Two studies in one download have a table each, and equal numbers are two persons."""
    files = {"a.csv": "id,age\n1,50\n", "b.csv": "id,age\n1,20\n"}
    tables = [{"path": f"{n}.csv", "key": "id", "when": {"study": n}, "fields": {"age_years": AGE}} for n in "ab"]
    found = subjects(tmp_path, files, *tables)
    assert [found.fields("1", path={"study": n})[0].age_years for n in "ab"] == [50, 20]


@pytest.mark.parametrize(("key_format", "age"), [("text", None), ("integer", 50.0)])
def test_leading_zeros_are_part_of_a_text(tmp_path: Path, key_format: str, age: float | None) -> None:
    """``00163225`` is not 163225 unless the manifest says that keys are numbers."""
    rule = {"path": "a.csv", "key": "pid", "key_format": key_format, "fields": {"age_years": AGE}}
    found = subjects(tmp_path, {"a.csv": "pid,age\n00163225,50\n"}, rule)
    assert (found.fields("163225")[0].age_years, found.fields("00163225")[0].age_years) == (age, 50.0)


def test_upper_case_keys_of_lower_case_files(tmp_path: Path) -> None:
    """``AA0001`` in the table is ``aa0001`` in the file's name."""
    rule = {"path": "a.csv", "key": "nsrrid", "key_format": "lower", "fields": {"age_years": AGE}}
    assert subjects(tmp_path, {"a.csv": "nsrrid,age\nAA0001,80\n"}, rule).fields("aa0001")[0].age_years == 80


# --- what is wrong in tables -------------------------------------------------------------------------------


def test_the_order_of_rows_and_columns_does_not_matter(tmp_path: Path) -> None:
    """Permuted metadata is the same metadata."""
    fields = {"age_years": AGE, "sex": "sex"}
    texts = ("id,age,sex\n1,50,male\n2,60,female\n", "sex,id,age\nfemale,2,60\nmale,1,50\n")
    assert one(tmp_path, texts[0], fields=fields) == one(tmp_path, texts[1], fields=fields)


def test_values_in_each_other_s_columns_have_no_meaning(tmp_path: Path) -> None:
    """Where two headings are swapped nobody becomes a man of sex 50: both are unknown, and the row is named."""
    fields, found = one(tmp_path, "id,sex,age\n1,50,male\n", fields={"age_years": AGE, "sex": "sex"})
    assert (fields.age_years, fields.sex) == (None, "unknown")
    assert [f.message for f in found] == [
        "row 2 of a.csv: age_years has a value without a meaning",
        "row 2 of a.csv: sex has a value without a meaning",
    ]


def test_tables_that_contradict_each_other(tmp_path: Path) -> None:
    """Two columns of sex with opposite codes: the first stands, and the second's row is named."""
    files = {"a.csv": "id,sex,age\n1,male,50\n", "b.csv": "id,gender,years\n1,1,51\n2,1,70\n"}
    tables = (
        {"path": "a.csv", "key": "id", "fields": {"sex": "sex", "age_years": AGE}},
        {
            "path": "b.csv",
            "key": "id",
            "fields": {
                "sex": {"columns": "gender", "codes": {1: "female", 2: "male"}},
                "age_years": {"columns": "years", "unit": "years"},
            },
        },
    )
    fields, found = subjects(tmp_path, files, *tables).fields("1")
    assert (fields.sex, fields.age_years) == ("male", 50.0)
    assert [f.code for f in found] == ["PSG-M007"]
    assert "row 2 of b.csv: sex is another one" in found[0].message


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    """Of two columns of one name nobody knows which is meant."""
    with pytest.raises(SubjectTableCorrupt, match=r"^a\.csv: .*column twice: saw 'age'"):
        one(tmp_path, "id,age,age\n1,50,60\n", fields={"age_years": AGE})


# --- spreadsheets ------------------------------------------------------------------------------------------


def test_two_header_rows_of_a_spreadsheet(tmp_path: Path) -> None:
    """Groups above names: a name that two groups have is called by both; times of day come through."""
    book = openpyxl.Workbook()
    book.active.append(["Subject - age - sex", None, None, "Placebo night", None, "Drug night", None])
    book.active.append(["Nr", "Age", "M1/F2", "night nr", "lights off", "night nr", "lights off"])
    book.active.append([1, 60.0, 1, 1, datetime.time(23, 1), 2, datetime.time(23, 48)])
    book.active.append([2, 35, 2, 2, datetime.time(23, 27), 1, datetime.datetime(2000, 1, 1, 0, 5)])
    book.save(tmp_path / "st.xlsx")
    same = {"path": "st.xlsx", "key": "Nr", "key_format": "integer", "header_rows": 2}
    lights = [
        {"visit_column": f"{g} / night nr", "fields": {"in_bed_start": f"{g} / lights off"}}
        for g in ("Placebo night", "Drug night")
    ]
    who = {
        "fields": {
            "age_years": {"columns": "Age", "unit": "years"},
            "sex": {"columns": "M1/F2", "codes": {1: "male", 2: "female"}},
        }
    }
    found = subjects(tmp_path, {}, *(same | more for more in (who, *lights)))
    rows = [found.fields(f"{n:02d}", visit)[0] for n in (1, 2) for visit in ("1", "2")]
    assert [(r.age_years, r.sex) for r in rows[::2]] == [(60, "male"), (35, "female")]
    assert [r.in_bed_start_s for r in rows] == [82860.0, 85680.0, 300.0, 84420.0]


def test_an_old_spreadsheet_that_is_none(tmp_path: Path) -> None:
    """What calls itself a spreadsheet and is none is refused by name, and so is a sheet that is not there."""
    for name in ("a.xls", "a.xlsx"):
        with pytest.raises(SubjectTableCorrupt, match=rf"^{name.replace('.', '[.]')}: .*cannot be parsed"):
            subjects(tmp_path, {name: "id,age\n"}, {"path": name, "key": "id"})
    openpyxl.Workbook().save(tmp_path / "b.xlsx")
    with pytest.raises(SubjectTableCorrupt, match="no such sheet"):
        subjects(tmp_path, {}, {"path": "b.xlsx", "key": "id", "sheet": "people"})


# --- the recording -----------------------------------------------------------------------------------------


def test_a_table_decides_person_and_study(tmp_path: Path) -> None:
    """Two files of one person become one subject; what the night was for comes from the table, else the layout."""
    for name in ("1", "2", "3"):
        (tmp_path / f"{name}.edf").touch()
    (tmp_path / "a.csv").write_text("file,pid,study\n1,p7,PSG\n2,p7,CPAP\n3,p8,\n", "utf-8")
    raw = {
        "manifest_version": 1,
        "cohort": "study",
        "title": "A study",
        "terms": {
            "agreement": "none",
            "redistribution": True,
            "commercial": True,
            "citation": "nobody",
            "release": "1",
        },
        "layout": {"signals": "{subject}.edf", "study_type": "hsat"},
        "subjects": {
            "tables": [
                {
                    "path": "a.csv",
                    "key": "file",
                    "fields": {
                        "subject": "pid",
                        "study_type": {"columns": "study", "codes": {"PSG": "diagnostic", "CPAP": "titration"}},
                    },
                }
            ]
        },
        "montage": [{"channel": "ecg", "labels": ["ECG"]}],
    }
    found = find_recordings(CohortManifest.model_validate(raw), tmp_path)
    assert [(s.key.name, s.key.subject) for s in found] == [("1", "p7"), ("2", "p7"), ("3", "p8")]
    assert [s.study_type for s in found] == [StudyType.DIAGNOSTIC, StudyType.TITRATION, StudyType.HSAT]
