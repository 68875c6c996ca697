"""Draft a manifest from what lies below a folder, for a person to review.

Proposals come from the names of files, from headers, and from what the shipped manifests make of the same labels.
Nothing that neither says is filled in; whatever was concluded is marked REVIEW.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.draft.files import Kind, files_below, kinds_of
from pipeline.draft.headers import SIGNAL_FILES, Headers, merged, of_counts, read_headers
from pipeline.draft.layout import layout_text, unseen_layout_text
from pipeline.draft.montage import montage_text
from pipeline.scan.census import read_counts
from schemas.errors import ManifestInvalid, SourceMissing
from schemas.manifest import COHORT_NAME

__all__ = ["draft_manifest"]

_MOST_HEADERS = 200  # of a kind of files: enough to see the spellings; scan counts them all
_ALIKE = 0.5  # share of labels in common from which two kinds of files are recordings of one cohort

_HEAD = """\
# yaml-language-server: $schema=manifest.schema.json
# Drafted from names and headers of files. Everything marked REVIEW waits for a person; `sleep2vec manifest guide`
# describes every key. An editor completes them with: sleep2vec manifest schema > manifest.schema.json, beside this.
manifest_version: 1
cohort: {cohort}
title: {cohort}  # REVIEW
terms:
  agreement: REVIEW
  redistribution: false
  commercial: false
  citation: REVIEW who to cite
  release: REVIEW
"""


def draft_manifest(cohort: str, root: Path | None, census: Path | None = None) -> str:
    """Return the YAML text of a manifest that ``manifest check`` accepts once it has been reviewed.

    Parameters
    ----------
    cohort : str
        Name: lower-case letters, digits and underscores.
    root : Path or None
        Folder whose files are listed; without it the layout is an example.
    census : Path or None
        Table of labels that ``scan`` wrote; without it headers below the root are read.

    Raises
    ------
    ManifestInvalid
        When the cohort's name is not allowed.
    SourceMissing
        When there is no file of signals below the root.
    SourceError
        When the census is another table.
    """
    if not re.fullmatch(COHORT_NAME, cohort):
        raise ManifestInvalid(
            "not a cohort name", saw=repr(cohort), expected="lower-case letters, digits and underscores"
        )
    head = _HEAD.format(cohort=cohort)
    counted = of_counts(read_counts(census)) if census else None
    if root is None:
        headers = counted or Headers()
        return head + unseen_layout_text(headers.places) + montage_text(headers)
    files = files_below(root)
    kinds = kinds_of(path for path in files if path.suffix.lower() in SIGNAL_FILES)
    if not kinds:
        raise SourceMissing(
            "no file of signals below the root",
            expected=", ".join(SIGNAL_FILES),
            do="Name the folder of the download.",
        )
    most = 1 if counted else _MOST_HEADERS
    read = [read_headers(root / path for path in _spread(kind.files, most)) for kind in kinds]
    nights = _recordings(kinds, read)
    headers = merged([read[k] for k in nights])
    others = [k for k in range(len(kinds)) if k not in nights and read[k].labels]
    taken = {file for k in (*nights, *others) for file in kinds[k].files}
    layout = layout_text(
        [kinds[k] for k in nights], [kinds[k] for k in others], [f for f in files if f not in taken], headers
    )
    return head + layout + montage_text(counted or headers)


def _spread(files: Sequence[PurePosixPath], most: int) -> Sequence[PurePosixPath]:
    """Return at most so many files from all parts of a list: recorders change over the years."""
    return files[:: -(-len(files) // most)]


def _recordings(kinds: Sequence[Kind], read: Sequence[Headers]) -> list[int]:
    """Return which kinds are recordings: those richest in labels, then those with much the same labels.

    Hypnograms are EDFs, too, and have none in common.
    """
    best = max(range(len(kinds)), key=lambda k: (len(read[k].labels), len(kinds[k].found)))
    found = [k for k in range(len(kinds)) if k != best and _are_alike(read[k], read[best])]
    return [best, *found]


def _are_alike(one: Headers, other: Headers) -> bool:
    fewest = min(len(one.labels), len(other.labels))
    return fewest > 0 and len(one.labels.keys() & other.labels.keys()) >= _ALIKE * fewest
