"""Batches of training shards: pairs of modalities for pre-training, windows, whole nights.

The order is a function of seed and pass alone: it is the same with any number of workers, and ranks share every
batch between them. A loader that was stopped goes on with the very next batch.
"""

from __future__ import annotations

import hashlib
import random
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.batch import Batch
from model.data.ahead import let_gpu_read, one_ahead
from model.data.assemble import Assembler, Assembly
from model.data.draw import Draw, Spans
from model.data.dropout import SensorDropout
from model.data.gather import Gatherer, Raw, n_byte
from model.data.normalise import Scaling
from model.data.plan import NightPlan, Pair, PairPlan, Plan, WindowPlan, all_pairs
from model.data.ring import Ring, read_here
from pipeline.shards.people import read_people
from pipeline.shards.read import Nights, ShardSet, open_shards
from schemas.errors import CheckpointInvalid, ModelError
from schemas.vocabulary import Modality

__all__ = ["Loader", "Options", "open_nights", "open_pairs", "open_windows"]

_PART_BYTE = 1 << 25  # of counts that a worker copies at a time: 32 MiB, a few windows


@dataclass(frozen=True)
class Options:
    """How windows are read.

    Parameters
    ----------
    split : str
    modalities : sequence of Modality, optional
        Any that the set holds; all of them without.
    least_usable : float
        A token is valid when at least this share of its samples is usable.
    in_bed_only : bool
        Leave out what is known to be before lights off and after lights on.
    n_person : int, optional
        Nights of so many persons only, drawn by the seed.
    dropout : SensorDropout, optional
        Sensors that fail on purpose.
    with_measured : bool
        Whether batches say which samples were measured.
    workers : int
        Processes that read; 0 reads in this one.
    device : str
        Where batches are made: counts travel there and are scaled there.
    rank, n_rank : int
        Which share of every batch is this process's.
    """

    split: str = "train"
    modalities: Sequence[Modality | str] | None = None
    least_usable: float = 0.5
    in_bed_only: bool = True
    n_person: int | None = None
    dropout: SensorDropout | None = None
    with_measured: bool = False
    workers: int = 0
    device: str = "cpu"
    rank: int = 0
    n_rank: int = 1


