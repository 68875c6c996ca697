"""A cohort of text files: each says how its conversion goes, and the converter does as told.

The stores are real and small; the work around them is tested without a signal being read. Importable, because
the converter runs in other processes.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.batch.attempt import ConvertResult
from pipeline.batch.plan import Plan, plan
from pipeline.batch.recipe import fingerprint_of
from pipeline.files.discover import Source, discover
from pipeline.files.hashing import hash_file
from pipeline.write.ledger import read_ledger
from pipeline.write.store import write_store
from schemas.errors import EdfCorrupt, StorageError
from schemas.findings import Finding, finding
from schemas.manifest import CohortManifest
from schemas.store import ARRAYS, ArraySpec
from tests.made_up_terms import TERMS

MANIFEST = {
    "manifest_version": 1,
    "cohort": "stub",
    "title": "Nights of text",
    "terms": dict(TERMS),
    "layout": {"signals": "nights/{subject}.edf", "annotations": "nights/{subject}.xml"},
    "annotations": {"format": "nsrr_xml", "scheme": "aasm"},
    "montage": [{"channel": "spo2", "labels": ["SaO2"]}],
}
FOUND = {"warning": finding("PSG-A001", "no stages"), "info": finding("PSG-A003", "half an epoch")}
SECRET = "Jane Doe"


class _Skip(Exception):
    """The rest of the words does not count."""


def manifest(**changes: object) -> CohortManifest:
    """Return the stub's manifest with some top-level keys changed."""
    return CohortManifest.model_validate({**MANIFEST, **changes})


def write_nights(root: Path, nights: Mapping[str, str]) -> Path:
    """Write one text file a night; its text is what the converter will do. Return the root."""
    for name, text in nights.items():
        path = root / "nights" / f"{name}.edf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def make_plan(root: Path, out: Path, like: CohortManifest | None = None, **options: object) -> Plan:
    """Plan the stub cohort as a command would."""
    like = like or manifest()
    return plan(discover(like, root), out, like, read_ledger(out), **options)  # type: ignore[arg-type]


def convert(source: Source, manifest: CohortManifest, path: Path) -> ConvertResult:
    """Do what the night's text says, word by word; then write a small store."""
    files = tuple(hash_file(p, n) for p, n in zip(source.paths, source.names, strict=True))
    words = source.signals[0].read_text().split()
    with suppress(_Skip):
        for word in words:
            what, _, value = word.partition("=")
            ACTIONS.get(what, _nothing)(source, path, value)
    found = source.findings + tuple(FOUND[word] for word in words if word in FOUND)
    fingerprint = fingerprint_of(source, manifest, files)
    return ConvertResult(files, fingerprint, write_store(_night(source, files, fingerprint, found), path))


def _nothing(source: Source, path: Path, value: str) -> None:
    pass


def _count(source: Source, path: Path, value: str) -> None:
    """Note in a file that this conversion began."""
    with Path(value).open("a") as stream:
        stream.write(f"{source.key.name}\n")


def _sleep(source: Source, path: Path, value: str) -> None:
    path.mkdir(parents=True)
    (path / "begun").touch()
    time.sleep(float(value))
    shutil.rmtree(path)


def _until(source: Source, path: Path, value: str) -> None:
    """Hold an unfinished store until a file is there."""
    path.mkdir(parents=True)
    (path / "begun").touch()
    while not Path(value).exists():
        time.sleep(0.01)
    shutil.rmtree(path)


def _corrupt(source: Source, path: Path, value: str) -> None:
    raise EdfCorrupt(
        "no header", saw=f"{source.signals[0]} of {source.signals[0].parent.name}", where=source.names[0]
    )


def _surprise(source: Source, path: Path, value: str) -> None:
    raise ValueError(f"the patient is {SECRET}")


