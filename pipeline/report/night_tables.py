"""What is said of a night in words and numbers: summary, findings, processing, indices and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.report.night_stages import event_counts, stage_minutes
from pipeline.report.page import Block, Cell, Column, Facts, Part, Table, Text
from pipeline.report.texts import unit_text
from pipeline.report.view import Night
from schemas.findings import FINDINGS, Finding, Severity
from schemas.indices import INDICES
from schemas.kinds import Shape
from schemas.store import channel_kind
from schemas.vocabulary import EPOCH_S

__all__ = ["events_parts", "findings_parts", "indices_table", "processing_table", "provenance_parts", "summary"]

_UNKNOWN = "unknown"
_ORDER = (Severity.SEVERE, Severity.WARNING, Severity.INFO)
_PROCESSING = (
    *("channel", "primary of", "from", "source Hz", "stored Hz", "unit", "unit factor", "night factor"),
    *("reference", "band (Hz)", "resampler", "polarity", "beyond packing"),
)
_NUMBERS = ("source Hz", "stored Hz", "unit factor", "night factor", "beyond packing")
_LOOKED = {"yes": "Looked for", "partly": "Looked for in part", "no": "Not looked for"}  # classes of events
_MOST_RUNS = 6  # runs of epochs that a finding's row lists


def summary(night: Night) -> Facts:
    """Return what a person wants to know first."""
    ds, a, minutes = night.ds, night.ds.attrs, stage_minutes(night)
    severities = [row["severity"] for row in a["findings"]]
    counts = ", ".join(f"{n} {kind}" for kind in _ORDER if (n := severities.count(kind))) or "none"
    n_fall = np.count_nonzero(ds["desaturation_rule_percent"].values == 3)
    stages = ", ".join(f"{name} {m:g} min" for name, m in minutes.items()) or "none"
    return Facts(
        [
            ("Cohort", a["cohort"]),
            ("Recording", a["recording"]),
            ("Subject, visit", f"{a['subject']} {a['visit']}".strip()),
            ("Age and sex", f"{_years(a)}, {a['sex']}"),
            ("Purpose of the night", a["study_type"]),
            ("Length", f"{night.n_epoch * EPOCH_S / 3600:.2f} h, {night.n_epoch} epochs of {EPOCH_S} s"),
            ("Begins", _clock(night.start_s) if night.has_clock else "time of day unknown"),
            ("Stages", f"{stages} ({a['stage_scheme']})"),
            ("Channels", len(night.channels)),
            ("Derived", f"{ds.sizes['beat']:,} beats, {ds.sizes['breath']:,} breaths, {n_fall:,} falls of 3 %"),
            ("Findings", counts),
        ]
    )


def _years(attrs: Mapping[str, Any]) -> str:
    return _UNKNOWN if attrs["age_years"] is None else f"{attrs['age_years']:g} years"


def _clock(seconds: float) -> str:
    whole = round(seconds) % 86400
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def events_parts(night: Night) -> list[Part]:
    """Return which classes of events were looked for, and how many of each type were scored."""
    scored = night.ds.attrs["event_scored"]
    told = [
        f"{words}: {', '.join(names)}."
        for how, words in _LOOKED.items()
        if (names := [name for name in scored if scored[name] == how])
    ]
    rows: list[list[Cell]] = [[name.replace("_", " "), n] for name, n in event_counts(night).items()]
    table = Table("Scored events", ["type", Column("events", is_number=True)], rows)
    return [Text(" ".join(told) or "Which events were looked for is not known."), *([table] if rows else [])]


def findings_parts(night: Night) -> list[Part]:
    """Return every finding, the most severe first, with what to do about it."""
    found = sorted(
        map(Finding.from_json, night.ds.attrs["findings"]), key=lambda f: (_ORDER.index(f.severity), f.code)
    )
    if not found:
        return [Text("Nothing was found.")]
    rows: list[list[Cell]] = [
        [f.code, f.severity.value, f.channel, f.message, _when(night, f.epochs), _fix(f.code)] for f in found
    ]
    return [
        Table("Findings of the conversion", ["code", "severity", "channel", "what", "when", "what to do"], rows)
    ]


def _fix(code: str) -> str:
    kind = FINDINGS.get(code)  # a later version may know more
    return kind.fix if kind else ""


def _when(night: Night, runs: tuple[tuple[int, int], ...]) -> str:
    if not runs:
        return "whole night"
    shown = [
        f"{_clock(night.start_s + begin * EPOCH_S)}–{_clock(night.start_s + end * EPOCH_S)}"
        for begin, end in runs[:_MOST_RUNS]
    ]
    return ", ".join(shown) + (f" and {len(runs) - _MOST_RUNS} more" if len(runs) > _MOST_RUNS else "")


def processing_table(night: Night) -> Table:
    """Return what was done to every channel between its file and the store."""
    rows: list[list[Cell]] = []
    for name in night.channels:
        a = night.ds[name].attrs
        primary = a["modality"] if a["primary"] else None
        stored_hz = night.ds[name].shape[1] / EPOCH_S
        rates = f"{a['source_rate_hz']:g}", f"{stored_hz:g}"
        unit = _unit(name, a), f"{a['unit_factor']:g}", _night_factor(a)
        how = a["reference"], _band(a), a["resampler"], a["polarity"].replace("_", " "), a["n_saturated"]
        rows.append([name, primary, a["source_label"], *rates, *unit, *how])
    heads = [Column(text, is_number=text in _NUMBERS) for text in _PROCESSING]
    return Table("What was done to every channel", heads, rows)


def _unit(channel: str, attrs: Mapping[str, Any]) -> str:
    kind = channel_kind(channel)
    if kind.shape is Shape.CODE:
        return "code"
    return "arbitrary" if kind.is_arbitrary else unit_text(str(attrs["units"]))


def _night_factor(attrs: Mapping[str, Any]) -> str | None:
    """Return what one stored unit is at the source, where amplitudes mean something within one night only."""
    if "night_factor" not in attrs:
        return None
    unit = attrs["source_unit"]
    return f"{attrs['night_factor']:.4g}{unit_text(unit) and f' {unit_text(unit)}'}"


def _band(attrs: Mapping[str, Any]) -> str:
    low, high = attrs["band_low_hz"], attrs["band_high_hz"]
    return (
        "as recorded" if low is None and high is None else f"{low or 0:g} to {high:g}" if high else f"from {low:g}"
    )


def indices_table(night: Night) -> Table | None:
    """Return the night's indices with the rule of each; None where the store has none."""
    indices = night.ds.attrs.get("indices", {})
    published = night.ds.attrs.get("published_indices", {})
    rows: list[list[Cell]] = []
    for name, found in indices.items():
        text = INDICES[name].text if name in INDICES else ""
        value = found.get("value")
        shown = f"{value:.4g} {found.get('unit', '')}".strip() if value is not None else "not computed"
        told = published.get(name)
        told = told.get("value") if isinstance(told, Mapping) else told
        rows.append([name, shown, "" if told is None else f"{told:g}", text, found.get("why")])
    if not rows:
        return None
    numbers = [Column("value", is_number=True), Column("published", is_number=True)]
    heads: list[Column | str] = ["index", *numbers, "what it is", "why not"]
    return Table("Indices of the night, each by its named rule", heads, rows)


