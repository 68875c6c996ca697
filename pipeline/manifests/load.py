"""Find, read and check cohort manifests, and generate the JSON Schema that editors complete them with."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from schemas.errors import ManifestInvalid, ManifestNotFound
from schemas.manifest import CohortManifest

__all__ = ["guide", "json_schema", "load_manifest", "manifest_text", "shipped_manifests"]

_MAX_BYTES = 4_000_000  # a manifest is written by hand; the longest shipped one has a few tens of kilobytes


def shipped_manifests() -> list[str]:
    """Return the names of the manifests that came with the installation, sorted."""
    names = (Path(f.name) for f in resources.files("data_manifests").iterdir())
    return sorted(p.stem for p in names if p.suffix == ".yaml" and not p.name.startswith("_"))


def manifest_text(name_or_path: str) -> tuple[str, str]:
    """Return a manifest's text and the name to call it by in messages.

    Parameters
    ----------
    name_or_path : str
        ``shhs`` for a shipped one, or a path to a YAML file.

    Raises
    ------
    ManifestNotFound
        When there is neither; lists the shipped names and the nearest one.
    """
    shipped = shipped_manifests()
    if name_or_path in shipped:
        return (resources.files("data_manifests") / f"{name_or_path}.yaml").read_text(
            "utf-8"
        ), f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        near = difflib.get_close_matches(name_or_path, shipped, 1)
        raise ManifestNotFound(
            "no such manifest",
            saw=repr(name_or_path),
            expected="a path to a YAML file, or one of " + ", ".join(shipped),
            do=f"Did you mean {near[0]!r}?" if near else "Write one with: sleep2vec manifest new",
        )
    if path.stat().st_size > _MAX_BYTES:
        raise ManifestInvalid("the manifest is too large", saw=f"{path.stat().st_size} bytes", where=path.name)
    try:
        return path.read_text("utf-8"), path.name
    except UnicodeDecodeError as error:
        raise ManifestInvalid("the manifest is not UTF-8", saw=f"byte {error.start}", where=path.name) from None


def load_manifest(name_or_path: str) -> CohortManifest:
    """Read and validate a manifest.

    Raises
    ------
    ManifestNotFound
        When there is none of that name.
    ManifestInvalid
        With every problem, its line, and the nearest known key for an unknown one.
    """
    text, name = manifest_text(name_or_path)
    node, raw = _parse(text, name)
    if not isinstance(raw, dict):
        raise ManifestInvalid("a manifest is a mapping", saw=type(raw).__name__, where=name)
    try:
        return CohortManifest.model_validate(raw)
    except ValidationError as error:
        problems = [_describe(problem, node) for problem in error.errors(include_url=False)]
        raise ManifestInvalid(
            "\n  ".join(
                (f"{len(problems)} problem(s)", *problems, "`sleep2vec manifest guide` describes every key")
            ),
            where=name,
        ) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a manifest."""
    schema = CohortManifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def guide() -> str:
    """Return the guide for new cohorts: packaged with an installation, among the documents in a checkout."""
    packaged = resources.files("data_manifests") / "add-a-cohort.md"
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[2] / "docs" / "add-a-cohort.md").read_text("utf-8")


def _parse(text: str, name: str) -> tuple[yaml.Node | None, Any]:
    """Return the document as nodes, which know their lines, and as values."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        _refuse_duplicate_keys(node, name, set())
        return node, None if node is None else loader.construct_document(node)
    except ManifestInvalid:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also dates that do not exist, endless nesting
        mark = getattr(error, "problem_mark", None)
        raise ManifestInvalid(
            f"not valid YAML ({getattr(error, 'problem', None) or 'cannot be parsed'})",
            where=f"{name}, line {mark.line + 1}" if mark else name,
        ) from None


def _refuse_duplicate_keys(node: yaml.Node | None, name: str, done: set[int]) -> None:
    if node is None or id(node) in done:  # an alias: its anchor was looked at
        return
    done.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ManifestInvalid("a key is a list or a mapping", expected="text", where=f"{name}, line {line}")
            if key.value in seen and key.value != "<<":
                raise ManifestInvalid(f"key {key.value!r} is given twice", where=f"{name}, line {line}")
            seen.add(key.value)
            _refuse_duplicate_keys(value, name, done)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicate_keys(item, name, done)


def _describe(problem: Any, node: yaml.Node | None) -> str:
    """One line: where it is, what is wrong, and the nearest key if one was misspelt."""
    location = problem["loc"]
    where = ".".join(str(part) for part in location)
    text = f"line {_line_of(node, location)}: {where}: {problem['msg'].removeprefix('Value error, ')}"
    if problem["type"] == "string_type" and isinstance(problem["input"], int | float):
        text += f'; put it in quotes: "{problem["input"]}"'
    if problem["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1)
        text = f"line {_line_of(node, location)}: unknown key {where!r}"
        text += f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(sorted(known))}"
    return text


def _line_of(node: yaml.Node | None, location: tuple[Any, ...]) -> int:
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is not None:
                line, node = found[0].start_mark.line + 1, found[1]
            elif not isinstance(part, int):  # a number counts in a list that was written as its only member
                break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _keys_at(location: tuple[Any, ...]) -> list[str]:
    """Return the keys that the model at ``location`` knows."""
    model: type[BaseModel] = CohortManifest
    for part in location:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _models_in(model.model_fields[part].annotation)
        if inner:
            model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]
