"""Findings: typed remarks about a recording, kept in its store and in the ledger.

A finding never carries free text from a source: only labels, counts, numbers and our own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["FINDINGS", "Finding", "FindingKind", "Severity", "finding"]


class Severity(StrEnum):
    """How much a reader should care."""

    INFO = "info"
    WARNING = "warning"
    SEVERE = "severe"


@dataclass(frozen=True)
class FindingKind:
    """One row of the code table.

    Parameters
    ----------
    title : str
        What it is, a few words.
    fix : str
        What a data engineer may do about it.
    """

    severity: Severity
    title: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """One remark.

    Parameters
    ----------
    code : str
        Key of `FINDINGS`, stable for ever.
    channel : str or None
        Canonical channel, or the header's label where there is none yet.
    epochs : tuple of (int, int)
        Half-open runs of epochs that it concerns; empty means the whole night.
    message : str
        One sentence with the numbers.
    """

    code: str
    severity: Severity
    message: str
    channel: str | None = None
    epochs: tuple[tuple[int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON, empty ones left out."""
        row = asdict(self)
        return {k: (list(map(list, v)) if k == "epochs" else v) for k, v in row.items() if v not in (None, ())}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finding:
        """Rebuild a finding from `to_json`."""
        epochs = tuple((int(a), int(b)) for a, b in row.get("epochs", ()))
        return cls(row["code"], Severity(row["severity"]), row["message"], row.get("channel"), epochs)


def finding(
    code: str, message: str, *, channel: str | None = None, epochs: tuple[tuple[int, int], ...] = ()
) -> Finding:
    """Make a finding whose severity comes from the code table; an unknown code is a KeyError."""
    return Finding(code, FINDINGS[code].severity, message, channel, epochs)


_I, _W, _S = Severity

