"""Batches that are made beside the step."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from model.batch import Batch, Metadata
from model.data.ahead import one_ahead

CPU = torch.device("cpu")


def batch(number: int) -> Batch:
    """Return a batch that tells its number."""
    column = torch.tensor([number])
    return Batch({}, {}, {}, Metadata(column, column.float(), column, column), column, column)


def test_batches_come_in_their_order_with_what_belongs_to_them() -> None:
    """Nothing is lost, doubled or swapped."""
    came = [(turn, int(made.start)) for turn, made in one_ahead(((n, batch(n)) for n in range(5)), CPU)]
    assert came == [(n, n) for n in range(5)]


def test_the_next_batch_is_made_while_one_is_used() -> None:
    """The second is asked for before the first is given back; the third is not."""
    begun = [threading.Event() for _ in range(3)]

    def made() -> Iterator[tuple[int, Batch]]:
        for n, event in enumerate(begun):
            event.set()
            yield n, batch(n)

    ahead = one_ahead(made(), CPU)
    next(ahead)
    assert begun[1].wait(timeout=10)
    assert not begun[2].is_set()
    ahead.close()


def test_an_error_comes_where_its_batch_would_have_come() -> None:
    """What was made before it can be used."""

    def made() -> Iterator[tuple[int, Batch]]:
        yield 0, batch(0)
        raise ValueError("a chunk is not what was written")

    ahead = one_ahead(made(), CPU)
    assert next(ahead)[0] == 0
    with pytest.raises(ValueError, match="a chunk is not"):
        next(ahead)


def test_nothing_is_made_after_it_was_left() -> None:
    """Closing waits for the batch that is being made: its source is free for others afterwards."""
    made: list[int] = []

    def source() -> Iterator[tuple[int, Batch]]:
        for n in range(100):
            made.append(n)
            yield n, batch(n)

    ahead = one_ahead(source(), CPU)
    next(ahead)
    ahead.close()
    assert len(made) <= 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
