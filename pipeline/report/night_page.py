"""The page of one recording: what it is, what was done to it, and what is wrong with it."""

from __future__ import annotations

import numpy as np

from pipeline.report.night_channels import N_BIN, groups_of, overview
from pipeline.report.night_heart import FINE, intervals, oxygen_and_rate
from pipeline.report.night_quality import checks, legend, quality_raster, remarks
from pipeline.report.night_spectrum import colours_of, spectrogram
from pipeline.report.night_stages import event_counts, hypnogram, stage_minutes
from pipeline.report.night_tables import (
    events_parts,
    findings_parts,
    indices_table,
    processing_table,
    provenance_parts,
    summary,
)
from pipeline.report.page import Heading, Link, Page, Part, Plot, Section, Text
from pipeline.report.view import Night
from schemas.vocabulary import EPOCH_S

__all__ = ["night_page"]

_LEAD = (
    "One night from its first epoch to its last. Drag in a plot, or use the buttons, to look closer: all plots "
    "move together; a double click shows the whole night again."
)


def night_page(night: Night, *, up: str = "../..", home: Link | None = None) -> Page:
    """Return a recording's page.

    Parameters
    ----------
    up : str
        The way from the page's folder to that of the report.
    home : Link, optional
        To the list of recordings, where there is one.
    """
    attrs = night.ds.attrs
    return Page(
        title=f"Recording {attrs['cohort']}/{attrs['recording']}",
        lead=_LEAD,
        sections=[
            Section("summary", "Summary", [summary(night)]),
            Section("findings", "Findings", findings_parts(night)),
            Section("stages", "Stages and events", _stages(night)),
            Section("spectrogram", "Spectrogram", _spectrogram(night)),
            Section("oxygen", "Oxygen and heart rate", _oxygen(night)),
            Section("derived", "Heart beats and breathing as derived", _derived(night)),
            Section("channels", "All channels", _channels(night)),
            Section("quality", "Quality", _quality(night)),
            Section("processing", "Processing", [processing_table(night)]),
            Section("provenance", "Provenance", provenance_parts(night)),
        ],
        is_individual=True,
        up=up,
        home=home,
    )


def _stages(night: Night) -> list[Part]:
    minutes = ", ".join(f"{name} {m:g} min" for name, m in stage_minutes(night).items()) or "no stages"
    counts = event_counts(night)
    label = f"Hypnogram: {minutes}. Events below: {', '.join(f'{n} {k}' for k, n in counts.items()) or 'none'}."
    caption = (
        "Stage of every 30-s epoch, REM in red; below it a row a type of event with their number: respiratory ones"
        " in red, arousals in orange, others in grey."
    )
    plot = Plot("plot-stages", hypnogram(night), label.replace("_", " "), caption, is_time=True)
    indices = indices_table(night)
    return [plot, *events_parts(night), *([indices] if indices else [])]


def _spectrogram(night: Night) -> list[Part]:
    channel = night.primary("eeg")
    if channel is None:
        return [Text("The night has no EEG.")]
    if not np.isfinite(night.ds[channel].values).any():
        return [Text(f"{channel} is missing all night; the findings say why.")]
    figure = spectrogram(night, channel)
    label = f"Spectrogram of {channel}, 0.5 to 30 Hz over the night."
    colours = colours_of(figure)
    caption = f"Power in windows of 4 s, averaged over each epoch, {colours}. White where the channel is missing."
    return [Plot("plot-spectrogram", figure, label, caption, is_time=True)]


def _oxygen(night: Night) -> list[Part]:
    figure = oxygen_and_rate(night)
    if figure is None:
        return [Text("No sensor tells saturation or heart rate.")]
    label = "Oxygen saturation and heart rate over the night."
    if "spo2" in night.channels and np.isfinite(values := night.ds["spo2"].values).any():
        label += f" Saturation: mean {np.nanmean(values):.1f} %, lowest {np.nanmin(values):.1f} %."
    step_s = night.bins(FINE).step_s
    caption = f"Means of {step_s:g} s; triangles are the nadirs of falls by 3 % or more, each at its own depth."
    return [Plot("plot-oxygen", figure, label, caption, is_time=True)]


def _derived(night: Night) -> list[Part]:
    figure = intervals(night)
    if figure is None:
        return [Text("The night has neither inter-beat intervals nor respiration; the findings say why.")]
    label = "Inter-beat intervals and respiration over the night, with what is missing or doubtful in them."
    step_s = night.bins(FINE).step_s
    caption = (
        f"Least and greatest value of every {step_s:g} s; a rare spike leaves the frame. Bars below: the epochs in"
        " which the reason holds."
    )
    return [Plot("plot-derived", figure, label, caption, is_time=True)]


def _channels(night: Night) -> list[Part]:
    step_s = night.bins(N_BIN).step_s
    caption = (
        f"Least and greatest value of every {step_s:g} s; the axis shows the 1st to the 99th percentile of these,"
        " so a rare spike leaves the frame. A gap is missing."
    )
    parts: list[Part] = []
    for number, (group, names) in enumerate(groups_of(night).items(), 1):
        parts.append(Heading(group))
        label = f"{group} over the whole night: {', '.join(names)}."
        parts.append(Plot(f"plot-channels-{number}", overview(night, names), label, caption, is_time=True))
        caption = ""
    return parts


def _quality(night: Night) -> list[Part]:
    hours = night.n_epoch * EPOCH_S / 3600
    label = f"Quality of {len(night.channels)} channels over {hours:.1f} hours; the table below has the numbers."
    plot = Plot("plot-quality", quality_raster(night), label, "One column an epoch of 30 s.", is_time=True)
    return [legend(), plot, remarks(night), *checks(night)]
