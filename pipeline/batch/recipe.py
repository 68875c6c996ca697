"""The fingerprint of a recording that was found: its source, its manifest and the versions of this code."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.files.discover import Source
from pipeline.files.hashing import FileHash
from schemas.fingerprint import PROCESSING_VERSION, fingerprint, manifest_part, recipe
from schemas.manifest import CohortManifest
from schemas.store import SPEC_VERSION

__all__ = ["VERSIONS", "fingerprint_of", "recipe_of"]

VERSIONS = {"processing": PROCESSING_VERSION, "store": SPEC_VERSION}


def recipe_of(source: Source, manifest: str) -> str:
    """Return the digest of everything but the files' content; ``manifest`` is the `manifest_part` of its visit."""
    return recipe(manifest, source.key, source.study_type, source.subject, source.findings, VERSIONS)


def fingerprint_of(source: Source, manifest: CohortManifest, files: Iterable[FileHash]) -> str:
    """Return the fingerprint to write into the recording's store.

    Parameters
    ----------
    files : iterable of FileHash
        Of ``source.paths``, in that order.
    """
    part = manifest_part(manifest, source.key.visit)
    return fingerprint(recipe_of(source, part), (file.sha256 for file in files))