# H header, C channels, S signals, A annotations, M metadata, Q quality. Numbers are never reused.
FINDINGS: dict[str, FindingKind] = {
    "PSG-H001": FindingKind(_W, "record count missing or wrong, taken from the file's size", "Copy the file again; exclude it if the end of the night matters."),
    "PSG-H002": FindingKind(_I, "negative gain: physical minimum above maximum", "None: it is legal and decoded as written."),
    "PSG-H003": FindingKind(_W, "signal unusable: equal ends of its range", "None, unless the channel is needed: then ask the cohort."),
    "PSG-H004": FindingKind(_I, "start date unreadable or impossible", "None: dates are never kept."),
    "PSG-H005": FindingKind(_W, "start time unreadable", "Time of day is taken from the other of header and scoring; unknown where neither tells it."),
    "PSG-H006": FindingKind(_W, "number in the header repaired", "Check that the value is the one the cohort documents."),
    "PSG-H007": FindingKind(_I, "bytes outside printable ASCII in the header", "None: read as Latin-1."),
    "PSG-H008": FindingKind(_W, "duplicate labels", "Address the wanted one by its occurrence (nth) in the manifest."),
    "PSG-H009": FindingKind(_W, "time stamps of data records leave gaps", "None: gaps are masked."),
    "PSG-H010": FindingKind(_I, "rate is not a whole number of hertz", "None: resampled exactly."),
    "PSG-H011": FindingKind(_W, "annotation bytes that are not UTF-8", "None: read as Latin-1."),
    "PSG-H012": FindingKind(_W, "annotation list malformed in some records", "Check the events of this night."),
    "PSG-H013": FindingKind(_W, "header length field disagrees with the number of signals", "None: the number of signals decides."),
    "PSG-H014": FindingKind(_W, "bytes after the last data record", "None: ignored."),
    "PSG-H016": FindingKind(_W, "samples outside the declared digital range", "Check the channel against its device's range."),
    "PSG-H017": FindingKind(_I, "gap between the files of one night", "None: the gap is masked."),
    "PSG-H018": FindingKind(_W, "time stamps of data records missing, contradictory or drifting", "None: records are read as continuous, on the sample clock."),
    "PSG-C001": FindingKind(_W, "a channel of the montage is not in the file", "If the file calls it otherwise, add the label to the manifest."),
    "PSG-C002": FindingKind(_I, "signals that the montage does not name", "Add a rule if the channel is wanted."),
    "PSG-C003": FindingKind(_I, "unit blank, taken from the manifest", "None: the manifest gives the source."),
    "PSG-C004": FindingKind(_W, "native rate differs from the expected ones", "Check the file, or add the rate to expect.rate_hz."),
    "PSG-C005": FindingKind(_W, "physical range differs from the expected one", "Check the gain against the cohort's documents."),
    "PSG-C006": FindingKind(_W, "primary channel missing, another one of its modality stands in", "None, if the stand-in is acceptable."),
    "PSG-C007": FindingKind(_W, "native rate cannot carry this kind of channel", "None: the channel is left out rather than faked."),
    "PSG-C008": FindingKind(_I, "sign turned by the manifest", "None: the manifest gives source and release."),
    "PSG-C009": FindingKind(_I, "several labels of one rule are in the file", "The first of the rule's order was taken; check that it is the right one."),
    "PSG-C010": FindingKind(_W, "no channel of a modality", "None: the modality is absent."),
    "PSG-C011": FindingKind(_I, "unit overridden by the manifest", "None: the manifest gives the source."),
    "PSG-C012": FindingKind(_W, "codes without a meaning in the manifest", "Add them to value_map; they are stored as missing."),
    "PSG-C013": FindingKind(_W, "unit differs from the expected one", "None if the conversion is right; check the amplitude."),
    "PSG-C014": FindingKind(_W, "signal present but its header makes it unusable", "None, unless the channel is needed: then ask the cohort."),
    "PSG-S001": FindingKind(_I, "band adapted to the native rate", "None: the applied band is stored with the channel."),
    "PSG-S002": FindingKind(_W, "values saturated in packing", "Check the gain; saturated samples are counted and flagged."),
    "PSG-S003": FindingKind(_I, "masked where there is no signal", "None."),
    "PSG-S004": FindingKind(_I, "missing codes masked", "None."),
    "PSG-S005": FindingKind(_W, "values outside the possible range masked", "Check the sensor."),
    "PSG-S006": FindingKind(_I, "values just above the range clipped", "None."),
    "PSG-S007": FindingKind(_I, "steps too fast to be physiology masked", "None."),
    "PSG-S008": FindingKind(_W, "fractions recognised and turned into per cent", "Check that the cohort stores fractions."),
    "PSG-S009": FindingKind(_I, "masked where a status channel says so", "None."),
    "PSG-S010": FindingKind(_W, "no variation at all over the night", "The sensor was probably not connected."),
    "PSG-S011": FindingKind(_W, "sensor lost for a part of the night", "None: masked."),
    "PSG-S020": FindingKind(_W, "respiratory channel without a rhythm of breathing", "Not used for respiration; the sensor was probably not worn."),
    "PSG-S021": FindingKind(_W, "belts without a common sign, not added up", "None: respiration comes from the more regular belt."),
    "PSG-S022": FindingKind(_I, "lasting change of a respiratory channel's amplitude", "None: a belt slipped or the person turned; not corrected."),
    "PSG-S023": FindingKind(_I, "polarity of respiration unknown", "None: do not read onsets of inspiration from this night."),
    "PSG-S024": FindingKind(_W, "a belt lost for a part of the night", "None: the other belt goes on alone, on the same scale."),
    "PSG-S025": FindingKind(_I, "no ECG that beats can be found in", "None: the night has no beats and no inter-beat intervals."),
    "PSG-S026": FindingKind(_W, "no beat that can be trusted in any ECG", "Check the ECG; the night has no inter-beat intervals."),
    "PSG-S027": FindingKind(_W, "beats come from another ECG than the primary one", "None, if the other lead is acceptable."),
    "PSG-S028": FindingKind(_I, "no sensor of respiration", "None: the night has no respiration and no breaths."),
    "PSG-S029": FindingKind(_W, "no sensor of respiration breathes", "Check the sensors; the night has no respiration and no breaths."),
    "PSG-S030": FindingKind(_I, "irregular rhythm of the heart", "None: it is data, as in atrial fibrillation; intervals stay, none counts as between normal beats."),
    "PSG-S031": FindingKind(_W, "few inter-beat intervals that can be trusted", "Check the ECG; leave the night out where intervals matter."),
    "PSG-A001": FindingKind(_W, "no annotation file", "Stages are unscored for this night."),
    "PSG-A002": FindingKind(_W, "stages and signals differ in length", "Check the night; the excess is dropped or unscored."),
    "PSG-A003": FindingKind(_I, "partial epoch dropped", "None."),
    "PSG-A004": FindingKind(_I, "event terms that no table maps", "Run scan --show-text locally and map them in the manifest."),
    "PSG-A005": FindingKind(_W, "events outside the recording dropped", "Check the annotation's clock."),
    "PSG-A006": FindingKind(_W, "sleep/wake-only scoring", "None: sleep is not turned into N2."),
    "PSG-A007": FindingKind(_W, "stage codes that no table maps are unscored", "Map them in the manifest's stages."),
    "PSG-A008": FindingKind(_W, "stage runs overlap", "The later one wins; check the scoring."),
    "PSG-A009": FindingKind(_W, "stage run not a whole number of epochs", "Rounded to the grid; check the scoring."),
    "PSG-A010": FindingKind(_W, "no N1, N3 or REM in a whole night", "Either sleep/wake-only scoring, or stages in words that annotations.stages does not list: scan --show-text shows them."),
    "PSG-A011": FindingKind(_I, "signals before the first scored boundary cut", "None: the offset is stored."),
    "PSG-A012": FindingKind(_W, "gap between scored epochs is unscored", "None, unless it is long: then the scorer's words for some stages may be missing in annotations.stages."),
    "PSG-A013": FindingKind(_W, "events without a readable time dropped", "Check the annotation file."),
    "PSG-A014": FindingKind(_W, "annotation source without stages", "Stages are unscored for this night; check that this is known of the cohort."),
    "PSG-A015": FindingKind(_W, "clocks of annotations and signals differ", "Aligned by time of day; check the night."),
    "PSG-A016": FindingKind(_W, "another scorer's epochs do not fit the grid", "None: that scorer's stages are left out."),
    "PSG-A017": FindingKind(_W, "stages or events that the cohort knows to be wrong left out", "None: the manifest gives reason and source."),
    "PSG-A030": FindingKind(_W, "positive airway pressure in a diagnostic night", "Say in the manifest what the night was for, or leave the epochs out by the array therapy."),
    "PSG-M001": FindingKind(_W, "no row for this subject in the subjects' table", "Check the key column and its spelling."),
    "PSG-M002": FindingKind(_W, "value without a meaning in the subjects' table", "Map it in subjects.*.codes; it is unknown until then."),
    "PSG-M003": FindingKind(_W, "several rows for this subject and visit", "What they differ in is unknown; correct the table, or name its visit column."),
    "PSG-M004": FindingKind(_W, "no subjects' table", "Age, sex and site are unknown."),
    "PSG-M005": FindingKind(_W, "several annotation files fit the layout", "Make layout.annotations narrower if the first by name is the wrong one."),
    "PSG-M006": FindingKind(_W, "row with more or fewer cells than the table has columns", "Correct the row: with more cells than columns nothing of it is read."),
    "PSG-M007": FindingKind(_W, "two subjects' tables contradict each other", "Check the codes in the manifest; the earlier table stands."),
    "PSG-M008": FindingKind(_W, "an index is far from the cohort's own number of the same rule", "Check the night's scoring and oximeter, or whether the column follows another rule."),
    "PSG-Q001": FindingKind(_W, "cut off at the end of the recorder's range", "Check gain and range of the channel; the epochs bear the bit range_end."),
    "PSG-Q002": FindingKind(_W, "sensor faded away for a part of the night", "Check the sensor; the epochs count as not usable."),
    "PSG-Q003": FindingKind(_W, "amplitude unusual for the unit", "Check the gain, or give quality.wrong_range another limit with the reason."),
    "PSG-Q004": FindingKind(_W, "amplitude a thousand times off: wrong unit", "Compare with another night; if the header is wrong, set unit_override with its source."),
    "PSG-Q005": FindingKind(_W, "ECG upside down", "If the cohort's files are known to be, set flip with source and release."),
    "PSG-Q006": FindingKind(_W, "hum of the mains", "None: it is not filtered. Compare the site's nights."),
    "PSG-Q007": FindingKind(_W, "belt turned against the other belt", "None for resp, which weighs each belt by its sign; turn it where the belt alone is used."),
    "PSG-Q008": FindingKind(_W, "two channels hold the same signal", "Check the labels in the montage; leave one of them out."),
    "PSG-Q009": FindingKind(_W, "EOG that goes with the EEG: wrong label", "Compare the labels with the file; correct the montage or exclude the recording."),
    "PSG-Q010": FindingKind(_W, "EMG that is an envelope", "Name it emg_chin_envelope in the montage."),
    "PSG-Q011": FindingKind(_W, "pulse rate and ECG disagree", "Check the oximeter's probe and the ECG; one of them may be another person's."),
    "PSG-Q012": FindingKind(_W, "airflow and belts disagree", "Check the flow sensor; it may be another night's or not have been worn."),
    "PSG-Q013": FindingKind(_W, "saturation stands still", "Check the oximeter; the epochs count as not usable."),
    "PSG-Q014": FindingKind(_W, "saturation impossibly low", "Check scale and sensor, or give quality.spo2_low another limit where people live high up."),
    "PSG-Q015": FindingKind(_W, "clocks of two sensors run apart", "Do not compare instants of the two; ask the cohort how its devices were synchronised."),
    "PSG-Q016": FindingKind(_W, "hypnogram shifted against the signals", "Check the start times of scoring and signals; exclude the stages if they cannot be mended."),
    "PSG-Q017": FindingKind(_W, "nearly all of the night in one stage", "Check the scoring, and whether it was scored at all."),
    "PSG-Q018": FindingKind(_W, "events of sleep in wake", "Check the clock of events and stages; exclude the events if they cannot be mended."),
    "PSG-Q019": FindingKind(_W, "few beats although there is an ECG", "Check the ECG; leave the night out where intervals matter."),
    "PSG-Q020": FindingKind(_W, "few breaths although there is respiration", "Check belts and flow; leave the night out where breaths matter."),
}  # fmt: skip
