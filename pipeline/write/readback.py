"""Read back what a store says of itself, from its two small documents alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.hashing import FileHash
from pipeline.files.places import files_below, storage_errors
from pipeline.write.digest import stat_digest
from pipeline.write.store import StoreSummary
from schemas.errors import StoreCorrupt, StoreIncomplete
from schemas.findings import Finding
from schemas.store import ARRAY_FILE

__all__ = ["ReadBack", "read_back"]


@dataclass(frozen=True)
class ReadBack:
    """What the ledger needs to know of a store that it has no row for.

    Parameters
    ----------
    sources : tuple of FileHash
        Their times are unknown (-1): a store does not keep them.
    """

    fingerprint: str
    sources: tuple[FileHash, ...]
    summary: StoreSummary


def read_back(path: Path) -> ReadBack:
    """Return fingerprint, sources and summary of a published store; its arrays are not looked at.

    Raises
    ------
    StoreIncomplete
        When there is no root document.
    StoreCorrupt
        When it cannot be understood.
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the store cannot be read", where=path.name):
        try:
            root = (path / ARRAY_FILE).read_bytes()
            stage = (path / "stage" / ARRAY_FILE).read_bytes()
            return _parse(path, root, json.loads(root)["attributes"], json.loads(stage)["shape"][0])
        except (FileNotFoundError, NotADirectoryError):
            raise StoreIncomplete("the store has no root document or no stages", where=path.name) from None
        except (ValueError, KeyError, TypeError, IndexError):
            raise StoreCorrupt("the store's documents cannot be understood", where=path.name) from None


def _parse(path: Path, root: bytes, attrs: Mapping[str, Any], n_epoch: int) -> ReadBack:
    sizes = [file.size for file in files_below(path).values()]
    summary = StoreSummary(
        root_digest=hashlib.sha256(root).hexdigest(),
        stat_digest=stat_digest(path),
        n_file=len(sizes),
        n_byte=sum(sizes),
        n_epoch=int(n_epoch),
        findings=tuple(Finding.from_json(row) for row in attrs["findings"]),
    )
    sources = tuple(FileHash(row["name"], row["size"], -1, row["sha256"]) for row in attrs["sources"])
    return ReadBack(str(attrs["fingerprint"]), sources, summary)
