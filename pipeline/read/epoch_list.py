"""Read stages written one an epoch: lines of text (Luna's ``.eannot`` among them), or a JSON list.

Assumption: the first one is of the epoch that begins with the recording; a blank line is an epoch without a stage.
"""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.read.stage_words import STAGE_WORDS
from pipeline.read.text_file import read_text
from pipeline.read.timed_text import TimedText, annotate
from pipeline.scoring.stages import stage_table
from schemas.errors import AnnotationCorrupt
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_epoch_list", "score_codes"]

MAX_WORD = 64  # characters; a longer line is no stage


def read_epoch_list(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one file.

    Parameters
    ----------
    path : Path
        Text or JSON.
    rule : AnnotationRule
        The manifest's annotation section; numbers need its ``stages``.

    Returns
    -------
    annotations : Annotations
        Without events or clock.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    AnnotationCorrupt
        When a line is too long to be a stage, or the JSON is no list of codes.
    """
    text, found = read_text(path)
    codes = _json(text) if text.lstrip().startswith("[") else [line.strip() for line in text.splitlines()]
    if any(len(code) > MAX_WORD for code in codes):
        raise AnnotationCorrupt(
            "a line is too long to be a stage",
            expected=f"one stage a line, at most {MAX_WORD} characters",
            do="Check annotations.format in the manifest.",
        )
    result, more = score_codes(codes, rule)
    return result, (*found, *more)


def score_codes(codes: list[str], rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Judge stages that are given one an epoch; raises as `pipeline.scoring.stages.score_stages`."""
    epoch_s = float(rule.epoch_s)
    stages = [TimedText(k * epoch_s, epoch_s, code) for k, code in enumerate(codes) if code]
    return annotate(stages, (), stage_table(STAGE_WORDS, rule), rule)


def _json(text: str) -> list[str]:
    try:
        codes = json.loads(text)
    except (ValueError, RecursionError):
        codes = None
    if not isinstance(codes, list) or not all(isinstance(code, str | int | None) for code in codes):
        raise AnnotationCorrupt(
            "the JSON is no list of stages",
            expected="a list of numbers or words",
            do="Download it again, or exclude the recording.",
        )
    return ["" if code is None else str(code) for code in codes]
