"""Make a lost ledger again from the stores, which say all that it needs to know."""

from __future__ import annotations

from pathlib import Path

from pipeline.write.ledger import LedgerWriter, Row, Stored, codes, now, outcome_of, read_ledger
from pipeline.write.lock import hold
from pipeline.write.publish import published
from pipeline.write.readback import ReadBack, read_back
from schemas.errors import StoreError

__all__ = ["rebuild"]


def rebuild(out: Path) -> tuple[int, tuple[str, ...]]:
    """Add a row for every store that has none.

    The times of the source files are unknown then: the next run hashes them once more and keeps what is good.
    What failed or was excluded is not known from stores; the next run finds out.

    Returns
    -------
    int
        Rows added.
    tuple of str
        Stores that do not say what they are, as ``cohort/key``.

    Raises
    ------
    OutputBusy
        When a run is writing there.
    StorageError
        When the ledger cannot be written.
    """
    rows, unreadable = list[Row](), list[str]()
    with hold(out), LedgerWriter(out) as ledger:
        known = {name for name, row in read_ledger(out).rows.items() if row.store is not None}
        for path in published(out):
            cohort, key = path.parent.name, path.stem
            if (cohort, key) in known:
                continue
            try:
                rows.append(_row(cohort, key, read_back(path)))
            except StoreError:
                unreadable.append(f"{cohort}/{key}")
        if rows:
            ledger.append(*rows)
    return len(rows), tuple(unreadable)


def _row(cohort: str, key: str, found: ReadBack) -> Row:
    return Row(
        cohort,
        key,
        outcome_of(found.summary.findings),
        now(),
        fingerprint=found.fingerprint,
        sources=found.sources,
        store=Stored.of(found.summary),
        findings=codes(found.summary.findings),
    )
