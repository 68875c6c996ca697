"""Runs of stages, as a scorer wrote them in whatever format, become a hypnogram on 30-s epochs.

The readers of `pipeline.read` hand over the runs; all judgement is here, so that every format is judged alike.
Assumptions: one scorer a source; stages 3 and 4 of R&K are both N3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs as runs_of
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected
from schemas.event_terms import fold_term, term_forms
from schemas.findings import Finding, finding
from schemas.hypnogram import Hypnogram
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import EPOCH_S, UNSCORED, Stage, StageScheme

__all__ = ["MAX_NIGHT_S", "StageRun", "StageTable", "StageTerm", "score_stages", "stage_table"]

MAX_NIGHT_S = 7 * 86400.0  # longer scorings are damaged numbers
TOLERANCE_S = 0.01  # times in annotations carry one or two decimals
UNMAPPED_CODE = 99  # source code of a stage term that neither table nor number explains
FIRST_MANIFEST_CODE = 20  # stages that a manifest adds without a number of their own
MIN_SLEEP_EPOCHS = 20  # fewer epochs of one kind of sleep, other than N2, may be a bad night rather than a scheme


@dataclass(frozen=True)
class StageRun:
    """One stage from ``start_s`` (seconds from recording start) for ``duration_s`` seconds."""

    start_s: float
    duration_s: float
    term: str


@dataclass(frozen=True)
class StageTerm:
    """What a source term means: the scorer's code, its words, and the AASM stage."""

    code: int
    words: str
    stage: Stage


StageTable = Mapping[str, StageTerm]


def stage_table(rows: Iterable[StageTerm], rule: AnnotationRule) -> StageTable:
    """Return the look-up of a format's stage terms, as the manifest adds to it and overrides it."""
    table = {form: row for row in rows for form in term_forms(row.words)}
    for number, (term, name) in enumerate(rule.stages.items()):
        known = table.get(fold_term(term))
        code = known.code if known else FIRST_MANIFEST_CODE + number
        new = StageTerm(code, term, Stage[name])
        table = {form: new if row is known else row for form, row in table.items()}
        table.update(dict.fromkeys(term_forms(term), new))
    return table


def _look_up(term: str, table: StageTable) -> StageTerm | None:
    """Return what a term means; two sides of a concept that contradict each other mean nothing."""
    forms = term_forms(term)
    if forms[0] in table:
        return table[forms[0]]
    meanings = {table[form] for form in forms if form in table}
    return meanings.pop() if len(meanings) == 1 else None


def score_stages(
    runs: Sequence[StageRun], table: StageTable, rule: AnnotationRule
) -> tuple[Hypnogram | None, tuple[Finding, ...]]:
    """Lay runs of stages on a grid of 30-s epochs that starts with the first run.

    Runs that are no whole number of epochs are rounded to the grid; where runs overlap, the later start wins; gaps
    are unscored. With epochs of another length, which the manifest must allow, a 30-s epoch has a stage only where
    all of it was scored the same. A night whose every sleep run has one and the same code is sleep/wake scoring.

    Parameters
    ----------
    runs : sequence of StageRun
        In any order.
    table : mapping
        From `stage_table`.

    Returns
    -------
    Hypnogram or None
        None where nothing was scored.
    findings : tuple of Finding

    Raises
    ------
    AnnotationCorrupt
        When a time is not a number, a duration is negative, or the scoring spans more than a week.
    EpochLengthUnexpected
        When most runs are no multiples of the epoch.
    """
    found: list[Finding] = []
    runs = sorted((run for run in runs if run.duration_s != 0), key=lambda run: run.start_s)
    if not runs:
        return None, (finding("PSG-A014", "the annotation source holds no stages"),)
    _check_times(runs)
    found += _check_lengths(runs, rule.epoch_s)
    code, words, stage_of, unmapped = _codes(runs, table)
    if unmapped:
        found.append(finding("PSG-A007", f"{unmapped} of {len(runs)} stage runs have a code that no table maps"))
    origin_s = runs[0].start_s
    source, more = _lay_out(runs, code, origin_s, rule.epoch_s)
    found += more
    stage = np.full(source.size, UNSCORED, np.int8)
    for number, meaning in stage_of.items():
        stage[source == number] = meaning
    staged = stage != UNSCORED
    scheme, more = _scheme(stage, source, rule.scheme)
    found += more
    return Hypnogram(origin_s, stage, source, words, scheme, staged), tuple(found)


def _check_times(runs: Sequence[StageRun]) -> None:
    times = [t for run in runs for t in (run.start_s, run.duration_s)]
    if not all(map(math.isfinite, times)) or any(run.duration_s < 0 for run in runs):
        raise AnnotationCorrupt(
            "a stage has no readable time",
            expected="start and a positive duration in seconds",
            why="Its place in the night cannot be known.",
            do="Download the annotation again, or exclude the recording.",
        )
    span_s = max(run.start_s + run.duration_s for run in runs) - runs[0].start_s
    if span_s > MAX_NIGHT_S or abs(runs[0].start_s) > MAX_NIGHT_S:
        raise AnnotationCorrupt("stages span more than a week", expected=f"at most {MAX_NIGHT_S:.0f} s")


