"""A cohort of any number of made-up recordings, whose conversion is a nap and one small file."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from pipeline.batch.attempt import ConvertResult
from pipeline.batch.recipe import fingerprint_of
from pipeline.files.discover import Source
from pipeline.files.hashing import FileHash, hash_file
from pipeline.write.digest import stat_digest
from pipeline.write.ledger import LedgerWriter, Row, Stored, now
from pipeline.write.store import StoreSummary
from schemas.manifest import CohortManifest
from schemas.store import ARRAY_FILE
from schemas.vocabulary import Outcome
from tests.made_up_terms import TERMS

__all__ = ["MANIFEST", "NAP_S", "nap", "write_cohort", "write_ledger"]

NAP_S = 0.05  # what a conversion takes here; a real one takes one to two seconds of CPU
_A_FOLDER = 1000  # recordings; file systems slow down where one folder holds very many

MANIFEST = CohortManifest.model_validate(
    {
        "manifest_version": 1,
        "cohort": "scale",
        "title": "Made-up recordings",
        "terms": dict(TERMS),
        "layout": {"signals": "{site}/{subject}.edf"},
        "montage": [{"channel": "spo2", "labels": ["SaO2"]}],
    }
)


def write_cohort(root: Path, n_recording: int) -> None:
    """Write the files, which are empty but for their number."""
    for i in range(n_recording):
        path = root / f"s{i // _A_FOLDER:03d}" / f"n{i:06d}.edf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(i))


def nap(source: Source, manifest: CohortManifest, temporary: Path) -> ConvertResult:
    """Sleep instead of harmonising, and write a store of one file."""
    files = tuple(hash_file(path, name) for path, name in zip(source.paths, source.names, strict=True))
    time.sleep(NAP_S)
    temporary.mkdir(parents=True)
    content = source.key.name.encode()
    (temporary / ARRAY_FILE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    store = StoreSummary(digest, stat_digest(temporary), 1, len(content), 960, ())
    return ConvertResult(files, fingerprint_of(source, manifest, files), store)


def write_ledger(out: Path, n_row: int) -> None:
    """Write a ledger as a whole archive would have it: two files a recording, six codes, a failure in a hundred."""
    codes = {f"PSG-C{i:03d}": i for i in range(1, 7)}
    rows = []
    for i in range(n_row):
        files = tuple(
            FileHash(f"{kind}/{i:06d}.{kind}", 40_000_000 + i, 10**18 + i, _digest(i)) for kind in ("edf", "xml")
        )
        if i % 100 == 0:
            row = Row("scale", f"n{i:06d}", Outcome.FAILED, now(), reason="edf_truncated", detail="fewer bytes")
        else:
            stored = Stored(_digest(i + 1), _digest(i + 2), 30_000_000 + i, 960)
            row = Row("scale", f"n{i:06d}", Outcome.CONVERTED_WITH_FINDINGS, now(), fingerprint=_digest(i + 3))
            row = row._replace(sources=files, store=stored, findings=codes, took_s=1.5, version="0.1.0")
        rows.append(row)
    with LedgerWriter(out) as ledger:
        ledger.append(*rows)


def _digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()
