"""Take a census of a cohort from headers alone: what the files hold, and what a manifest makes of them.

Decides exactly as a conversion would, because it asks the same functions; reads no sample.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.channels import ChannelPlan, resolve
from pipeline.cohort import find_recordings
from pipeline.discover import Source
from pipeline.read.annotations import read_annotations
from pipeline.read.signal_file import peek
from schemas.errors import PsgError
from schemas.findings import Finding
from schemas.manifest import CohortManifest
from schemas.recording import SignalInfo

__all__ = ["Census", "LabelRow", "RecordingScan", "scan"]


@dataclass(frozen=True)
class LabelRow:
    """One combination of label, rate, unit and range, and how often it occurs.

    Parameters
    ----------
    channels : tuple of str
        Canonical channels that it becomes; empty where none.
    ignored : bool
        Whether the manifest leaves the label out on purpose.
    nearest : str
        For a label left over: the closest alias of the manifest, or ``""``.
    """

    label: str
    rate_hz: float
    unit: str
    range: tuple[float, float]
    n: int
    channels: tuple[str, ...]
    ignored: bool
    nearest: str


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
    """A cohort as its headers show it."""

    cohort: str
    recordings: tuple[RecordingScan, ...]
    labels: tuple[LabelRow, ...]
    event_texts: dict[str, int]

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
        channels = Counter(channel for r in self.recordings for channel in r.channels)
        return {
            "cohort": self.cohort,
            "n_recordings": len(self.recordings),
            "n_would_convert": len(self.recordings) - self.n_failing,
            "n_without_annotation": sum(not r.has_annotation for r in self.recordings),
            "n_without_subject": sum(not r.has_subject for r in self.recordings),
            "channels": dict(channels.most_common()),
            "findings": dict(Counter(f.code for r in self.recordings for f in r.findings).most_common()),
            "would_fail": {
                reason: {"n": len(rows), "recordings": [r.key for r in rows], "first": rows[0].error}
                for reason, rows in sorted(reasons.items())
            },
        }

    def to_json(self) -> dict[str, Any]:
        """Return the whole census as plain values."""
        return {
            **self.readiness(),
            "labels": [vars(row) for row in self.labels],
            "montages": self.montages(),
            "event_texts": self.event_texts,
        }

    def montages(self) -> list[dict[str, Any]]:
        """Return groups of recordings that give the same channels, largest first."""
        groups = Counter(r.channels for r in self.recordings if r.reason is None)
        return [{"n": n, "channels": list(channels)} for channels, n in groups.most_common()]


def scan(manifest: CohortManifest, root: Path, *, show_text: bool = False) -> Census:
    """Read the headers of a cohort below ``root`` and try the manifest on them.

    Parameters
    ----------
    show_text : bool
        Also read the annotations, and return the event terms that no table maps, verbatim. They may hold
        personal data: for the eyes of whoever holds the files.

    Raises
    ------
    SourceMissing
        When nothing below the root fits the layout.
    """
    recordings: list[RecordingScan] = []
    census: Counter[tuple[str, float, str, tuple[float, float]]] = Counter()
    becomes: dict[str, set[str]] = defaultdict(set)
    texts: Counter[str] = Counter()
    for source in find_recordings(manifest, root):
        row, infos, plans = _scan_one(source, manifest)
        recordings.append(row)
        for info in infos:
            census[info.label, float(info.rate_hz), info.unit_text, (info.physical_min, info.physical_max)] += 1
        for plan in plans:
            for lead in plan.leads:
                becomes[infos[lead.index].label].add(plan.channel)
        if show_text:
            texts.update(_unmapped(source, manifest))
    labels = tuple(_label_row(manifest, becomes, *key, n) for key, n in sorted(census.items(), key=lambda i: -i[1]))
    return Census(manifest.cohort, tuple(recordings), labels, dict(texts.most_common()))


def _scan_one(
    source: Source, manifest: CohortManifest
) -> tuple[RecordingScan, Sequence[SignalInfo], Sequence[ChannelPlan]]:
    row = RecordingScan(
        key=str(source.key),
        channels=(),
        has_annotation=bool(source.annotations),
        has_subject=source.subject.age_years is not None or source.subject.sex != "unknown",
    )
    infos: list[SignalInfo] = []
    try:
        for path in source.signals:
            seen = {info.label for info in infos}
            new = [info for info in peek(path, manifest.hdf5).infos if info.label not in seen]
            infos += [replace(info, index=len(infos) + i) for i, info in enumerate(new)]
        plans, findings = resolve(manifest, source.key.visit, infos)
    except PsgError as error:
        return replace(row, reason=error.reason, error=source.describe(error)), infos, ()
    return replace(row, channels=tuple(p.channel for p in plans), findings=findings), infos, plans


def _unmapped(source: Source, manifest: CohortManifest) -> dict[str, int]:
    try:
        clock_start_s = peek(source.signals[0], manifest.hdf5).clock_start_s
        annotations, _ = read_annotations(source.annotations, manifest.annotations, clock_start_s=clock_start_s)
    except PsgError:
        return {}
    return dict(annotations.events.unmapped)


def _label_row(
    manifest: CohortManifest,
    becomes: dict[str, set[str]],
    label: str,
    rate_hz: float,
    unit: str,
    limits: tuple[float, float],
    n: int,
) -> LabelRow:
    channels = tuple(sorted(becomes.get(label, ())))
    ignored = manifest.fold(label) in {manifest.fold(other) for other in manifest.ignore_labels}
    nearest = ""
    if not channels and not ignored:
        aliases = [choice.label for rule in manifest.montage for choice in rule.choices]
        same = manifest.fold(label) in map(manifest.fold, aliases)
        nearest = label if same else next(iter(difflib.get_close_matches(label, aliases, 1, 0.5)), "")
    return LabelRow(label, rate_hz, unit, limits, n, channels, ignored, nearest)