def _check_lengths(runs: Sequence[StageRun], epoch_s: int) -> list[Finding]:
    odd = sum(abs(run.duration_s - round(run.duration_s / epoch_s) * epoch_s) > TOLERANCE_S for run in runs)
    if odd > max(2, len(runs) // 2):
        raise EpochLengthUnexpected(
            "stages are not scored in the expected epochs",
            saw=f"{odd} of {len(runs)} runs that are no multiple of {epoch_s} s",
            expected=f"epochs of {epoch_s} s",
            do="If the cohort documents another length, set annotations.epoch_s in its manifest.",
        )
    late = sum(
        abs((run.start_s - runs[0].start_s + epoch_s / 2) % epoch_s - epoch_s / 2) > TOLERANCE_S for run in runs
    )
    if odd or late:
        return [
            finding(
                "PSG-A009", f"{odd} stage runs are no whole number of {epoch_s}-s epochs, {late} start off the grid"
            )
        ]
    return []


def _codes(runs: Sequence[StageRun], table: StageTable) -> tuple[list[int], dict[int, str], dict[int, Stage], int]:
    """Return each run's code, what the codes mean in words and stages, and how many runs no table maps."""
    code: list[int] = []
    words: dict[int, str] = {}
    stage: dict[int, Stage] = {}
    unmapped = 0
    for run in runs:
        row = _look_up(run.term, table)
        if row is None:
            unmapped += 1
            row = StageTerm(UNMAPPED_CODE, "unmapped", Stage.UNSCORED)
        code.append(row.code)
        words.setdefault(row.code, row.words)
        stage.setdefault(row.code, row.stage)
    return code, dict(sorted(words.items())), stage, unmapped


def _lay_out(
    runs: Sequence[StageRun], code: Sequence[int], origin_s: float, epoch_s: int
) -> tuple[NDArray[np.int8], list[Finding]]:
    """Return the source code of every 30-s epoch; -1 where nothing, or nothing unanimous, was written."""
    cell_s = math.gcd(EPOCH_S, epoch_s)
    start = np.array([run.start_s for run in runs]) - origin_s
    stop = start + np.array([run.duration_s for run in runs])
    edges = np.floor(np.stack([start, stop], axis=1) / cell_s + 0.5).astype(np.int64)
    per_epoch = EPOCH_S // cell_s
    n_epoch = -(-int(edges[:, 1].max()) // per_epoch)
    cells = np.full(n_epoch * per_epoch, UNSCORED, np.int8)
    overlap = 0
    for number, (first, last) in zip(code, edges, strict=True):
        overlap += int(np.count_nonzero(cells[first:last] != UNSCORED))
        cells[first:last] = number
    pieces = cells.reshape(n_epoch, per_epoch)
    unanimous = (pieces == pieces[:, :1]).all(axis=1)
    source = np.where(unanimous, pieces[:, 0], UNSCORED).astype(np.int8)
    found = []
    if overlap:
        found.append(
            finding("PSG-A008", f"{overlap * cell_s} s of the night are scored twice; the later start wins")
        )
    if not unanimous.all():
        count = int(np.count_nonzero(~unanimous))
        found.append(
            finding("PSG-A009", f"{count} epochs of 30 s hold several {epoch_s}-s stages and are unscored")
        )
    if gaps := runs_of(unanimous & (source == UNSCORED)):
        count = sum(last - first for first, last in gaps)
        found.append(finding("PSG-A012", f"{count} epochs between scored ones carry no stage", epochs=gaps))
    return source, found


def _scheme(
    stage: NDArray[np.int8], source: NDArray[np.int8], declared: StageScheme
) -> tuple[StageScheme, list[Finding]]:
    """Judge the scheme; with sleep/wake scoring, take the stage from sleep (in place)."""
    asleep = stage > Stage.W
    n_asleep = int(np.count_nonzero(asleep))
    if not n_asleep:
        return declared, []
    one_code = np.unique(source[asleep]).size == 1
    typical = bool((stage[asleep] == Stage.N2).any()) or n_asleep >= MIN_SLEEP_EPOCHS
    if declared is StageScheme.SLEEP_WAKE or (one_code and typical):
        stage[asleep] = UNSCORED
        return StageScheme.SLEEP_WAKE, [
            finding("PSG-A006", f"all {n_asleep} epochs of sleep are scored alike; their stage is unknown")
        ]
    missing = [s.name for s in (Stage.N1, Stage.N3, Stage.REM) if not (stage == s).any()]
    if missing:
        return declared, [finding("PSG-A010", f"{n_asleep} epochs of sleep, none of them {' or '.join(missing)}")]
    return declared, []
