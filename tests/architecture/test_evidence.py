"""Figures that documents quote are those that were measured, and what was measured is complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence import EVIDENCE, FIELDS, PACKAGES, read
from benchmarks.prove import CAMPAIGNS
from benchmarks.quotes import documents, figures, n_mark, quoted, renewed

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in EVIDENCE.glob("*.json"))
DOCUMENTS = documents()
MISSED = {
    ("conversion", "shhs.ratios.pyedflib.first_cpu_s"),  # known to be missed, as documents say: campaign and figure
    ("shards", "build.nights_a_second"),  # unpacking, writing and a checksum alone take two thirds of the time
    ("training-step-gpu", "batch_320.eeg-ecg.share_of_matrix"),  # memory, not products, takes half of the step
}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_quoted_figures_are_measured(path: str) -> None:
    """Every marked figure is the value in the evidence at the precision with which it is quoted."""
    text = DOCUMENTS[path]
    assert n_mark(text) == len(quoted(text)), "a mark without a figure before it"
    assert quoted(text) == quoted(renewed(text, figures()))


def test_marks_are_understood() -> None:
    """Decimals, thousands and minus signs stay as written, examples stay alone."""
    text = "1,234.5 <!-- evidence: a-b.c.d_1 --> s, −3 <!-- evidence: x.y -->; `7 <!-- evidence: no.thing -->`"
    assert quoted(text) == ["1,234.5", "−3"]
    measured = {"a-b": {"c": {"d_1": 2234.46}}, "x": {"y": -2.2}}
    assert renewed(text, measured) == text.replace("1,234.5", "2,234.5").replace("−3", "−2")
    assert n_mark(text + "about 3 kg<!-- evidence: x.y -->") == 3


def test_marks_name_what_is_there() -> None:
    """A mark that names no figure is an error."""
    with pytest.raises(KeyError):
        renewed("1 <!-- evidence: x.z -->", {"x": {"y": 1}})


def test_every_campaign_has_evidence() -> None:
    """What can be proven has been, and nothing else lies there."""
    assert set(NAMES) == set(CAMPAIGNS)


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_complete(name: str) -> None:
    """All fields are there in their order, and the command is the campaign's."""
    found = read(EVIDENCE, name)
    assert tuple(found) == FIELDS
    assert (found["name"], found["command"]) == (name, f"python -m benchmarks.prove {name}")
    assert set(found["versions"]) == {"python", *PACKAGES}
    assert set(found["machine"]) == {"cpu", "n_cpu"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["started"])
    assert re.fullmatch(r"[0-9a-f]{64}", found["code"])
    assert found["took_s"] > 0 or name == "training-step-gpu"  # which was measured elsewhere
    assert found["figures"]


@pytest.mark.parametrize("name", NAMES)
def test_bars_hold(name: str) -> None:
    """Every bar of today's campaign is judged, and those that are missed are known."""
    found = read(EVIDENCE, name)
    assert found["bars"] == [bar.judge(found["figures"]) for bar in CAMPAIGNS[name].bars]
    missed = {(name, bar["figure"]) for bar in found["bars"] if not bar["holds"]}
    assert missed == {bar for bar in MISSED if bar[0] == name}


@pytest.mark.parametrize("name", NAMES)
def test_evidence_was_made_with_the_parameters_of_today(name: str) -> None:
    """A campaign that was changed has been run again."""
    assert read(EVIDENCE, name)["parameters"] == CAMPAIGNS[name].parameters


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_the_plain_run_has_a_small_version(name: str) -> None:
    """The test that does the same with less is there, and is no system test."""
    path, _, test = CAMPAIGNS[name].small.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    named = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert test in named
    assert [mark for mark in marks(tree, named[test]) if mark == "pytest.mark.system"] == []


def marks(tree: ast.Module, function: ast.FunctionDef) -> list[str]:
    """Return the decorators of a test, and what its module gives to all."""
    module: list[Any] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return [ast.unparse(node) for node in (*function.decorator_list, *module)]
