"""Clear an output of what nobody needs: unfinished stores, and recordings whose source is gone.

Everything happens under the output's lock, so that nothing of a run that goes on is touched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipeline.batch.plan import SOURCE_GONE
from pipeline.write.ledger import LedgerWriter, Row, now, read_ledger, store_path
from pipeline.write.lock import hold
from pipeline.write.publish import n_unfinished, published, remove_unfinished, withdraw
from schemas.vocabulary import Outcome

__all__ = ["Rubbish", "clear", "find_rubbish"]


@dataclass(frozen=True)
class Rubbish:
    """What could be removed.

    Parameters
    ----------
    n_unfinished : int
        Stores that dead runs had in hand.
    gone : tuple of str
        Recordings, as ``cohort/key``, that have a store or a row and whose source is not found any more.
    """

    n_unfinished: int
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.n_unfinished or self.gone)


def find_rubbish(out: Path, *, cohort: str | None = None, present: Collection[str] = ()) -> Rubbish:
    """Look for what could be removed; nothing is.

    Parameters
    ----------
    cohort : str, optional
        Look for recordings of this cohort that are gone, too.
    present : collection of str
        Keys of the cohort's recordings that are found.

    Raises
    ------
    OutputBusy
        When a run is writing there.
    """
    with hold(out):
        return _found(out, cohort, present)


def clear(out: Path, *, cohort: str | None = None, present: Collection[str] = ()) -> Rubbish:
    """Remove what `find_rubbish` finds, and return it.

    A recording that is gone keeps a row that says so; should its source come back, the next run converts it.
    """
    with hold(out):
        rubbish = _found(out, cohort, present)
        names = [name.split("/", 1) for name in rubbish.gone]
        if names:
            with LedgerWriter(out) as ledger:
                ledger.append(*(_gone(of, key) for of, key in names))
        for of, key in names:
            withdraw(store_path(out, of, key))
        remove_unfinished(out)
    return rubbish


def _found(out: Path, cohort: str | None, present: Collection[str]) -> Rubbish:
    if cohort is None:
        return Rubbish(n_unfinished(out))
    rows = {key for (of, key), row in read_ledger(out).rows.items() if of == cohort and row.reason != SOURCE_GONE}
    stores = {path.stem for path in published(out) if path.parent.name == cohort}
    gone = sorted((rows | stores) - set(present))
    return Rubbish(n_unfinished(out), tuple(f"{cohort}/{key}" for key in gone))


def _gone(cohort: str, key: str) -> Row:
    detail = "its files are not found any more; its store was removed"
    return Row(cohort, key, Outcome.EXCLUDED, now(), reason=SOURCE_GONE, detail=detail)
