"""What source files look like: their size, their names, and what never stands in them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pipeline.manifests.load import shipped_manifests

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "pipeline", "model", "flows")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FOLDERS = (*PACKAGES, "data_manifests", "tests", "docs", "benchmarks", ".ci")
TEXTS = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {"", ".py", ".md", ".yaml", ".yml", ".json", ".toml", ".sh", ".tsv", ".csv"}
    and path.is_file()
    and "__pycache__" not in path.parts
) + sorted(path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".txt"} or path.name == "Makefile")

# Cohorts with public or controlled access that a manifest may one day describe. No code knows any of them.
COHORTS = {
    *("shhs", "mesa", "mros", "sof", "cfs", "chat", "wsc", "hchs", "nchsdb", "numom2b", "bestair", "apoe", "ccshs"),
    *(
        "pats",
        "mnc",
        "msp",
        "homepap",
        "hypnolaus",
        "hmc",
        "hsp",
        "boas",
        "isruc",
        "dreem",
        "ucddb",
        "slpdb",
        "mitdb",
    ),
    *(
        "sleep_edf",
        "sleep_edfx",
        "sleepedf",
        "sleepedfx",
        "physionet",
        "cinc2018",
        "dod_h",
        "dod_o",
        "cap_sleep",
        "ukb",
    ),
}
OUR_OWN = {"synthetic", "stages"}  # ours, and a cohort whose name is a word of the field
CHOOSES = {"flows/commands/demo.py"}  # says which cohorts it shows; nothing depends on their names


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text and its neighbouring pairs, capitals and underscores taken apart."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    words = re.findall(r"[a-z0-9]+", apart)
    yield from words
    yield from map("_".join, pairwise(words))
    yield from re.findall(r"[a-z]+", apart)  # shhs1 is shhs


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of the constants that are documentation: texts that stand alone."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return {id(value) for value in alone if isinstance(value, ast.Constant)}


def _names_and_texts(path: Path) -> Iterator[str]:
    """Yield every identifier and every text of a module but its documentation and its comments."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = _docstrings(tree)
    yield path.stem
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value
        for field in ("id", "attr", "name", "arg", "asname", "module"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def test_no_cohort_in_code() -> None:
    """A cohort is data: no name, no label, no branch of the code knows one; documentation may."""
    cohorts = (COHORTS | set(shipped_manifests())) - OUR_OWN
    found = {
        _id(path): sorted({text for text in _names_and_texts(path) if cohorts & set(_words(text))})
        for path in SOURCES
        if _id(path) not in CHOOSES
    }
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_file_has_one_idea() -> None:
    """No source file has more than 400 lines."""
    n_line = {_id(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: n for path, n in n_line.items() if n > 400} == {}


def test_no_module_shadows_the_standard_library() -> None:
    """No module or package bears the name of one of the standard library."""
    names = {path.stem: _id(path) for path in (*SOURCES, *(ROOT / "benchmarks").rglob("*.py"))}
    folders = {path.parent.name: _id(path.parent) for path in SOURCES}
    assert {name: where for name, where in (names | folders).items() if name in sys.stdlib_module_names} == {}


def test_no_drawer_for_everything() -> None:
    """A module is named after what it knows."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert [_id(path) for path in SOURCES if path.stem in drawers] == []


def test_packages_are_packages_and_tests_are_not() -> None:
    """Every folder of source has an ``__init__.py``; none below tests has, it would shadow the packages."""
    assert [_id(p.parent) for p in SOURCES if not (p.parent / "__init__.py").is_file()] == []
    assert [_id(p) for p in (ROOT / "tests").rglob("__init__.py")] == []


UNFINISHED = re.compile("|".join((r"\bTO" + "DO", r"\bFIX" + "ME", r"\bXX" + "X\\b", "NotImplemented" + "Error")))
# Absolute paths of somebody's machine, and words of how the project is worked on rather than of the project.
WORKPLACE = re.compile(
    r"(?<![\w.}~])/" + r"(?:home|root|work|tmp|Users|mnt)/\w" + r"|\bissue #?\d|\bmust" + "[- ]show", re.IGNORECASE
)


def test_nothing_is_left_unfinished() -> None:
    """No marker of work to be done, no stub."""
    assert [_id(path) for path in TEXTS if UNFINISHED.search(path.read_text("utf-8"))] == []


def test_nothing_speaks_of_the_workplace() -> None:
    """No file names a path of the machine on which it was written."""
    found = {_id(path): WORKPLACE.findall(path.read_text("utf-8")) for path in TEXTS}
    assert {path: where for path, where in found.items() if where} == {}


def test_no_broad_silence() -> None:
    """No bare ``except``, and no exception is swallowed with ``pass`` whatever it is."""
    silent = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                nothing = all(isinstance(s, (ast.Pass, ast.Continue)) for s in node.body)
                if not caught or (nothing and caught in {"Exception", "BaseException"}):
                    silent.append(f"{_id(path)}:{node.lineno}")
    assert silent == []
