"""Read a night's annotations, whatever their format: one reader a format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.read.edfplus_stages import read_edf_plus
from pipeline.read.nsrr_xml import read_nsrr_xml
from schemas.errors import PsgError
from schemas.event_terms import EventClass
from schemas.findings import Finding, finding
from schemas.hypnogram import Annotations, EventTable
from schemas.manifest import AnnotationRule
from schemas.vocabulary import Scored

__all__ = ["READERS", "read_annotations"]

Reader = Callable[[Path, AnnotationRule], tuple[Annotations, tuple[Finding, ...]]]

READERS: dict[str, Reader] = {"nsrr_xml": read_nsrr_xml, "edf_plus": read_edf_plus}


def read_annotations(path: Path | None, rule: AnnotationRule | None) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one annotation source with the reader that the manifest names.

    Parameters
    ----------
    path : Path or None
        None where the night has no annotation file: nothing was scored.
    rule : AnnotationRule or None
        None where the cohort has no annotations at all.

    Returns
    -------
    annotations : Annotations
        Times count from the recording start of the annotation source.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError, AnnotationCorrupt, EpochLengthUnexpected
        See the reader of the format.
    """
    if path is None or rule is None:
        found = () if rule is None else (finding("PSG-A001", "the night has no annotation file"),)
        return _nothing(), found
    try:
        return READERS[rule.format](path, rule)
    except PsgError as error:
        raise error.at(path.name) from None


def _nothing() -> Annotations:
    none = np.empty(0, np.float64)
    return Annotations(None, EventTable(none, none, (), (), ()), {c.value: Scored.NO for c in EventClass})
