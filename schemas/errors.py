"""The error tree; this docstring is the tree.

::

    PsgError
    ├── ManifestError(ValueError)      the cohort's description: fix the YAML
    │   ├── ManifestInvalid            syntax, unknown key, contradiction
    │   └── ManifestNotFound           no such shipped name, no such file
    ├── SourceError                    the files on disk: fix them or exclude the recording
    │   ├── SourceMissing              a file that the layout promises is not there
    │   ├── SourceChanged              a file changed while it was being read
    │   ├── EdfCorrupt                 the header cannot be understood
    │   ├── EdfTruncated               fewer bytes than the header declares
    │   ├── SignalFileCorrupt          a WFDB or HDF5 file is damaged, or not as described
    │   ├── PartsDisagree              the files of one night do not fit together
    │   ├── AnnotationCorrupt          stages or events cannot be parsed
    │   └── SubjectTableCorrupt        the subjects' table cannot be parsed
    ├── ChannelError                   labels against montage
    │   ├── NoUsableChannel            the montage matches nothing in this file
    │   ├── ChannelAmbiguous           two signals compete for one channel
    │   ├── UnitMissing                blank unit and no ``unit_when_blank``
    │   └── UnitUnexpected             a unit outside the closed table, or of another dimension
    ├── SignalError                    the numbers
    │   ├── RecordingTooShort          less than one whole epoch
    │   ├── EpochLengthUnexpected      scored in epochs other than 30 s
    │   └── HypnogramMismatch          stages and signals disagree about the night's length
    ├── RecordingGone                  the work, not the data
    │   ├── RecordingTimeout           took longer than allowed
    │   ├── OutOfMemory                needs more memory than a worker may have
    │   └── WorkerDied                 the process that converted it was killed
    ├── StoreError                     what we wrote or read back
    │   ├── StoreIncomplete            an array or a chunk is missing
    │   ├── StoreCorrupt               bytes are not what was written
    │   ├── SpecViolation              readable, but not what the specification says
    │   ├── SpecTooNew                 written by a later version
    │   └── OutputBusy                 another run is writing here
    ├── SelectionError                 what was asked of finished stores
    │   ├── QueryInvalid               the catalog has no such column, or the expression is none
    │   ├── SplitInvalid               a split file cannot be read, or leaves somebody out
    │   └── SplitLeak                  a person or a family is in two splits
    ├── ModelError                     configuration, batch or data of a model
    │   └── CheckpointInvalid          a checkpoint is incomplete, damaged, or of another model
    └── StorageError(OSError)          disk or bucket: the only family that is retried
        └── StorageFull                no room left, or read-only: ends the run instead

Every error reads: *[recording] what is wrong: saw X, expected Y. Why it matters. Do Z.*
Texts of patients, technicians and file systems never enter an error; labels of channels may.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "AnnotationCorrupt",
    "ChannelAmbiguous",
    "ChannelError",
    "CheckpointInvalid",
    "EdfCorrupt",
    "EdfTruncated",
    "EpochLengthUnexpected",
    "HypnogramMismatch",
    "ManifestError",
    "ManifestInvalid",
    "ManifestNotFound",
    "ModelError",
    "NoUsableChannel",
    "OutOfMemory",
    "OutputBusy",
    "PartsDisagree",
    "PsgError",
    "QueryInvalid",
    "RecordingGone",
    "RecordingTimeout",
    "RecordingTooShort",
    "SelectionError",
    "SignalError",
    "SignalFileCorrupt",
    "SourceChanged",
    "SourceError",
    "SourceMissing",
    "SpecTooNew",
    "SpecViolation",
    "SplitInvalid",
    "SplitLeak",
    "StorageError",
    "StorageFull",
    "StoreCorrupt",
    "StoreError",
    "StoreIncomplete",
    "SubjectTableCorrupt",
    "UnitMissing",
    "UnitUnexpected",
    "WorkerDied",
]


class PsgError(Exception):
    """Base of everything that this project raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, without a full stop.
    saw, expected : object, optional
        What was found, and what would have been right.
    why : str, optional
        Why it matters, one sentence.
    do : str, optional
        What the reader should do next, one sentence.
    where : str, optional
        The recording's key, or the file's name within the cohort.
    """

    def __init__(
        self,
        what: str,
        *,
        saw: object = None,
        expected: object = None,
        why: str | None = None,
        do: str | None = None,
        where: str | None = None,
    ) -> None:
        self.what, self.saw, self.expected, self.why, self.do, self.where = (
            what,
            saw,
            expected,
            why,
            do,
            where,
        )
        super().__init__(what)

    @property
    def reason(self) -> str:
        """Machine-readable reason: the class name in snake case, e.g. ``edf_truncated``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def at(self, where: str) -> PsgError:
        """Say where it happened, unless that is known already; return self."""
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (("saw", self.saw), ("expected", self.expected))
            if value is not None
        ]
        head = f"{self.where}: {self.what}" if self.where else self.what
        sentence = f"{head}: {', '.join(facts)}." if facts else f"{head}."
        return " ".join(part for part in (sentence, self.why, self.do) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        keywords = {k: getattr(self, k) for k in ("saw", "expected", "why", "do", "where")}
        return _rebuild, (type(self), self.what, keywords)


def _rebuild(cls: type[PsgError], what: str, keywords: dict[str, Any]) -> PsgError:
    return cls(what, **keywords)


class ManifestError(PsgError, ValueError):
    """The cohort's description is wrong: fix the YAML."""


class ManifestInvalid(ManifestError):
    """Syntax, an unknown key or a contradiction."""


class ManifestNotFound(ManifestError):
    """No shipped manifest and no file of that name."""


class SourceError(PsgError):
    """The files on disk are wrong: fix them or exclude the recording."""


class SourceMissing(SourceError):
    """A file that the layout promises is not there."""


class SourceChanged(SourceError):
    """A file changed while it was being read."""


class EdfCorrupt(SourceError):
    """The header cannot be understood without guessing."""


class EdfTruncated(SourceError):
    """Fewer bytes than the header declares."""


class SignalFileCorrupt(SourceError):
    """A WFDB or HDF5 file is damaged, or not as it is described."""


class PartsDisagree(SourceError):
    """The files of one night overlap, or differ in rate or unit."""


class AnnotationCorrupt(SourceError):
    """Stages or events cannot be parsed."""


class SubjectTableCorrupt(SourceError):
    """The subjects' table cannot be parsed."""


class ChannelError(PsgError):
    """Labels and montage do not fit."""


class NoUsableChannel(ChannelError):
    """The montage matches nothing in this file."""


class ChannelAmbiguous(ChannelError):
    """Two signals compete for one channel."""


class UnitMissing(ChannelError):
    """The unit is blank and the manifest gives none."""


class UnitUnexpected(ChannelError):
    """A unit outside the closed table, or of another dimension than the channel's."""


class SignalError(PsgError):
    """The numbers are wrong."""


class RecordingTooShort(SignalError):
    """Less than one whole epoch."""


class EpochLengthUnexpected(SignalError):
    """Scored in epochs other than 30 s."""


class HypnogramMismatch(SignalError):
    """Stages and signals disagree about the night's length."""


class RecordingGone(PsgError):
    """The work failed, not the data."""


class RecordingTimeout(RecordingGone):
    """It took longer than allowed."""


class OutOfMemory(RecordingGone):
    """It needs more memory than a worker may have."""


class WorkerDied(RecordingGone):
    """The process that converted it was killed."""


class StoreError(PsgError):
    """What was written or read back is wrong."""


class StoreIncomplete(StoreError):
    """An array, a chunk or a file is missing."""


class StoreCorrupt(StoreError):
    """Bytes are not what was written."""


class SpecViolation(StoreError):
    """Readable, but not what the store specification says."""


class SpecTooNew(StoreError):
    """Written by a later version of the specification."""


class OutputBusy(StoreError):
    """Another run is writing here."""


class SelectionError(PsgError):
    """What was asked of finished stores cannot be had."""


class QueryInvalid(SelectionError):
    """The catalog has no such column, or the expression is none."""


class SplitInvalid(SelectionError):
    """A split file cannot be read, or leaves somebody out."""


class SplitLeak(SelectionError):
    """A person or a family is in two splits."""


class ModelError(PsgError):
    """Configuration, batch or data of a model."""


class CheckpointInvalid(ModelError):
    """A checkpoint is incomplete, damaged, or of another model."""


class StorageError(PsgError, OSError):
    """Disk or bucket: the only family that is retried."""


class StorageFull(StorageError):
    """No room left, or nothing may be written: the run ends, since every recording would fail alike."""
