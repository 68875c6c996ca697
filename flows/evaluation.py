"""Evaluate a checkpoint on a set: what the command and the nightly flow share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

__all__ = ["evaluated", "in_words", "without_nan"]


def evaluated(
    checkpoint: Path,
    shards: Path,
    split: str,
    modalities: tuple[str, ...] = (),
    labels: Path | None = None,
    device: str = "cpu",
    *,
    baseline: str | None = None,
) -> dict[str, Any]:
    """Return the report of a fine-tuned model on whole nights of a split.

    Parameters
    ----------
    modalities : tuple of str
        Any subset of those that the model knows; all of them without.
    labels : Path, optional
        A table of persons, for tasks whose answers are there.
    baseline : {"yasa"}, optional
        Its report on the same epochs goes beside.
    """
    from flows.training import data_facts, labelled, shared
    from model.data.loader import Options, open_nights
    from model.evaluate import answer, report
    from model.finetune import open_model

    model, _ = open_model(checkpoint)
    wanted = modalities or shared(shards, model.fusion.modalities)
    options = Options(split=split, modalities=wanted, device=device)
    nights = open_nights(shards, labels=model.task.labels, options=options)
    answers = answer(model.to(device), labelled(nights, shards, model.task, labels), wanted, device=device)
    found = report(answers, model, wanted) | {"split": split, "set": data_facts(shards)["set"]}
    if baseline:
        from model.experiments.baseline_yasa import yasa_answers

        beside = yasa_answers(answers, model.task, shards, split)
        found["baseline"] = {"name": baseline} | report(beside, model, ("eeg", "eog"))
    for own in (*found.get("recordings", ()), *found.get("baseline", {}).get("recordings", ())):
        own["recording"] = nights.nights.recording[own["recording"]]
    return found


def without_nan(found: Any) -> Any:
    """Return a report in which a number that there is not is null: JSON has no other word for it."""
    if isinstance(found, dict):
        return {name: without_nan(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [without_nan(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def in_words(found: dict[str, Any]) -> str:
    """Return a report in a few lines."""
    of_whom = f"{found['n_recordings']} nights of {found['n_subjects']} persons"
    lines = [f"{found['task']} on {of_whom}, split {found['split']}", f"with {' '.join(found['modalities'])}"]
    if "mae" in found:
        lines.append(
            _measure("absolute error", found["mae"], found["interval"]["mae"]) + f" years, {found['n']} nights"
        )
    if "c_index" in found:
        lines.append(_measure("concordance", found["c_index"], found["interval"]["c_index"]))
        lines.append(f"{found['n_event']} events in {found['n']} nights")
    for name, own in found.get("classes", {}).items():
        lines.append(
            _measure(name, own["auroc"], own["interval"]["auroc"]) + f" AUROC, {own['n_yes']} of {own['n']}"
        )
    if "accuracy" in found:
        lines += _of_classes(found)
    if "events_per_hour" in found:
        own = found["events_per_hour"]
        lines.append(_measure("error per hour", own["mae"], own["interval"]["mae"]) + f", bias {own['bias']:+.1f}")
    if "baseline" in found:
        lines += [f"{found['baseline']['name']} on the same epochs", *_of_classes(found["baseline"])]
    return "\n".join(lines)


def _of_classes(found: dict[str, Any]) -> list[str]:
    measures = (("accuracy", "accuracy"), ("kappa", "Cohen's kappa"), ("macro_f1", "macro F1"))
    f1 = ", ".join(f"{name} {value:.2f}" for name, value in found["f1"].items())
    return [_measure(words, found[name], found["interval"][name]) for name, words in measures] + [f"F1 {f1}"]


def _measure(words: str, value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{words:14s} {value:.3f}  (95 % interval over persons {low:.3f} to {high:.3f})"
