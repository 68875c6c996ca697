"""The campaign of outages: what a conversion needs is killed or cut off at drawn moments, and it is run again."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from benchmarks.evidence import Figures, Progress

__all__ = ["outages"]

_N_HANDED_OUT = 2  # recordings that a cluster of two ends in one go: a kill among the last would find nothing to do
Hit = dict[str, Any]  # the fields of tests.aftermath.Aftermath


def outages(progress: Progress, parameters: Mapping[str, Any]) -> Figures:
    """Hit each victim once a seed, every time on an output of its own, and count what came of it.

    Victims are the ``flow`` process, the Prefect ``server`` and one ``dask_worker``, which are killed (-9), and the
    way to an S3 server, which begins to refuse (``way_refuse``), reset (``way_reset``) or hang (``way_hang``).
    """
    seeds, n_recording = parameters["seeds"], parameters["n_recording"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nightly = _Nightly(stack, folder, n_recording)
        hits = {
            victim: [
                progress.once(f"{victim} {seed}", partial(_hit, victim, nightly, folder / victim / str(seed), seed))
                for seed in seeds
            ]
            for victim in parameters["victims"]
        }
    counted = {victim: _counted(found) for victim, found in hits.items()}
    whole = _counted([hit for found in hits.values() for hit in found])
    return {**whole, **{victim: {**counted[victim], "hits": found} for victim, found in hits.items()}}


def _counted(hits: Sequence[Hit]) -> Figures:
    return {
        "n_hit": len(hits),
        "n_interrupted": sum(hit["n_finished"] < hit["n_recording"] for hit in hits),
        "n_recording": sum(hit["n_recording"] for hit in hits),
        "n_finished": sum(hit["n_finished"] for hit in hits),
        "n_redone": sum(len(hit["redone"]) for hit in hits),
        "n_unsound": sum(len(hit["unsound"]) for hit in hits),
        "n_fault": sum(len(hit["faults"]) for hit in hits),
    }


def _hit(victim: str, nightly: _Nightly, folder: Path, seed: int) -> Hit:
    folder.mkdir(parents=True)
    if victim in ("flow", "server"):
        return nightly.hit(victim, folder, seed)
    if victim == "dask_worker":
        return _dask_worker(nightly.n_recording, folder, seed)
    return _way(victim.removeprefix("way_"), nightly.n_recording, folder, seed)


@dataclass(frozen=True)
class _Nightly:
    """The nightly flow: a Prefect server and a download, both made when they are first needed."""

    stack: ExitStack
    folder: Path
    n_recording: int

    @cached_property
    def server(self) -> Any:
        from tests.prefect_server import prefect_server

        return self.stack.enter_context(prefect_server(self.folder / "prefect"))

    @cached_property
    def root(self) -> Path:
        from tests.e2e.flow_campaign import many_nights

        return many_nights(self.folder / "download", self.n_recording)

    def hit(self, victim: str, folder: Path, seed: int) -> Hit:
        from tests.e2e.flow_campaign import kill_and_finish

        found = kill_and_finish(self.server, self.root, self.n_recording, folder / "out", victim, seed)
        return asdict(found)


def _dask_worker(n_recording: int, folder: Path, seed: int) -> Hit:
    from tests.e2e.crash_campaign import command_subject, kill_worker_at

    subject = command_subject(folder, cohort="synthetic", n_recording=n_recording, hours=0.1, on_dask=True)
    n_store = random.Random(f"dask_worker {seed}").randrange(n_recording - _N_HANDED_OUT)
    return asdict(kill_worker_at(subject, n_store, seed=seed))


def _way(mode: str, n_recording: int, folder: Path, seed: int) -> Hit:
    from tests.storage_campaign import cut

    return asdict(cut(folder, mode, seed, n_night=n_recording))