class Loader:
    """Batches of an open split in a plan's order; made by `open_pairs`, `open_windows`, `open_nights`.

    Assumptions: the set's files do not change while it is open.
    """

    def __init__(
        self,
        place: Path | str,
        shards: ShardSet,
        plan: Plan,
        labels: tuple[str, ...],
        options: Options,
        *,
        is_endless: bool,
    ) -> None:
        self._plan, self._options, self._is_endless = plan, options, is_endless
        self._pass, self._step = 0, 0
        self._gatherer = Gatherer(shards, labels, options.least_usable, options.in_bed_only)
        people = read_people(place, options.split, shards.nights.recording)
        self._assembler = Assembler(
            Scaling.of(shards), people, labels, options.device, with_measured=options.with_measured
        )
        self._ring: Ring | None = None
        self._making: Callable[[], Generator[tuple[_Turn, Batch]] | None] = lambda: None
        self._identity = _identity(plan, shards)
        first = plan.batches(0)
        if not first:
            raise ModelError(
                "the set has no window like this",
                saw=f"{len(shards.nights.recording)} recordings of the split {options.split}",
                do="Ask for other modalities or pairs; the set's card says who has what.",
            )
        none = np.zeros(1, np.int64)
        longest = Draw(plan.spans.modalities, none, none, none, max(draw.n_epoch for draw in first))
        self._slot_byte = max(_PART_BYTE, self._row_byte(longest))

    @property
    def modalities(self) -> tuple[str, ...]:
        """What batches may hold."""
        return self._plan.spans.modalities

    @property
    def nights(self) -> Nights:
        """The recordings of the split; batches say their positions."""
        return self._gatherer.shards.nights

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from the current place on: without end, or to the end of the pass."""
        self._leave()
        made = self._made()
        self._making = weakref.ref(made)
        for turn, batch in made:
            self._pass, self._step = turn.number, turn.step + 1
            if self._options.dropout is not None and len(turn.draw):
                seeds = [self._plan.seed, turn.number, turn.step, self._options.rank]
                self._options.dropout.apply(batch, np.random.default_rng(seeds))
            yield batch
            del batch  # its memory is for the next one, once the caller has let go of it as well
        if self._making() is made:  # one that was left ends here, too, but not its pass
            self._pass, self._step = self._pass + 1, 0

    def read(self, draw: Draw) -> Batch:
        """Return windows that the caller names, whatever the plan; read in this process, on the host."""
        assembly = Assembly(self._assembler, draw)
        assembly.read(self._gatherer)
        return assembly.batch()

    def state_dict(self) -> dict[str, Any]:
        """Return the place behind the last batch that was yielded."""
        return {"pass": self._pass, "step": self._step, "plan": self._identity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a place.

        Raises
        ------
        CheckpointInvalid
            When it is one in another set or plan.
        """
        if state.get("plan") != self._identity:
            raise CheckpointInvalid(
                "the place is one in other data",
                why="The set, the seed, the batch, the window or the modalities were others.",
                do="Open the set as the run did, or begin a new run.",
            )
        self._pass, self._step = state["pass"], state["step"]

    def close(self) -> None:
        """End the workers; they are started again when they are needed."""
        self._leave()
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _leave(self) -> None:
        """End an iteration that somebody still holds: it may be making the batch ahead."""
        if (making := self._making()) is not None:
            making.close()
        self._making = lambda: None

    # --- the ways ------------------------------------------------------------------------------------------

    def _made(self) -> Generator[tuple[_Turn, Batch]]:
        """Make batches in the fastest way: straight from the split, through workers, or beside a GPU's work."""
        if not self._assembler.is_on_host:
            return one_ahead(self._through_slots(), self._assembler.device)
        return self._through_slots() if self._options.workers else self._directly()

    def _directly(self) -> Generator[tuple[_Turn, Batch]]:
        return ((turn, self.read(turn.draw)) for turn in self._turns())

    def _through_slots(self) -> Generator[tuple[_Turn, Batch]]:
        asked: deque[_Turn] = deque()

        def parts() -> Iterator[Draw]:
            for turn in self._turns():
                asked.append(turn)
                yield from turn.draw.parts(max(1, _PART_BYTE // self._row_byte(turn.draw)))

        assembly: Assembly | None = None
        for part, raw in self._copied(parts()):
            assembly = assembly or Assembly(self._assembler, asked[0].draw)
            assembly.add(part, raw)
            if assembly.is_full:
                yield asked.popleft(), assembly.batch()
                assembly = None

    def _copied(self, parts: Iterator[Draw]) -> Iterator[tuple[Draw, Raw]]:
        """Yield what workers copy; this process where there are none."""
        if not self._options.workers:
            return read_here(self._gatherer, self._slot_byte, parts)
        if self._ring is None:
            self._ring = Ring(self._gatherer, self._options.workers, self._slot_byte)
            for memory in self._ring.memory if self._assembler.device.type == "cuda" else ():
                let_gpu_read(memory)
        return self._ring.read(parts)

    def _turns(self) -> Iterator[_Turn]:
        """Yield what this rank reads."""
        number, first, own = self._pass, self._step, slice(self._options.rank, None, self._options.n_rank)
        while True:
            batches = self._plan.batches(number)
            yield from (_Turn(number, step, batches[step].rows(own)) for step in range(first, len(batches)))
            if not self._is_endless:
                return
            number, first = number + 1, 0

    def _row_byte(self, draw: Draw) -> int:
        return n_byte(draw.rows(slice(0, 1)), self._gatherer.labels) or 1


class _Turn(NamedTuple):
    """A batch of a run: when it comes, and what is read for it."""

    number: int  # of the pass
    step: int
    draw: Draw


def _identity(plan: Plan, shards: ShardSet) -> str:
    """Return what decides which windows come when."""
    spans = plan.spans
    facts = [shards.split, *shards.nights.recording, *spans.modalities, repr(plan.choices)]
    digest = hashlib.sha256("\0".join(map(str, facts)).encode())
    for column in (spans.start, spans.length, spans.present):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _spans(shards: ShardSet, options: Options, seed: int) -> Spans:
    """Return what windows may be taken from."""
    spans = Spans.of(shards, in_bed_only=options.in_bed_only)
    if options.n_person is None:
        return spans
    persons = sorted(set(shards.nights.subject))
    chosen = set(random.Random(seed).sample(persons, min(options.n_person, len(persons))))
    return spans.only(np.array([person in chosen for person in shards.nights.subject]))


def open_pairs(
    place: Path | str,
    *,
    window: int = 120,
    batch: int = 320,
    seed: int = 0,
    pairs: Sequence[Pair] | None = None,
    options: Options = Options(),
) -> Loader:
    """Open batches for pre-training: each of one pair of modalities, with windows of nights that have both.

    Parameters
    ----------
    place : Path or str
        The set's folder or URL.
    window : int
        Epochs of a window.
    batch : int
        Windows of a batch, all ranks together.
    pairs : sequence of pairs of modalities, optional
        All pairs of the modalities without.

    Returns
    -------
    Loader
        Without end; every window of a night is in one batch a pass.

    Raises
    ------
    SplitLeak
        When a person or a family is in two splits of the set.
    ModelError
        When no night has both modalities of any pair.
    StoreError, ChannelError
        As `pipeline.shards.read.open_shards`.
    """
    shards = open_shards(place, options.split, options.modalities)
    spans = _spans(shards, options, seed)
    plan = PairPlan(spans, tuple(pairs or all_pairs(spans.modalities)), window, batch, seed)
    return Loader(place, shards, plan, (), options, is_endless=True)


def open_windows(
    place: Path | str,
    *,
    window: int = 120,
    batch: int = 32,
    seed: int = 0,
    labels: Sequence[str] = (),
    options: Options = Options(),
) -> Loader:
    """Open batches of windows with all of the modalities; what a night does not have is 0 and not valid.

    Parameters
    ----------
    labels : sequence of str
        Arrays that go with the samples: ``stage``, ``event_<class>``, ``onset_<class>``.

    Returns
    -------
    Loader
        Without end.

    Raises
    ------
    SplitLeak, ModelError, StoreError, ChannelError
        As `open_pairs`.
    """
    shards = open_shards(place, options.split, options.modalities)
    plan = WindowPlan(_spans(shards, options, seed), window, batch, seed)
    return Loader(place, shards, plan, tuple(labels), options, is_endless=True)


def open_nights(
    place: Path | str,
    *,
    batch: int = 1,
    seed: int = 0,
    labels: Sequence[str] = ("stage",),
    is_endless: bool = False,
    options: Options = Options(),
) -> Loader:
    """Open batches of whole nights, filled up to the longest of each batch.

    Parameters
    ----------
    is_endless : bool
        Shuffled anew for every pass and without end, for training; otherwise each night once, in their order.

    Raises
    ------
    SplitLeak, ModelError, StoreError, ChannelError
        As `open_pairs`.
    """
    shards = open_shards(place, options.split, options.modalities)
    plan = NightPlan(_spans(shards, options, seed), batch, seed, is_endless)
    return Loader(place, shards, plan, tuple(labels), options, is_endless=is_endless)
