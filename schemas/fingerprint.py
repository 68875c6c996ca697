"""Fingerprints: one hash for everything that decides how a recording's store looks.

Two conversions with equal fingerprints write equal values. What cannot change a value is left out: titles,
quirks, the layout's patterns (their result, the recording's key, counts instead) and other visits' rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from schemas.findings import Finding
from schemas.manifest import CohortManifest
from schemas.recording import RecordingKey, SubjectFields
from schemas.vocabulary import StudyType

__all__ = ["PROCESSING_VERSION", "canonical_json", "digest", "fingerprint", "manifest_part", "recipe"]

PROCESSING_VERSION = 4  # raise it whenever the same source and manifest would become other values

_WITHOUT_EFFECT = {"title", "known_quirks", "exclude", "layout", "subjects", "privacy", "montage"}


def canonical_json(value: Any) -> bytes:
    """Return the one spelling of a JSON value: keys sorted, no blanks, UTF-8.

    Raises
    ------
    ValueError
        For a number that is not finite: two of them would never be equal.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of `canonical_json`, in hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def manifest_part(manifest: CohortManifest, visit: str) -> str:
    """Return the digest of all that a manifest says about the nights of one visit.

    Terms count: they are copied into the store, and a store with outdated terms is a wrong store.
    """
    part = manifest.model_dump(mode="json", exclude=_WITHOUT_EFFECT)
    part["montage"] = [rule.model_dump(mode="json") for rule in manifest.rules_for(visit)]
    return digest(part)


def recipe(
    manifest: str,
    key: RecordingKey,
    study_type: StudyType,
    subject: SubjectFields,
    findings: Iterable[Finding],
    versions: Mapping[str, int],
) -> str:
    """Return the digest of everything but the source's content.

    Parameters
    ----------
    manifest : str
        `manifest_part` of the recording's visit.
    findings : iterable of Finding
        Those known before the files are read; they go into the store.
    versions : mapping of str to int
        Of the processing and of the store specification.
    """
    return digest(
        {
            "manifest": manifest,
            "key": asdict(key),
            "study_type": study_type,
            "subject": asdict(subject),
            "findings": [finding.to_json() for finding in findings],
            "versions": dict(versions),
        }
    )


def fingerprint(recipe: str, sources: Iterable[str]) -> str:
    """Return the fingerprint of a recording.

    Parameters
    ----------
    recipe : str
        From `recipe`.
    sources : iterable of str
        SHA-256 of every source file, signals before annotations; their names do not matter.
    """
    return digest([recipe, list(sources)])
