"""A cohort ready to be worked on: its recordings, each with what the subjects' tables say of the person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.discover import Source, discover, pseudonym
from pipeline.read.subjects import load_subjects
from schemas.manifest import CohortManifest

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
    joined = []
    for source in discover(manifest, root):
        fields, findings = subjects.fields(source.published_subject, source.key.visit, manifest.site)
        if fields.family is not None:
            fields = replace(fields, family=pseudonym(manifest, "family", fields.family))
        joined.append(replace(source, subject=fields, findings=(*source.findings, *findings)))
    return tuple(joined)
