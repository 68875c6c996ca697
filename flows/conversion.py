"""One cohort's conversion in batches of recordings, for whoever watches it: no scheduler is needed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pipeline.batch.run import Progress, RunReport
    from pipeline.write.ledger import Row

__all__ = ["Batch", "Conversion", "Converted", "convert_in_batches"]


class Conversion(BaseModel):
    """What is to be converted, from where, to where, and with what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manifest: str = Field(min_length=1, description="Name of a shipped manifest, or path of a YAML file.")
    root: str = Field(min_length=1, description="The download.")
    out: str = Field(min_length=1, description="Where the stores are.")
    workers: int = Field(default=1, ge=1, description="Processes.")
    dask: str | None = Field(
        default=None, description="Address of a Dask scheduler, or 'local'; else own processes."
    )
    timeout_s: float | None = Field(default=None, ge=1, description="Seconds that one recording may take.")
    only: str | None = Field(default=None, description="Only recordings whose key matches, e.g. '*-0001'.")
    batch_size: int = Field(default=100, ge=1, description="Recordings between two reports of progress.")


@dataclass(frozen=True)
class Batch:
    """Recordings that came to their end one after the other.

    Parameters
    ----------
    number : int
        The first is 1.
    rows : tuple of Row
        Their rows in the ledger.
    n_done, n_total : int
        Recordings of the whole run that have ended, and that it has to look at.
    """

    number: int
    rows: tuple[Row, ...]
    n_done: int
    n_total: int


@dataclass(frozen=True)
class Converted:
    """How a conversion ended.

    Parameters
    ----------
    cohort : str
        Its name in the manifest.
    new : tuple of str
        Recordings whose stores this run wrote, as ``cohort/key``.
    """

    cohort: str
    report: RunReport
    new: tuple[str, ...]


def convert_in_batches(what: Conversion, on_batch: Callable[[Batch], None]) -> Converted:
    """Plan and carry out a conversion, and report batch by batch.

    A batch is only what is reported together: one run holds the output and its workers from the first recording to
    the last. What is done is in the ledger at once, so whoever calls this again goes on with what is missing.

    Raises
    ------
    PsgError
        When the run as a whole cannot go on: wrong manifest, empty download, an output in use, the disk.
    """
    from flows.commands.convert import make_plan
    from pipeline.batch.convert import convert_recording
    from pipeline.batch.executors import open_executor
    from pipeline.batch.run import run
    from pipeline.files.places import place
    from pipeline.manifests.load import load_manifest

    manifest = load_manifest(what.manifest)
    plan = make_plan(manifest, place(what.root), place(what.out), only=what.only)
    batches = _Batches(what.batch_size, on_batch)
    with open_executor(what.dask, workers=what.workers) as executor:
        report = run(plan, convert_recording, executor=executor, timeout_s=what.timeout_s, on_progress=batches.add)
    return Converted(manifest.cohort, report, tuple(batches.new))


@dataclass
class _Batches:
    """Gathers rows and hands them on, the last batch as soon as the last recording has ended."""

    size: int
    on_batch: Callable[[Batch], None]
    new: list[str] = field(default_factory=list)
    number: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, progress: Progress) -> None:
        self.rows.append(progress.row)
        if progress.is_new:
            self.new.append(f"{progress.row.cohort}/{progress.row.key}")
        if len(self.rows) == self.size or progress.n_done == progress.n_total:
            self.number += 1
            self.on_batch(Batch(self.number, tuple(self.rows), progress.n_done, progress.n_total))
            self.rows.clear()
