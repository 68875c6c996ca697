"""One word per thing: modalities, stages, outcomes and the other closed lists of the field.

Source: AASM Manual for the Scoring of Sleep and Associated Events (stages), NSRR harmonised terms (sex),
the sleep2vec paper, arXiv 2602.13857 (modalities).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = [
    "EPOCH_S",
    "MAX_SCORERS",
    "UNSCORED",
    "USUAL_STUDY_TYPES",
    "BeatType",
    "Modality",
    "Outcome",
    "Polarity",
    "Scored",
    "Sex",
    "Split",
    "Stage",
    "StageScheme",
    "StudyType",
]

EPOCH_S = 30  # seconds; the AASM scoring window, and the model's token
MAX_SCORERS = 9  # of one night, the first included
UNSCORED = -1  # stage code of an epoch nobody scored


class Modality(StrEnum):
    """The nine modalities of the model; a channel of another kind has none."""

    EEG = "eeg"
    EOG = "eog"
    EMG = "emg"
    ECG = "ecg"
    AIRFLOW = "airflow"
    BELT = "belt"
    SPO2 = "spo2"
    IBI = "ibi"
    RESP = "resp"


class Stage(IntEnum):
    """AASM sleep stages; R&K stages 3 and 4 are both N3."""

    UNSCORED = UNSCORED
    W = 0
    N1 = 1
    N2 = 2
    N3 = 3
    REM = 4


class StageScheme(StrEnum):
    """The rules a night was scored by."""

    AASM = "aasm"
    RK = "rk"
    SLEEP_WAKE = "sleep_wake"
    NONE = "none"


class BeatType(IntEnum):
    """What a heart beat is, as far as one lead tells."""

    NORMAL = 0
    ECTOPIC = 1
    UNCERTAIN = 2


class Outcome(StrEnum):
    """How a recording ended; every recording ends in exactly one."""

    CONVERTED = "converted"
    CONVERTED_WITH_FINDINGS = "converted_with_findings"
    EXCLUDED = "excluded"
    FAILED = "failed"


class Polarity(StrEnum):
    """What is known of a channel's sign."""

    AS_HEADER = "as_header"
    FLIPPED_BY_MANIFEST = "flipped_by_manifest"
    INSPIRATION_UP = "inspiration_up"  # derived respiration, decided from its shape
    UNKNOWN = "unknown"


class Scored(StrEnum):
    """Whether a class of events was looked for, so that *not scored* never reads as *none*."""

    YES = "yes"
    NO = "no"
    PARTLY = "partly"


class Sex(StrEnum):
    """Sex as recorded by the study."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


class Split(StrEnum):
    """What a person's nights are for; ``external`` are whole cohorts that nothing was chosen by."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    EXTERNAL = "external"


class StudyType(StrEnum):
    """What the night was for."""

    DIAGNOSTIC = "diagnostic"
    SPLIT = "split"
    TITRATION = "titration"
    MSLT = "mslt"
    HSAT = "hsat"
    UNKNOWN = "unknown"


# What sets and queries take unless they are told otherwise: nights of sleep at its own, with all sensors.
USUAL_STUDY_TYPES = (StudyType.DIAGNOSTIC, StudyType.UNKNOWN)
