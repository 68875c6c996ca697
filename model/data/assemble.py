"""Make a batch on the device: counts are scaled where they are used, so that few bytes travel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.batch import Batch, Metadata
from model.data.buffers import Buffers
from model.data.draw import Draw
from model.data.gather import Gatherer, Raw, n_per_epoch
from model.data.normalise import Scaling, to_float
from pipeline.shards.people import People
from schemas.store import MISSING

__all__ = ["Assembler", "Assembly"]

_FEW = 1000  # samples of an epoch up to which a copy costs less than one conversion more


class Assembler:
    """What all batches of a loader have in common.

    Parameters
    ----------
    labels : tuple of str
    device : str
    with_measured : bool
        Whether batches say which samples were measured.
    """

    def __init__(
        self, scaling: Scaling, people: People, labels: tuple[str, ...], device: str, *, with_measured: bool
    ) -> None:
        self.scaling, self.labels, self.device = scaling, labels, torch.device(device)
        self.with_measured = with_measured
        self._buffers = Buffers()
        self.is_on_host = self.device.type == "cpu"  # samples are scaled in this process's memory
        self._people = (people.subject, people.age_years.astype(np.float32), people.sex, people.site)

    def there(self, values: NDArray[Any]) -> Tensor:
        """Return an array as a tensor on the device."""
        tensor = torch.from_numpy(values)
        return tensor if self.is_on_host else tensor.to(self.device)

    def metadata(self, draw: Draw) -> Metadata:
        """Return whom the windows are from."""
        return Metadata(*(self.there(column[draw.recording]) for column in self._people))

    def empty(self, draw: Draw) -> dict[str, Tensor]:
        """Return room for samples, (B, T, N) each."""
        tokens = (len(draw), draw.n_epoch)
        shapes = [(*tokens, n_per_epoch(name)) for name in draw.modalities]
        host = self.is_on_host
        room = self._buffers.tensors(shapes) if host else [torch.empty(s, device=self.device) for s in shapes]
        return dict(zip(draw.modalities, room, strict=True))


class Assembly:
    """A batch that is being filled, window by window in order."""

    def __init__(self, common: Assembler, draw: Draw) -> None:
        self._common, self._draw, self._n_done = common, draw, 0
        self._samples = common.empty(draw)
        asked_for = self._samples if common.with_measured else {}
        self._measured = {name: torch.empty_like(t, dtype=torch.bool) for name, t in asked_for.items()}
        own = (self._samples, self._measured) if common.is_on_host else ({}, {})
        self._out, self._is_measured = ({name: t.numpy() for name, t in tensors.items()} for tensors in own)
        self._facts = Raw.of_facts(draw, common.labels)

    @property
    def is_full(self) -> bool:
        """Whether all windows are there."""
        return self._n_done == len(self._draw)

    def read(self, gatherer: Gatherer) -> None:
        """Take all windows straight from the split."""
        draw = self._draw
        gatherer.facts(draw, self._facts)
        for modality in draw.modalities:
            for row in range(len(draw)):
                done = 0
                pieces = gatherer.pieces(draw, row, modality)
                for at, counts in pieces if n_per_epoch(modality) > _FEW else _joined(pieces):
                    done = at + len(counts)
                    self._put(modality, row, slice(at, done), counts)
                self._put_nothing(modality, row, done)
        self._n_done = len(draw)

    def add(self, part: Draw, raw: Raw) -> None:
        """Take over the next windows from arrays that will be used again."""
        first, self._n_done = self._n_done, self._n_done + len(part)
        for modality, counts in raw.counts.items():
            if not self._common.is_on_host:
                self._put_on_device(modality, slice(first, self._n_done), counts)
                continue
            for row, length in enumerate(part.length.tolist()):
                self._put(modality, first + row, slice(0, length), counts[row, :length])
                self._put_nothing(modality, first + row, length)
        for own, new in ((self._facts.valid, raw.valid), (self._facts.labels, raw.labels)):
            for name, values in new.items():
                own[name][first : self._n_done] = values

    def batch(self) -> Batch:
        """Return the batch; all windows have been put in."""
        draw, there = self._draw, self._common.there
        return Batch(
            self._samples,
            {name: there(valid) for name, valid in self._facts.valid.items()},
            {name: there(values).long() for name, values in self._facts.labels.items()},
            self._common.metadata(draw),
            there(draw.recording),
            there(draw.start),
            self._measured,
        )

    # --- samples -------------------------------------------------------------------------------------------

    def _put(self, modality: str, row: int, epochs: slice, counts: NDArray[np.int16]) -> None:
        recording, scaling = self._draw.recording[row], self._common.scaling
        gain, offset = scaling.gain[modality][recording], scaling.offset[modality][recording]
        to_float(counts, gain, offset, self._out[modality][row, epochs])
        if self._measured:
            np.not_equal(counts, MISSING, out=self._is_measured[modality][row, epochs])

    def _put_nothing(self, modality: str, row: int, first: int) -> None:
        """Fill what lies beyond a window's end."""
        if first < self._draw.n_epoch:
            self._out[modality][row, first:] = 0
            if self._measured:
                self._is_measured[modality][row, first:] = False

    def _put_on_device(self, modality: str, rows: slice, counts: NDArray[np.int16]) -> None:
        there = torch.from_numpy(counts).to(self._common.device)
        recording, scaling = self._draw.recording[rows], self._common.scaling
        tables = (scaling.gain[modality], scaling.offset[modality])
        gain, offset = (torch.from_numpy(table[recording]).to(there.device)[:, None, None] for table in tables)
        out = self._samples[modality][rows]
        torch.addcmul(offset, there.float(), gain, out=out)
        is_missing = there == MISSING
        out.masked_fill_(is_missing, 0)
        if self._measured:
            torch.logical_not(is_missing, out=self._measured[modality][rows])


def _joined(pieces: Iterable[tuple[int, NDArray[np.int16]]]) -> list[tuple[int, NDArray[np.int16]]]:
    """Return one piece of all."""
    counts = [piece for _, piece in pieces]
    return [(0, np.concatenate(counts))] if counts else []
