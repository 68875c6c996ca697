"""The guide for new cohorts: it names every key, and its examples are one valid manifest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from pipeline.manifests.load import load_manifest
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.indices import PUBLISHED_ONLY
from schemas.kinds import CANONICAL_CHANNELS
from schemas.manifest import CohortManifest
from schemas.subjects import CONDITIONS, SUBJECT_FIELDS, Ethnicity, History, Race
from schemas.units import Unit
from schemas.vocabulary import Stage, StageScheme, StudyType

GUIDE = (Path(__file__).parents[3] / "docs" / "add-a-cohort.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)
NAMED = {word for code in re.findall(r"`([^`]+)`", PROSE) for word in (code, *re.split(r"[.\s:{}…]+", code))}


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a model and all that its fields are made of."""
    found = {model}
    pending = [field.annotation for field in model.model_fields.values()]
    while pending:
        part = pending.pop()
        pending += get_args(part)
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
            found |= _models(part)
    return found


MODELS = sorted(_models(CohortManifest), key=lambda model: model.__name__)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    """No key of a manifest has to be looked up in the code."""
    assert sorted(set(model.model_fields) - NAMED) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_shown(model: type[BaseModel]) -> None:
    """Each key occurs in an example."""
    shown = set(re.findall(r"\b(\w+):", "".join(EXAMPLES)))
    assert sorted(set(model.model_fields) - shown) == []


@pytest.mark.parametrize("words", [Unit, StudyType, StageScheme, Stage.__members__, EventClass], ids=str)
def test_closed_lists_are_complete(words: object) -> None:
    """Whoever must choose a word sees all of them."""
    assert sorted({str(word) for word in words} - NAMED) == []  # type: ignore[attr-defined]


def test_every_kind_of_channel_is_listed() -> None:
    """A name for each of the patterns, so that nobody has to read them in the code."""
    unseen = [name for name in CANONICAL_CHANNELS if not any(re.fullmatch(name, word) for word in NAMED)]
    assert unseen == []


def test_every_type_of_event_is_listed() -> None:
    """The words that a manifest may map to."""
    assert sorted(set(EVENT_TYPES) - NAMED) == []


def test_every_subject_field_condition_and_rule_is_listed() -> None:
    """The words that a subjects' table may fill; indices that are computed have a page of their own."""
    assert sorted({*SUBJECT_FIELDS, *CONDITIONS, *PUBLISHED_ONLY, *Race, *Ethnicity, *History} - NAMED) == []


def test_examples_are_one_valid_manifest(tmp_path: Path) -> None:
    """The pieces put together load, and every section is among them."""
    path = tmp_path / "my_cohort.yaml"
    path.write_text("\n".join(EXAMPLES), "utf-8")
    manifest = load_manifest(str(path))
    assert set(CohortManifest.model_fields) == manifest.model_fields_set
