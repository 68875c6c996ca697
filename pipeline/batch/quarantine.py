"""What an operator decides about recordings that failed: leave one out for a reason, or take it in again.

Decisions are rows of the ledger, so that they are as safe as outcomes, and every later run finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.batch.plan import BY_OPERATOR
from pipeline.write.ledger import LedgerWriter, Row, now, read_ledger, store_path
from pipeline.write.lock import hold
from pipeline.write.publish import withdraw
from schemas.errors import StoreIncomplete
from schemas.vocabulary import Outcome

__all__ = ["exclude", "include", "quarantined"]


def quarantined(out: Path) -> tuple[Row, ...]:
    """Return the rows of recordings that failed or that an operator left out, in the order of their names."""
    rows = read_ledger(out).rows
    return tuple(
        row for _, row in sorted(rows.items()) if row.outcome is Outcome.FAILED or row.reason == BY_OPERATOR
    )


def exclude(out: Path, names: Sequence[str], reason: str) -> int:
    """Leave recordings out of every later run, and remove their stores.

    Parameters
    ----------
    names : sequence of str
        ``cohort/key`` each; the ledger must know them.
    reason : str
        Why, for people.

    Raises
    ------
    StoreIncomplete
        When the ledger does not know one of them; nothing is done then.
    OutputBusy
        When a run is writing there.
    StorageError
        When the disk refuses.
    """
    with hold(out):
        rows = _rows(out, names)
        _append(out, [_decided(row, Outcome.EXCLUDED, BY_OPERATOR, reason) for row in rows])
        for row in rows:
            withdraw(store_path(out, row.cohort, row.key))
    return len(rows)


def include(out: Path, names: Sequence[str]) -> int:
    """Undo `exclude`: the next run converts them. Errors are the same; those not left out stay as they are."""
    with hold(out):
        rows = [row for row in _rows(out, names) if row.reason == BY_OPERATOR]
        _append(out, [_decided(row, Outcome.FAILED, "included_again", "the next run converts it") for row in rows])
    return len(rows)


def _rows(out: Path, names: Sequence[str]) -> list[Row]:
    known = {f"{cohort}/{key}": row for (cohort, key), row in read_ledger(out).rows.items()}
    if unknown := [name for name in names if name not in known]:
        raise StoreIncomplete(
            "the ledger does not know this recording",
            where=unknown[0],
            expected="cohort/key, as quarantine list shows them",
            do="Recordings that were never tried are excluded in the manifest.",
        )
    return [known[name] for name in dict.fromkeys(names)]


def _decided(row: Row, outcome: Outcome, reason: str, detail: str) -> Row:
    return Row(row.cohort, row.key, outcome, now(), reason=reason, detail=detail, version=row.version)


def _append(out: Path, rows: Sequence[Row]) -> None:
    if rows:
        with LedgerWriter(out) as ledger:
            ledger.append(*rows)
