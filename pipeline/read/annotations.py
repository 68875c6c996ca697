"""Read a night's annotations, whatever their formats, and put those of several files together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.read.edfplus_stages import read_edf_plus
from pipeline.read.epoch_list import read_epoch_list
from pipeline.read.hdf5_stages import read_hdf5_stages
from pipeline.read.luna_annot import read_luna_annot
from pipeline.read.nsrr_xml import read_nsrr_xml
from pipeline.read.profusion_xml import read_profusion_xml
from pipeline.read.table_scoring import read_table
from pipeline.read.wfdb_scoring import read_wfdb_scoring
from pipeline.scoring.align import clock_shift
from pipeline.scoring.events import merge_events
from schemas.errors import PsgError
from schemas.event_terms import EventClass
from schemas.findings import Finding, finding
from schemas.hypnogram import Annotations, EventTable, Hypnogram
from schemas.scoring_rules import AnnotationFormat, AnnotationRule
from schemas.vocabulary import Scored

__all__ = ["READERS", "read_annotations"]

Reader = Callable[[Path, AnnotationRule], tuple[Annotations, tuple[Finding, ...]]]

READERS: dict[AnnotationFormat, Reader] = {
    "nsrr_xml": read_nsrr_xml,
    "profusion_xml": read_profusion_xml,
    "edf_plus": read_edf_plus,
    "luna_annot": read_luna_annot,
    "epoch_list": read_epoch_list,
    "table": read_table,
    "wfdb": read_wfdb_scoring,
    "hdf5": read_hdf5_stages,
}


def read_annotations(
    files: Mapping[str, Path], rules: Sequence[AnnotationRule], *, clock_start_s: float | None
) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read the annotation files of a night, each with the reader that the manifest names.

    The first scorer's stages are those of the first of its rules that gives any, its events those of all its rules;
    of other scorers only stages are kept.

    Parameters
    ----------
    files : mapping of str to Path
        By the layout's names; what is not there is not read.
    rules : sequence of AnnotationRule
        The manifest's; none where the cohort has no annotations at all.
    clock_start_s : float or None
        Time of day of the signals' start: places files on different clocks.

    Returns
    -------
    annotations : Annotations
        Times count from the recording start of the first file.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError, AnnotationCorrupt, EpochLengthUnexpected
        See the readers of the formats.
    HypnogramMismatch
        When a file has times of day and the signals have none.
    """
    read: list[tuple[AnnotationRule, Annotations]] = []
    found: list[Finding] = []
    for rule in rules:
        if rule.file in files:
            path = files[rule.file]
            try:
                one, more = READERS[rule.format](path, rule)
            except PsgError as error:
                raise error.at(path.name) from None
            read.append((rule, one))
            found += more if rule.scorer == 1 else _of_other(rule.scorer, more)
    if rules and not any("stages" in rule.holds for rule, _ in read):
        words = "the night has no annotation file" if not read else "the night has no file with stages"
        found.insert(0, finding("PSG-A001", words))
    together, of_clocks = _together(read, clock_start_s)
    return together, (*found, *of_clocks)


def _together(
    read: Sequence[tuple[AnnotationRule, Annotations]], clock_start_s: float | None
) -> tuple[Annotations, list[Finding]]:
    """Put everything on the clock of the first file; where that lies is for the grid to find."""
    if not read:
        return _nothing(), []
    first = read[0][1]
    base_s, _ = clock_shift(first, clock_start_s)
    found: list[Finding] = []
    stages: dict[int, Hypnogram] = {}
    events: list[EventTable] = []
    scored: dict[str, Scored] = dict(_nothing().scored)
    for rule, one in read:
        shift_s, of_clock = clock_shift(one, clock_start_s)
        later_s = shift_s - base_s
        found += of_clock if one is not first else []
        if one.hypnogram is not None:
            stages.setdefault(rule.scorer, replace(one.hypnogram, start_s=one.hypnogram.start_s + later_s))
        if rule.scorer == 1:
            events.append(replace(one.events, onset_s=one.events.onset_s + later_s))
            scored = {name: _more(value, one.scored[name]) for name, value in scored.items()}
    together = replace(
        first,
        hypnogram=stages.pop(1, None),
        events=merge_events(events),
        scored=scored,
        other_scorers=dict(sorted(stages.items())),
    )
    return together, found


def _of_other(scorer: int, found: Sequence[Finding]) -> list[Finding]:
    """Say of whom a finding about stages is; what concerns events of other scorers, which are not kept, goes."""
    about_events = {"PSG-A004", "PSG-A013"}
    return [replace(f, message=f"scorer {scorer}: {f.message}") for f in found if f.code not in about_events]


def _more(one: Scored, other: Scored) -> Scored:
    """Return the larger claim: a class that one file was searched for was searched for."""
    return next(value for value in (Scored.YES, Scored.PARTLY, Scored.NO) if value in (one, other))


def _nothing() -> Annotations:
    none = np.empty(0, np.float64)
    return Annotations(None, EventTable(none, none, (), (), ()), {c.value: Scored.NO for c in EventClass})
