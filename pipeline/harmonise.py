"""The recipe: one night's files and their manifest in, one Dataset out.

`harmonise` reads the source and writes nothing. It knows no scheduler, no output folder and no globals.
"""

from __future__ import annotations

import xarray as xr

from pipeline.assemble import assemble
from pipeline.channels import resolve
from pipeline.derived.indices import compare_indices, index_attributes, indices_of
from pipeline.derived.night import derive_night
from pipeline.derived.therapy import therapy_findings, therapy_of
from pipeline.files.discover import Source
from pipeline.process import make_channel
from pipeline.quality.registry import check_night
from pipeline.quality.view import NightView
from pipeline.read.annotations import read_annotations
from pipeline.read.night import open_night
from pipeline.scoring.align import make_grid, place_events
from pipeline.scoring.left_out import without
from schemas.checks import limits_of
from schemas.manifest import CohortManifest

__all__ = ["harmonise"]


def harmonise(source: Source, manifest: CohortManifest) -> xr.Dataset:
    """Harmonise one recording.

    Parameters
    ----------
    source : Source
        Files, key and subject of the night.
    manifest : CohortManifest
        How this cohort's files are to be read.

    Returns
    -------
    xr.Dataset
        See `pipeline.assemble.assemble`; float32 in memory, packed only when written.

    Raises
    ------
    PsgError
        SourceError, ChannelError or SignalError: this night cannot be harmonised, and why.
    """
    with open_night(source.signals, manifest.hdf5) as night:
        plans, channel_findings = resolve(manifest, source.key.visit, night.infos)
        annotations, annotation_findings = read_annotations(
            source.annotations, manifest.annotations, clock_start_s=night.clock_start_s
        )
        annotations = without(annotations, source.left_out)
        grid, grid_findings = make_grid(
            annotations,
            manifest.annotations[0] if manifest.annotations else None,
            signal_end_s=night.end_s,
            clock_start_s=night.clock_start_s,
            in_bed_clock_s=(source.subject.in_bed_start_s, source.subject.in_bed_end_s),
        )
        events, event_findings = place_events(annotations.events, grid)
        channels = [make_channel(p, night, offset_s=grid.offset_s, n_epoch=grid.n_epoch) for p in plans]
        derived = derive_night(channels, night, offset_s=grid.offset_s, n_epoch=grid.n_epoch)
        therapy = therapy_of(channels)
        indices = indices_of(grid, events, annotations.scored, channels, derived.tables)
        view = NightView(channels, derived, night, grid.offset_s, grid.stage, grid.scheme, events)
        checked = check_night(view, limits_of(manifest.quality))
        return assemble(
            key=source.key,
            manifest=manifest,
            study_type=source.study_type,
            subject=source.subject,
            grid=grid,
            events=events,
            scored=annotations.scored,
            checked=checked,
            therapy=therapy,
            indices=index_attributes(indices, source.subject.indices),
            labels=night.labels,
            findings=[
                *night.findings,
                *channel_findings,
                *annotation_findings,
                *grid_findings,
                *event_findings,
                *source.findings,
                *(f for channel in channels for f in channel.findings),
                *derived.findings,
                *checked.findings,
                *compare_indices(indices, source.subject.indices),
                *therapy_findings(therapy, source.study_type),
            ],
        )
