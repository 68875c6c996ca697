"""Take a census of a folder from headers alone: what its files hold, and what a manifest makes of them."""

from __future__ import annotations

import copy
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cohort import find_recordings
from pipeline.files.discover import Source
from pipeline.files.places import files_below, is_remote, storage_errors
from pipeline.scan.census import Counted, group
from pipeline.scan.headers import Seen, look_at_all
from pipeline.scan.judgement import JudgedMontage, Judgement, Use, judge
from schemas.errors import SourceMissing
from schemas.findings import Finding
from schemas.manifest import CohortManifest
from schemas.recording import RecordingKey

__all__ = ["Census", "RecordingScan", "scan"]

SUFFIXES = (".edf", ".bdf", ".rec", ".hea", ".h5", ".hdf5")  # of files of signals
ENOUGH_SUBJECTS = 5  # a term that so many have is the cohort's vocabulary, not a note on one person


@dataclass(frozen=True)
class RecordingScan:
    """What would become of one recording."""

    key: str
    channels: tuple[str, ...]
    has_annotation: bool
    has_subject: bool
    findings: tuple[Finding, ...] = ()
    reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Census:
    """A folder as its headers show it, judged by a manifest where there is one.

    Parameters
    ----------
    event_texts : dict
        Terms of annotations that nothing maps and that may be shown, with how often they occur.
    hidden_texts : tuple of (int, int)
        How many more terms there are, and how many events they are.
    excluded : tuple of str
        Recordings that the manifest excludes; their files were not looked at.
    n_outside : int
        Files of signals below the root that the manifest's layout does not name.
    n_refused : int
        Folders that may not be listed.
    n_unread : int
        Recordings whose annotations lie within a file of signals, and were not read.
    """

    recordings: tuple[RecordingScan, ...]
    judgement: Judgement
    event_texts: dict[str, int] = field(default_factory=dict)
    hidden_texts: tuple[int, int] = (0, 0)
    excluded: tuple[str, ...] = ()
    n_outside: int = 0
    n_refused: int = 0
    n_unread: int = 0

    @property
    def n_failing(self) -> int:
        """Recordings that would fail."""
        return sum(r.reason is not None for r in self.recordings)

    def readiness(self) -> dict[str, Any]:
        """Return how many recordings would convert, and why the others would not, as plain values."""
        reasons: dict[str, list[RecordingScan]] = defaultdict(list)
        for recording in self.recordings:
            if recording.reason is not None:
                reasons[recording.reason].append(recording)
        without = {
            "annotation": [r.key for r in self.recordings if not r.has_annotation],
            "subject": [r.key for r in self.recordings if not r.has_subject],
        }
        return {
            "cohort": self.judgement.cohort,
            "n_recordings": len(self.recordings) + len(self.excluded),
            "n_would_convert": len(self.recordings) - self.n_failing,
            "n_excluded": len(self.excluded),
            **{f"n_without_{what}": len(keys) for what, keys in without.items()},
            "n_files_outside_layout": self.n_outside,
            "n_folders_refused": self.n_refused,
            "n_annotations_unread": self.n_unread,
            "channels": dict(Counter(channel for r in self.recordings for channel in r.channels).most_common()),
            "findings": dict(Counter(f.code for r in self.recordings for f in r.findings).most_common()),
            "would_fail": {
                reason: {"n": len(rows), "recordings": [r.key for r in rows], "first": rows[0].error}
                for reason, rows in sorted(reasons.items())
            },
            "without": without,
            "mixed_units": self.judgement.mixed_units(),
            "label_use": self.judgement.shares(),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the whole census as plain values."""
        return {
            **self.readiness(),
            "labels": [vars(row) | {"ignored": row.use is Use.IGNORED} for row in self.judgement.labels],
            "montages": self.judgement.montage_rows(),
            "event_texts": self.event_texts,
            "event_texts_not_shown": dict(zip(("n_terms", "n_events"), self.hidden_texts, strict=True)),
        }


def scan(manifest: CohortManifest | None, root: Path, *, show_text: bool = False, workers: int = 1) -> Census:
    """Read the headers below ``root`` and, if there is a manifest, try it on them.

    Parameters
    ----------
    manifest : CohortManifest or None
        Says what the recordings are; without it every file of signals below the root is one.
    show_text : bool
        Return all terms of annotations that no table maps, verbatim. They may hold personal data: for the eyes of
        whoever holds the files. Otherwise only those of five subjects or more are told, and none at all where the
        manifest asks for pseudonyms.
    workers : int
        Processes, where there are more than a few recordings.

    Raises
    ------
    SourceMissing
        When nothing below the root fits the layout, or there is no file of signals at all.
    """
    root = root.absolute()
    below, n_refused = _files_below(root)
    sources = find_recordings(manifest, root) if manifest else _each_file(root, below)
    bad = {exclusion.key for exclusion in manifest.exclude if exclusion.what == "recording"} if manifest else set()
    wanted = [source for source in sources if source.published not in bad]
    seen = look_at_all(wanted, manifest, inside=show_text, workers=workers)
    montages, which = group(
        (source.key.visit if manifest else None, one.infos, one.header_reason, _name(root, source.signals[0]))
        for source, one in zip(wanted, seen, strict=True)
    )
    judgement = judge(manifest, Counted(montages, ()))
    recordings = tuple(
        _recording(source, one, judgement.montages[index])
        for source, one, index in zip(wanted, seen, which, strict=True)
    )
    shown, hidden = _terms(manifest, wanted, seen, show_text=show_text)
    known = {_name(root, path) for source in sources for path in source.paths}
    return Census(
        recordings=recordings,
        judgement=judgement,
        event_texts=shown,
        hidden_texts=hidden,
        excluded=tuple(str(source.key) for source in sources if source.published in bad),
        n_outside=len(set(below) - known),
        n_refused=n_refused,
        n_unread=sum(one.is_unread for one in seen),
    )


def _files_below(root: Path) -> tuple[list[str], int]:
    """Return the files of signals below the root, relative to it and sorted, and how many folders refused."""
    refused: list[OSError] = []
    with storage_errors("the root cannot be listed"):
        if is_remote(root):
            names = list(files_below(root))
        else:
            walk = os.walk(root, onerror=refused.append)
            names = [_name(root, Path(folder) / file) for folder, _, files in walk for file in files]
    wanted = (name for name in names if name.lower().endswith(SUFFIXES) and not f"/{name}".count("/."))
    return sorted(wanted), len(refused)


def _name(root: Path, path: Path) -> str:
    """Return what a file is called below the root, with forward slashes, on a disk and in an object store."""
    return str(path).removeprefix(str(root)).lstrip("/")


def _each_file(root: Path, names: Sequence[str]) -> tuple[Source, ...]:
    """Return every file of signals as a recording of nobody."""
    if not names:
        raise SourceMissing(
            "no file of signals below the root",
            expected=f"names that end in {', '.join(SUFFIXES)}",
            do="Give --root the folder of the download.",
        )
    keys = (RecordingKey("", name, "") for name in names)
    return tuple(
        Source(key, (root / key.name,), {}, (key.name,), {}, published=key.name, published_subject="")
        for key in keys
    )


def _recording(source: Source, seen: Seen, judged: JudgedMontage) -> RecordingScan:
    reason, error = seen.reason or judged.reason, seen.error
    if judged.error is not None and not seen.reason:
        error = source.describe(copy.copy(judged.error))
    return RecordingScan(
        key=str(source.key),
        channels=() if reason else judged.channels,
        has_annotation=bool(source.annotations),
        has_subject=source.subject.age_years is not None or source.subject.sex != "unknown",
        findings=(*source.findings, *seen.findings, *judged.findings),
        reason=reason or None,
        error=error or None,
    )


def _terms(
    manifest: CohortManifest | None, sources: Sequence[Source], seen: Sequence[Seen], *, show_text: bool
) -> tuple[dict[str, int], tuple[int, int]]:
    """Return the terms that may be told, the most frequent first, and how many terms and events the others are."""
    n: Counter[str] = Counter()
    subjects: dict[str, set[str]] = defaultdict(set)
    for source, one in zip(sources, seen, strict=True):
        n.update(one.unmapped)
        for term in one.unmapped:
            subjects[term].add(source.key.subject)
    is_open = manifest is not None and manifest.privacy.keys == "as_published"
    told = {term for term in n if show_text or (is_open and len(subjects[term]) >= ENOUGH_SUBJECTS)}
    hidden = [count for term, count in n.items() if term not in told]
    return {term: count for term, count in n.most_common() if term in told}, (len(hidden), sum(hidden))
