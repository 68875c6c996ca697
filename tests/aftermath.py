"""What an interruption of a conversion leaves and what is there after the next run, in a folder or in a bucket."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.files.places import local_copy
from pipeline.verify.store import verify_store
from pipeline.write.ledger import read_ledger
from pipeline.write.publish import n_unfinished, published

__all__ = ["Aftermath", "unsettled", "unsound", "wait_until_gone", "written"]

END_S = 60.0  # for processes to end after their parent


@dataclass(frozen=True)
class Aftermath:
    """One interruption and what came of it.

    Parameters
    ----------
    when : str
        The moment, and what was hit.
    n_finished : int
        Stores that were there when it was hit.
    redone : tuple of str
        Recordings that were finished and were written again.
    unsound : tuple of str
        Visible stores that verification finds fault with, after the hit or after the next run.
    faults : tuple of str
        What else should not be: a recording without exactly one outcome, leftovers, a next run that ended badly.
    """

    when: str
    n_recording: int
    n_finished: int
    redone: tuple[str, ...]
    unsound: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, torn or done twice."""
        return not (self.redone or self.unsound or self.faults)


def written(out: Path) -> dict[str, dict[str, int]]:
    """Return, of every store in a folder, its files' modification times in ns."""
    return {
        f"{store.parent.name}/{store.stem}": {
            str(file.relative_to(store)): file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()
        }
        for store in out.glob("*/*.zarr")
    }


def unsound(out: Path) -> tuple[str, ...]:
    """Return what is wrong with the stores that a reader sees."""
    found = list[str]()
    for path in published(out):
        with local_copy(path) as store:
            found += [f"{path.stem}: {problem}" for problem in verify_store(store).problems]
    return tuple(found)


def unsettled(out: Path, n_recording: int) -> tuple[str, ...]:
    """Return what speaks against one good outcome a recording, with its store, and nothing else."""
    rows, stores = read_ledger(out).rows, {store.stem for store in published(out)}
    found = [f"{key}: {row.reason}: {row.detail}" for (_, key), row in rows.items() if row.reason]
    if not len(rows) == len(stores) == n_recording or stores != {key for _, key in rows}:
        found.append(f"{n_recording} recordings, {len(stores)} stores, {len(rows)} rows")
    if n := n_unfinished(out):
        found.append(f"{n} unfinished stores are left over")
    return tuple(found)


def wait_until_gone(group: int) -> None:
    """Wait for all processes of a group: workers must end by themselves when their parent is gone."""
    deadline_s = time.monotonic() + END_S
    while any(_is_running(stat, group) for stat in Path("/proc").glob("[0-9]*/stat")):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"processes of the killed run were alive after {END_S:g} s")
        time.sleep(0.02)


def _is_running(stat: Path, group: int) -> bool:
    try:
        state, _, process_group, *_ = stat.read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return False
    return int(process_group) == group and state != "Z"
