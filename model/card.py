"""The model card: what a checkpoint is, what it was trained on, under which terms, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.manifests.terms import joined

__all__ = ["card_text", "note", "terms_of"]

CARD, EVALUATIONS, FACTS = "card.md", "evaluations.json", "checkpoint.json"

_USE = """## Use

For research on sleep recordings. It is no medical device: nothing that it answers is a diagnosis, and no clinical
accuracy is claimed. Answers follow the scorers, sensors and people of the data above; on other cohorts, devices or
ages they are worse in ways that only an evaluation there can tell (`sleep2vec evaluate`). Whoever uses the weights
keeps to the terms of the data above, which weights may carry traces of.
"""


def terms_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the strictest terms of all data that a checkpoint was trained on, pre-training included."""
    return joined(data["terms"] for _, data in _sources(facts) if data.get("terms"))


def card_text(facts: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the card of a checkpoint as Markdown.

    Parameters
    ----------
    facts : mapping
        Of its ``checkpoint.json``.
    evaluations : sequence of mapping
        Reports of `model.evaluate.report`.
    """
    config = facts["config"]
    what = f"fine-tuned for {facts['task']} ({facts.get('mode', 'full')})" if "task" in facts else "pre-trained"
    lines = [
        f"# Model card: sleep2vec {config['name']}, {what}",
        "",
        f"Step {facts['step']}; tensors SHA-256 {facts['sha256']}.",
        f"Inputs: {', '.join(config['model']['modalities'])}; any subset of them.",
        *_data(facts),
        *_terms(facts),
        *_numbers(config),
        *_results(evaluations),
    ]
    return "\n".join([*lines, "", _USE])


def note(folder: Path, found: Mapping[str, Any]) -> None:
    """Keep an evaluation beside a checkpoint's files and write its card anew.

    An earlier one of the same set, split and modalities is replaced.
    """
    path = folder / EVALUATIONS
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else []
    key = ("set", "split", "modalities")
    own = {name: value for name, value in found.items() if name not in ("recordings", "confusion", "baseline")}
    kept = [old for old in kept if any(old.get(name) != own.get(name) for name in key)] + [own]
    path.write_text(json.dumps(kept, indent=1), "utf-8")
    (folder / CARD).write_text(card_text(json.loads((folder / FACTS).read_text("utf-8")), kept), "utf-8")


def _sources(facts: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if before := facts.get("pretrained"):
        yield "pre-trained", before["data"]
    yield "fine-tuned" if "task" in facts else "pre-trained", facts.get("data") or {}


def _data(facts: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## Data", "", "| | set | cohorts | recordings | view | SHA-256 of the set |")
    yield "|---|---|---|---|---|---|"
    for how, data in _sources(facts):
        splits = ", ".join(f"{name} {n}" for name, n in data.get("splits", {}).items())
        known = (data.get("name"), ", ".join(data.get("cohorts", ())), splits, data.get("view") or "as stored")
        yield f"| {how} | {' | '.join(cell or 'unknown' for cell in (*known, data.get('set')))} |"
    if facts.get("few_shot"):
        yield from ("", f"Labels of {facts['few_shot']} persons only.")


def _terms(facts: Mapping[str, Any]) -> Iterator[str]:
    terms = terms_of(facts)
    yield from ("", "## Terms", "", "The strictest of all data it was trained on.", "")
    for name in ("redistribution", "commercial"):
        yield f"- {name}: {'yes' if terms[name] else 'no'}"
    for name in ("agreements", "citations", "urls"):
        yield f"- {name}: {'; '.join(terms[name]) or 'none'}"


def _numbers(config: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## Configuration", "", f"Seed {config['seed']}.", "", "| | |", "|---|---|")
    for part in ("model", "loss", "optim"):
        yield from (f"| {part}.{name} | {value} |" for name, value in config[part].items())


def _results(evaluations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", "## Results", "")
    if not evaluations:
        yield "None kept here yet: `sleep2vec evaluate --card` adds them."
        return
    for found in evaluations:
        inputs = " ".join(found["modalities"])
        yield f"- {found['task']}, split {found.get('split')}, with {inputs}: {_measures(found)}"


def _measures(found: Mapping[str, Any]) -> str:
    whole = [f"{name} {value}" for name, value in found.items() if isinstance(value, int)]
    return ", ".join(whole + [f"{name} {value:.3f}" for name, value in found.items() if isinstance(value, float)])
