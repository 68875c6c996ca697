"""Look at the headers of many recordings, in several processes where there are many; no sample is read.

Annotations that are files of their own are read too: they are small, and a night whose scoring is damaged does not
convert.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pipeline.batch.workers import Gone, in_workers
from pipeline.files.discover import Source
from pipeline.files.places import copy_in, is_remote, scratch_folder, storage_errors
from pipeline.read.annotations import read_annotations
from pipeline.read.signal_file import HeaderPeek, peek
from pipeline.scoring.align import make_grid
from pipeline.scoring.left_out import without
from schemas.errors import PsgError, WorkerDied
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.manifest import CohortManifest
from schemas.recording import SignalInfo

__all__ = ["Seen", "look_at_all"]

_A_BATCH = 50  # recordings; to send one to a worker takes about as long as to read a header
_FEW = 200  # recordings; fewer are looked at here before a worker would have started


@dataclass(frozen=True)
class Seen:
    """What the files of one recording say without their samples.

    Parameters
    ----------
    infos : tuple of SignalInfo
        All signals; none where a header cannot be read.
    header_reason, reason : str
        Why a header, or anything of the recording, cannot be read; blank where it can.
    error : str
        The same in words that outputs may have.
    unmapped : mapping of str to int
        Terms of the annotations that nothing maps, and how often they occur. May be personal.
    is_unread : bool
        Whether there are annotations that were not read.
    """

    infos: tuple[SignalInfo, ...] = ()
    findings: tuple[Finding, ...] = ()
    header_reason: str = ""
    reason: str = ""
    error: str = ""
    unmapped: Mapping[str, int] = field(default_factory=dict)
    is_unread: bool = False


def look_at_all(
    sources: Sequence[Source], manifest: CohortManifest | None, *, inside: bool, workers: int
) -> list[Seen]:
    """Return what each recording's headers and annotations say, in the order of the sources.

    Parameters
    ----------
    inside : bool
        Also read annotations that lie within a file of signals; this reads through the whole file.
    workers : int
        Processes; one, or few recordings, and it is done here.
    """
    look = partial(_look_at_batch, manifest=manifest, inside=inside)
    known: dict[tuple[SignalInfo, ...], tuple[SignalInfo, ...]] = {}  # an archive has few headers that differ
    if workers == 1 or len(sources) <= _FEW:
        return [_sharing(seen, known) for seen in look(sources)]
    batches = [sources[start : start + _A_BATCH] for start in range(0, len(sources), _A_BATCH)]
    found: dict[int, list[Seen]] = {}
    with closing(in_workers(batches, look, workers=workers, timeout_s=None)) as answers:
        for batch, answer in answers:
            seen_ones = [_gone(source) for source in batch] if isinstance(answer, Gone) else answer
            found[id(batch)] = [_sharing(seen, known) for seen in seen_ones]
    return [seen for batch in batches for seen in found[id(batch)]]


def _sharing(seen: Seen, known: dict[tuple[SignalInfo, ...], tuple[SignalInfo, ...]]) -> Seen:
    """Return the same with the signals of the first recording that has equal ones."""
    return replace(seen, infos=known.setdefault(seen.infos, seen.infos))


def _gone(source: Source) -> Seen:
    error = WorkerDied("the process that looked at it, and at its neighbours, was killed", do="Run again.")
    return Seen(header_reason=error.reason, reason=error.reason, error=source.describe(error))


def _look_at_batch(sources: Sequence[Source], manifest: CohortManifest | None, inside: bool) -> list[Seen]:
    return [_look(source, manifest, inside=inside) for source in sources]


def _look(source: Source, manifest: CohortManifest | None, *, inside: bool) -> Seen:
    infos: list[SignalInfo] = []
    findings: list[Finding] = []
    headers = []
    try:
        for path in source.signals:
            header = peek(path, manifest.hdf5 if manifest else None)
            headers.append(header)
            labels = {info.label for info in infos}  # parts of a night have the same signals
            new = [_countable(info) for info in header.infos if info.label not in labels]
            infos += [replace(info, index=len(infos) + i) for i, info in enumerate(new)]
            findings += header.findings
    except PsgError as error:
        return Seen(header_reason=error.reason, reason=error.reason, error=source.describe(error))
    seen = Seen(tuple(infos), tuple(findings))
    return seen if manifest is None else _with_annotations(seen, source, manifest, headers, inside=inside)


def _countable(info: SignalInfo) -> SignalInfo:
    """Return a header that equals itself: ends of a range that cannot be read are not numbers."""
    if math.isfinite(info.physical_min) and math.isfinite(info.physical_max):
        return info
    return replace(info, physical_min=0.0, physical_max=0.0)


def _with_annotations(
    seen: Seen, source: Source, manifest: CohortManifest, headers: Sequence[HeaderPeek], *, inside: bool
) -> Seen:
    """Add what the annotations say, unless they lie within a file of signals, and whether they fit the night."""
    clock_start_s = headers[0].clock_start_s
    if not inside and any(path in source.signals for path in source.annotations.values()):
        return replace(seen, is_unread=True)
    try:
        with _on_a_disk(source.annotations) as files:
            annotations, found = read_annotations(files, manifest.annotations, clock_start_s=clock_start_s)
        if len(headers) == 1 and headers[0].duration_s is not None:  # several have gaps between them
            found += _fit(annotations, source, manifest, headers[0].duration_s, clock_start_s)
    except PsgError as error:
        return replace(seen, reason=error.reason, error=source.describe(error))
    return replace(seen, findings=(*seen.findings, *found), unmapped=dict(annotations.events.unmapped))


def _fit(
    annotations: Annotations,
    source: Source,
    manifest: CohortManifest,
    duration_s: float,
    clock_start_s: float | None,
) -> tuple[Finding, ...]:
    """Return what there is to remark when the stages are laid over the signals; raises as `make_grid`."""
    rule = manifest.annotations[0] if manifest.annotations else None
    kept = without(annotations, source.left_out)
    return make_grid(kept, rule, signal_end_s=duration_s, clock_start_s=clock_start_s)[1]


@contextmanager
def _on_a_disk(files: Mapping[str, Path]) -> Iterator[Mapping[str, Path]]:
    """Give the files where they are, or copies of them for the duration of the block."""
    if not any(map(is_remote, files.values())):
        yield files
        return
    with scratch_folder() as folder:
        copies = {name: folder / str(number) / path.name for number, (name, path) in enumerate(files.items())}
        with storage_errors("annotations cannot be fetched"):
            copy_in(list(files.values()), list(copies.values()))
        yield copies
