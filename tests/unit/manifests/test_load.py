"""Manifests as files: the shipped ones, the schema for editors, and what a mistake looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeline.manifests.load import json_schema, load_manifest, manifest_text, shipped_manifests
from schemas.errors import ManifestInvalid, ManifestNotFound
from schemas.montage import fold_label

FOLDER = Path(__file__).parents[3] / "data_manifests"
FILES = sorted(FOLDER.glob("*.yaml"))

SMALL = """\
manifest_version: 1
cohort: study
title: A study
terms:
  agreement: none
  redistribution: no
  commercial: no
  citation: "Doe J 2020"
  release: "1"
layout:
  signals: edfs/{subject}.edf
montage:
  - channel: ecg
    labels: ["ECG"]
"""


def _problem(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ManifestInvalid) as caught:
        load_manifest(str(path))
    return str(caught.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_manifest_is_valid(path: Path) -> None:
    """Every manifest of the project loads, the template among them."""
    manifest = load_manifest(str(path))
    assert path.stem in (manifest.cohort, "_template")


def test_shipped_names() -> None:
    """Shipped manifests are found by name; the template is not one of them."""
    assert shipped_manifests() == [path.stem for path in FILES if path.stem != "_template"]
    assert {"shhs", "mesa", "sleep_edf"} <= set(shipped_manifests())


@pytest.mark.parametrize("name", [path.stem for path in FILES if path.stem != "_template"])
def test_name_and_path_are_one(name: str) -> None:
    """A name means the shipped file."""
    assert load_manifest(name) == load_manifest(str(FOLDER / f"{name}.yaml"))
    assert manifest_text(name) == ((FOLDER / f"{name}.yaml").read_text("utf-8"), f"{name}.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_labels_are_written_as_they_are_compared(path: Path) -> None:
    """No two labels of a rule are the same after folding, and none is ignored as well."""
    manifest = load_manifest(str(path))
    ignored = {manifest.fold(label) for label in manifest.ignore_labels}
    for rule in manifest.montage:
        folded = [(manifest.fold(c.label), c.nth) for c in rule.labels]
        assert len(set(folded)) == len(folded), rule.channel
        assert not ignored & {label for label, _ in folded}, rule.channel
        assert all(c.label == fold_label(c.label) for c in rule.labels), rule.channel


def test_unknown_name_shows_the_nearest() -> None:
    """A misspelt name gets the list and a suggestion."""
    with pytest.raises(ManifestNotFound, match=r"saw 'shsh'.* mesa, .*shhs, .*Did you mean 'shhs'\?"):
        load_manifest("shsh")


def test_unknown_path_shows_the_way() -> None:
    """Far from every name, the next command is named."""
    with pytest.raises(ManifestNotFound, match="sleep2vec manifest new"):
        load_manifest("folder/nothing-like-it.yaml")


def test_own_manifest_is_read_from_a_path(tmp_path: Path) -> None:
    """A cohort needs no installation: a path will do, a byte order mark does no harm."""
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeff" + SMALL, "utf-8")
    assert load_manifest(str(path)).cohort == "study"


# What is written instead of what, and the words that the message must have.
MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "misspelt key": (
        "title:",
        "titel:",
        ["line 3: unknown key 'titel'; did you mean 'title'?", "title: Field req"],
    ),
    "misspelt key in a list": (
        '    labels: ["ECG"]',
        '    labels: ["ECG"]\n    unit_when_blnk: {unit: mV, source: paper}',
        ["line 15: unknown key 'montage.0.unit_when_blnk'; did you mean 'unit_when_blank'?"],
    ),
    "misspelt key in a list of one": (
        "  signals: edfs/{subject}.edf",
        "  signals: edfs/{subject}.edf\n  anotations: x",
        ["line 12: unknown key", "did you mean 'annotations'?"],
    ),
    "misspelt key below named fields": (
        "montage:",
        "subjects: {tables: [{path: t.csv, key: id, fields: {sex: {\n  colums: s}}}]}\nmontage:",
        ["line 13: unknown key", "did you mean 'columns'?"],
    ),
    "key like no other": (
        "cohort: study",
        "cohort: study\nzzz: 1",
        ["line 3: unknown key 'zzz'; known here: annotations, cohort, exclude,"],
    ),
    "key twice": (
        "cohort: study",
        "cohort: study\ncohort: other",
        ["mine.yaml, line 3: key 'cohort' is given twice"],
    ),
    "key twice, deep": ("  release:", "  agreement: some\n  release:", ["line 9: key 'agreement' is given twice"]),
    "unknown channel": (
        "channel: ecg",
        "channel: ekg",
        ["line 13: montage.0.channel: 'ekg' is not the name of a chan"],
    ),
    "unknown unit": (
        '    labels: ["ECG"]',
        '    labels: ["ECG"]\n    unit_when_blank:\n      unit: MV\n      source: paper',
        ["line 16: montage.0.unit_when_blank.unit:", "'mV'"],
    ),
    "number for text": ('release: "1"', "release: 1", ["line 9: terms.release: Input should be a valid string"]),
    "two problems": (
        "title: A study",
        "titel: A study\nmatch_case: 7",
        ["mine.yaml: 3 problem(s)", "line 3: unknown key 'titel'", "line 4: match_case:"],
    ),
    "tab": ("  release:", "\trelease:", ["mine.yaml, line 9: not valid YAML (found character '\\t'"]),
    "open bracket": ('["ECG"]', '["ECG"', ["not valid YAML (expected ',' or ']'"]),
    "python object": (
        "title: A study",
        "title: !!python/object:os.system {}",
        ["line 3: not valid YAML (could not"],
    ),
    "date that does not exist": ("title: A study", "title: 2020-13-45", ["not valid YAML (cannot be parsed)"]),
    "key that is a list": ("title: A study", "[a, b]: 1", ["line 3: a key is a list or a mapping: expected text"]),
    "endless brackets": ("title: A study", "title: " + "[" * 3000, ["not valid YAML (cannot be parsed)"]),
    "alias of itself": ("title: A study", "title: &a [*a]", ["line 3: title: Input should be a valid string"]),
    "second document": (
        "title: A study",
        "title: A study\n---\nmore: 1",
        ["not valid YAML (but found another docu"],
    ),
    "no mapping": (SMALL, "- 1\n- 2\n", ["mine.yaml: a manifest is a mapping: saw list"]),
    "nothing": (SMALL, "", ["mine.yaml: a manifest is a mapping: saw NoneType"]),
}


@pytest.mark.parametrize(("right", "wrong", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named_with_its_line(tmp_path: Path, right: str, wrong: str, words: list[str]) -> None:
    """Whatever is wrong, the message says where and what, and suggests the nearest key."""
    assert right in SMALL
    message = _problem(tmp_path, SMALL.replace(right, wrong, 1))
    assert [word for word in words if word not in message] == [], message


def test_message_leads_to_the_documentation(tmp_path: Path) -> None:
    """The last sentence says where every key is described."""
    assert _problem(tmp_path, SMALL + "zzz: 1\n").endswith("`sleep2vec manifest guide` describes every key.")


def test_aliases_cost_no_time(tmp_path: Path) -> None:
    """Nested aliases that would unfold to a billion entries are looked at once each."""
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "unknown key 'a0'" in _problem(tmp_path, SMALL + "a0: &a0 [x]\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"title: \xff\n", "not UTF-8: saw byte 7"), (b"#" * 4_000_001, "too large: saw 4000001 bytes")],
)
def test_odd_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """Bytes are judged before they are parsed."""
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ManifestInvalid, match=words):
        load_manifest(str(tmp_path / "mine.yaml"))


def test_schema_for_editors_is_up_to_date() -> None:
    """The generated file equals what the models say now."""
    path = FOLDER / "manifest.schema.json"
    assert json.loads(path.read_text("utf-8")) == json_schema(), (
        "run: sleep2vec manifest schema > data_manifests/manifest.schema.json"
    )


def _as_json(path: Path) -> Any:
    """Return a manifest as an editor sees it: keys are text."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8"))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_editors_accept_what_we_accept(path: Path) -> None:
    """Every manifest of the project is valid by the JSON Schema, short forms included."""
    validator = jsonschema.Draft202012Validator(json_schema())
    assert [error.message for error in validator.iter_errors(_as_json(path))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_manifest_names_its_schema(path: Path) -> None:
    """The first line tells editors how to complete the file."""
    assert path.read_text("utf-8").splitlines()[0] == "# yaml-language-server: $schema=manifest.schema.json"


def test_editors_refuse_unknown_keys() -> None:
    """The schema forbids what the loader forbids."""
    raw = yaml.safe_load(SMALL) | {"titel": "x"}
    errors = list(jsonschema.Draft202012Validator(json_schema()).iter_errors(raw))
    assert [error.validator for error in errors] == ["additionalProperties"]