def provenance_parts(night: Night) -> list[Part]:
    """Return where it comes from and what made it, down to hashes and the resolved manifest."""
    a = night.ds.attrs
    terms = a["terms"]
    facts: list[tuple[str, Cell]] = [
        ("Agreement", terms.get("agreement") or _UNKNOWN),
        ("Redistribution", "allowed" if terms.get("redistribution") is True else "not allowed"),
        ("Release", terms.get("release") or _UNKNOWN),
        ("Citation", terms.get("citation") or _UNKNOWN),
        ("Specification", f"{a['spec']} {a['spec_version']}"),
        ("Processing", ", ".join(f"{name} {value}" for name, value in a["processing"].items())),
        ("Versions", ", ".join(f"{name} {value}" for name, value in a["versions"].items())),
        ("Fingerprint", a["fingerprint"]),
        ("Grid begins after the recording", f"{a['grid_offset_s']:g} s"),
    ]
    rows: list[list[Cell]] = [[row["name"], row["size"], row["sha256"]] for row in a["sources"]]
    sources = Table("Source files", ["file", Column("bytes", is_number=True), "SHA-256"], rows)
    manifest = json.dumps(a["manifest"], indent=2, ensure_ascii=False)
    return [
        Facts(facts),
        sources,
        Block("details.html", {"summary": "The manifest as it was resolved", "text": manifest}),
    ]
