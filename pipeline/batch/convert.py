"""Convert one recording: hash its files, harmonise, write the temporary store. The real converter of a batch."""

from __future__ import annotations

from pathlib import Path

from pipeline.batch.attempt import ConvertResult
from pipeline.batch.recipe import fingerprint_of
from pipeline.files.discover import Source
from pipeline.files.hashing import hash_file
from pipeline.harmonise import harmonise
from pipeline.write.store import write_store
from schemas.manifest import CohortManifest

__all__ = ["convert_recording"]


def convert_recording(source: Source, manifest: CohortManifest, temporary: Path) -> ConvertResult:
    """Write one recording's store under a temporary name.

    Parameters
    ----------
    temporary : Path
        Must not exist; the caller publishes it.

    Raises
    ------
    PsgError
        When the recording cannot be converted.
    """
    files = tuple(hash_file(path, name) for path, name in zip(source.paths, source.names, strict=True))
    dataset = harmonise(source, manifest)
    fingerprint = fingerprint_of(source, manifest, files)
    dataset.attrs["sources"] = [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]
    dataset.attrs["fingerprint"] = fingerprint
    return ConvertResult(files, fingerprint, write_store(dataset, temporary))