def _die(source: Source, path: Path, value: str) -> None:
    """Be killed, every time or once only."""
    marker = Path(value)
    if value and marker.exists():
        return
    if value:
        marker.touch()
    path.mkdir(parents=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _die_with_parent(source: Source, path: Path, value: str) -> None:
    """Once, kill the process that started this one, as when a machine of a cluster is lost."""
    if not Path(value).exists():
        Path(value).touch()
        path.mkdir(parents=True)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)  # the kernel ends this one, too


def _refuse(source: Source, path: Path, value: str) -> None:
    """Refuse the disk until the marker has been touched ``n`` times."""
    marker, n = value.split(",")
    with Path(marker).open("a") as stream:
        stream.write("x")
    if len(Path(marker).read_text()) <= int(n):
        raise StorageError("the disk refused")


def _raw_oserror(source: Source, path: Path, value: str) -> None:
    raise OSError(int(value), f"No space left for {SECRET}")


def _unless(source: Source, path: Path, value: str) -> None:
    """Skip the words that follow if a file is there."""
    if Path(value).exists():
        raise _Skip


def _hog(source: Source, path: Path, value: str) -> None:
    """Take so many megabytes."""
    np.ones(int(value) << 20, np.uint8)


def _touch(source: Source, path: Path, value: str) -> None:
    os.utime(source.signals[0], ns=(1, 1))


ACTIONS: Mapping[str, Callable[[Source, Path, str], None]] = {
    "count": _count,
    "sleep": _sleep,
    "until": _until,
    "corrupt": _corrupt,
    "surprise": _surprise,
    "die": _die,
    "die_with_parent": _die_with_parent,
    "refuse": _refuse,
    "oserror": _raw_oserror,
    "unless": _unless,
    "hog": _hog,
    "touch": _touch,
}


def _night(source: Source, files: tuple[object, ...], fingerprint: str, found: tuple[Finding, ...]) -> xr.Dataset:
    spo2 = {
        "kind": "spo2",
        "modality": "spo2",
        "primary": 1,
        "source_label": "SaO2",
        "source_rate_hz": 1.0,
        "reference": None,
        "band_low_hz": None,
        "band_high_hz": None,
        "resampler": "hold",
        "polarity": "as_header",
        "unit_factor": 1.0,
        "units": "%",
        "long_name": "oxygen saturation",
    }
    codes = {"flag_values": [], "flag_meanings": ""}
    coords = {"epoch_start_s": ("epoch", [0.0, 30.0]), "channel": ["spo2"]}
    data = {
        "spo2": (("epoch", "slow_sample"), np.full((2, 120), 97, np.float32), spo2),
        "usable_fraction": (("epoch", "channel"), np.ones((2, 1), np.float32)),
        "quality": (("epoch", "channel"), np.zeros((2, 1), np.uint16)),
    }
    data |= {name: _without(spec, codes) for name, spec in ARRAYS.items() if name not in {*data, *coords}}
    attrs = {
        "cohort": source.key.cohort,
        "recording": source.key.name,
        "subject": source.key.subject,
        "visit": source.key.visit,
        "site": None,
        "age_years": None,
        "sex": "unknown",
        "study_type": source.study_type,
        "terms": {},
        "stage_scheme": "aasm",
        "grid_offset_s": 0.0,
        "clock_start_s": None,
        "event_scored": {},
        "manifest": {},
        "sources": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files],  # type: ignore[attr-defined]
        "versions": {},
        "findings": [f.to_json() for f in found],
        "processing": {},
        "fingerprint": fingerprint,
    }
    return xr.Dataset(data, coords, attrs)


def _without(spec: ArraySpec, attrs: Mapping[str, object]) -> tuple[object, ...]:
    """Return an array that says nothing: two epochs of its fill, and none of anything else."""
    size = {"epoch": 2, "slow_sample": 120, "channel": 1}
    values = np.full([size.get(dim, 0) for dim in spec.dims], spec.fill, spec.data_type)
    return spec.dims, values, attrs if spec.codes == "required" else {}
