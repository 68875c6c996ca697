"""Read a hypnogram that an HDF5 file holds as a dataset, one code an epoch from the start of the recording."""

from __future__ import annotations

from pathlib import Path

from pipeline.read.epoch_list import score_codes
from pipeline.read.hdf5 import hdf5_dataset
from schemas.errors import AnnotationCorrupt
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_hdf5_stages"]


def read_hdf5_stages(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read the rule's ``dataset``; its ``stages`` say what numbers mean.

    Raises
    ------
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    SignalFileCorrupt
        When it is no HDF5 file, or has no such dataset.
    AnnotationCorrupt
        When the dataset is no list of codes.
    """
    assert rule.dataset is not None  # the manifest's model sees to it
    values = hdf5_dataset(path, rule.dataset)
    if values.ndim != 1 or values.dtype.kind not in "iufSOU":
        raise AnnotationCorrupt(
            f"dataset {rule.dataset!r} is no hypnogram",
            saw=f"shape {values.shape} of {values.dtype}",
            expected="one code an epoch",
        )
    return score_codes([_code(value) for value in values.tolist()], rule)


def _code(value: object) -> str:
    match value:
        case bytes():
            return value.decode("utf-8", errors="replace").strip()
        case float() if value.is_integer():
            return str(int(value))
        case float():
            return ""  # not a number: nothing was scored
    return str(value).strip()
