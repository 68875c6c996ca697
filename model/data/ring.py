"""Worker processes that copy windows into memory that all share and that is used again and again.

Every worker has a few slots of its own. A slot is named in the request for it, and the next request for the same
slot is sent only after its contents have been used: neither locks nor messages about free slots are needed, and
what comes out has the order of what was asked for.
"""

from __future__ import annotations

import ctypes
import signal
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data.draw import Draw
from model.data.gather import Gatherer, Raw
from schemas.errors import ModelError

__all__ = ["Ring", "read_here"]

_N_SLOT = 2  # of a worker: it fills one while the other is used
_STOP_S = 5.0  # a worker that has not ended by then is terminated


class Ring:
    """Read draws in worker processes, which are started afresh (``spawn``).

    Parameters
    ----------
    gatherer : Gatherer
        Sent to every worker.
    n_worker : int
    slot_byte : int
        Bytes of the largest draw that will be asked for.
    """

    def __init__(self, gatherer: Gatherer, n_worker: int, slot_byte: int) -> None:
        context = get_context("spawn")
        self._labels, self._slot_byte = gatherer.labels, slot_byte
        self._pending: deque[tuple[Draw, int, int]] = deque()
        self.memory: list[NDArray[np.uint8]] = []
        self._pipes: list[Connection] = []
        self._workers: list[Any] = []
        self.close = weakref.finalize(self, _stop, self._workers, self._pipes)
        for _ in range(n_worker):
            shared = context.RawArray(ctypes.c_uint8, _N_SLOT * slot_byte)
            here, there = context.Pipe()
            arguments = (there, shared, slot_byte, gatherer)
            worker = context.Process(target=_serve, args=arguments, daemon=True)
            worker.start()
            there.close()
            self.memory.append(np.frombuffer(memoryview(shared), np.uint8))
            self._pipes.append(here)
            self._workers.append(worker)

    def read(self, draws: Iterable[Draw]) -> Iterator[tuple[Draw, Raw]]:
        """Yield draws and what was read, in order; arrays are good until the next is asked for.

        Raises
        ------
        StoreCorrupt
            As in the worker.
        ModelError
            When a worker process has ended.
        """
        while self._pending:  # of an iteration that was left
            self._receive(self._pending.popleft()[1])
        n_worker = len(self._workers)
        for number, draw in zip(count(), draws, strict=False):
            if len(self._pending) == n_worker * _N_SLOT:
                yield self._next()
            worker, slot = number % n_worker, number // n_worker % _N_SLOT
            self._send(worker, (draw, slot))
            self._pending.append((draw, worker, slot))
        while self._pending:
            yield self._next()

    def _next(self) -> tuple[Draw, Raw]:
        draw, worker, slot = self._pending.popleft()
        error = self._receive(worker)
        if error is not None:
            raise error
        memory = self.memory[worker][slot * self._slot_byte :]
        return draw, Raw.within(memory, draw, self._labels)

    def _send(self, worker: int, request: tuple[Draw, int]) -> None:
        try:
            self._pipes[worker].send(request)
        except OSError:
            raise self._died(worker) from None

    def _receive(self, worker: int) -> Exception | None:
        try:
            error: Exception | None = self._pipes[worker].recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        return error

    def _died(self, worker: int) -> ModelError:
        self._workers[worker].join(_STOP_S)
        return ModelError(
            "a process that reads windows has ended",
            saw=f"exit code {self._workers[worker].exitcode}",
            why="A negative code is a signal: 9 mostly means that memory ran out.",
            do="Ask for fewer workers or smaller batches, and go on from the last checkpoint.",
        )


def read_here(gatherer: Gatherer, slot_byte: int, draws: Iterable[Draw]) -> Iterator[tuple[Draw, Raw]]:
    """Yield draws and what was read, as a ring, in this process and in one slot."""
    memory = np.empty(slot_byte, np.uint8)
    for draw in draws:
        raw = Raw.within(memory, draw, gatherer.labels)
        gatherer.fill(draw, raw)
        yield draw, raw


def _stop(workers: list[Any], pipes: list[Connection]) -> None:
    for pipe in pipes:
        pipe.close()  # a worker ends when nobody can ask it
    for worker in workers:
        worker.join(_STOP_S)
        if worker.is_alive():
            worker.terminate()
            worker.join()


def _serve(pipe: Connection, shared: Any, slot_byte: int, gatherer: Gatherer) -> None:
    """Fill slots until nobody asks any more; errors are handed over to be raised where they matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process is interrupted and ends this one
    memory = np.frombuffer(memoryview(shared), np.uint8)
    while True:
        try:
            draw, slot = pipe.recv()
        except (EOFError, OSError):
            return
        error: Exception | None = None
        try:
            gatherer.fill(draw, Raw.within(memory[slot * slot_byte :], draw, gatherer.labels))
        except Exception as raised:
            error = raised
        pipe.send(error)
