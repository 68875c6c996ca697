"""A cohort ready to be worked on: its recordings, each with what the subjects' tables say of the person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.files.discover import Source, discover, pseudonym
from pipeline.files.layout import fill
from pipeline.read.subjects import Subjects, load_subjects
from schemas.manifest import CohortManifest
from schemas.vocabulary import StudyType

__all__ = ["find_recordings"]


def find_recordings(manifest: CohortManifest, root: Path) -> tuple[Source, ...]:
    """Find the recordings below ``root`` and join the subjects' tables.

    Raises
    ------
    SourceMissing
        When nothing below the root fits the layout.
    SubjectTableCorrupt
        When a table is there but cannot be parsed.
    """
    subjects = load_subjects(root, manifest.subjects)
    return tuple(_joined(source, subjects, manifest) for source in discover(manifest, root))


def _joined(source: Source, subjects: Subjects, manifest: CohortManifest) -> Source:
    """Return the recording with its person's fields; names of persons and families go through the pseudonyms."""
    site = fill(manifest.site, source.fields) if manifest.site else None
    fields, findings = subjects.fields(source.published_subject, source.key.visit, site, source.fields)
    key, study_type = source.key, source.study_type
    if fields.subject is not None:
        key = replace(key, subject=pseudonym(manifest, "subject", fields.subject))
    if fields.family is not None:
        fields = replace(fields, family=pseudonym(manifest, "family", fields.family))
    if fields.study_type is not None:
        study_type = StudyType(fields.study_type)
    fields = replace(fields, subject=None)
    return replace(source, key=key, study_type=study_type, subject=fields, findings=(*source.findings, *findings))
