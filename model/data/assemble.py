"""Make a batch on the device: counts are scaled where they are used, so that few bytes travel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from model.batch import Batch, Metadata
from model.data.buffers import Buffers
from model.data.draw import Draw
from model.data.gather import Gatherer, Raw
from model.data.normalise import Scaling, to_float
from pipeline.shards.people import People
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality

__all__ = ["Assembler", "Assembly"]


class Assembler:
    """What all batches of a loader have in common.

    Parameters
    ----------
    labels : tuple of str
    device : str
    """

    def __init__(self, scaling: Scaling, people: People, labels: tuple[str, ...], device: str) -> None:
        self.scaling, self.labels, self.device = scaling, labels, torch.device(device)
        self.buffers = Buffers()
        self._metadata = Metadata(
            torch.from_numpy(people.subject),
            torch.from_numpy(people.age_years).float(),
            torch.from_numpy(people.sex),
            torch.from_numpy(people.site),
        )

    @property
    def is_on_host(self) -> bool:
        """Whether samples are scaled in this process's memory."""
        return self.device.type == "cpu"

    def begin(self, draw: Draw) -> Assembly:
        """Return a batch into which windows are to be put."""
        return Assembly(self, draw)

    def metadata(self, draw: Draw) -> Metadata:
        """Return whom the windows are from."""
        rows = torch.from_numpy(draw.recording)
        facts = self._metadata
        return Metadata(facts.subject[rows], facts.age_years[rows], facts.sex[rows], facts.site[rows])

    def empty(self, draw: Draw, modality: str) -> Tensor:
        """Return room for the samples of a modality, (B, T, N)."""
        shape = (len(draw), draw.n_epoch, modality_kind(Modality(modality)).rate_class.n_per_epoch)
        return self.buffers.tensor(shape) if self.is_on_host else torch.empty(shape, device=self.device)


class Assembly:
    """A batch that is being filled, window by window in order."""

    def __init__(self, common: Assembler, draw: Draw) -> None:
        self._common, self._draw, self._n_done = common, draw, 0
        self._samples = {name: common.empty(draw, name) for name in draw.modalities}
        tokens = (len(draw), draw.n_epoch)
        self._valid = {name: torch.empty(tokens, dtype=torch.bool) for name in draw.modalities}
        self._labels: dict[str, list[Tensor]] = {name: [] for name in common.labels}

    def add(self, part: Draw, raw: Raw) -> None:
        """Take over the next windows from arrays that will be used again."""
        rows = slice(self._n_done, self._n_done + len(part))
        for modality, counts in raw.counts.items():
            if self._common.is_on_host:
                self._scale(part, modality, counts, self._samples[modality][rows].numpy())
            else:
                self._scale_on_device(part, modality, counts, self._samples[modality][rows])
        self._take_facts(rows, raw)

    @property
    def is_full(self) -> bool:
        """Whether all windows are there."""
        return self._n_done == len(self._draw)

    def read(self, gatherer: Gatherer) -> None:
        """Take all windows straight from the split."""
        part, rows = self._draw, slice(0, len(self._draw))
        raw = Raw.of_facts(part, self._common.labels)
        gatherer.facts(part, raw)
        for modality in part.modalities:
            out = self._samples[modality][rows].numpy()
            gain, offset = self._common.scaling.gain[modality], self._common.scaling.offset[modality]
            for row, recording in enumerate(part.recording.tolist()):
                done = 0
                for at, piece in gatherer.pieces(part, row, modality):
                    done = at + len(piece)
                    to_float(piece, gain[recording], offset[recording], out[row, at:done])
                out[row, done:] = 0
        self._take_facts(rows, raw)

    def batch(self) -> Batch:
        """Return the batch; all windows have been put in."""
        draw, device = self._draw, str(self._common.device)
        labels = {name: torch.cat(parts).long() for name, parts in self._labels.items()}
        return Batch(
            self._samples,
            {name: valid.to(device, non_blocking=True) for name, valid in self._valid.items()},
            {name: values.to(device, non_blocking=True) for name, values in labels.items()},
            self._common.metadata(draw).to(device),
            torch.from_numpy(draw.recording).to(device),
            torch.from_numpy(draw.start).to(device),
        )

    def _take_facts(self, rows: slice, raw: Raw) -> None:
        for name, valid in raw.valid.items():
            self._valid[name][rows] = torch.from_numpy(valid)
        for name, values in raw.labels.items():
            self._labels[name].append(torch.from_numpy(values.copy()))
        self._n_done = rows.stop

    def _scale(self, part: Draw, modality: str, counts: np.ndarray, out: np.ndarray) -> None:
        gain, offset = self._common.scaling.gain[modality], self._common.scaling.offset[modality]
        for row, recording in enumerate(part.recording.tolist()):
            to_float(counts[row], gain[recording], offset[recording], out[row])

    def _scale_on_device(self, part: Draw, modality: str, counts: np.ndarray, out: Tensor) -> None:
        there = torch.from_numpy(counts).to(self._common.device)
        tables = (self._common.scaling.gain[modality], self._common.scaling.offset[modality])
        gain, offset = (torch.from_numpy(t[part.recording]).to(there.device)[:, None, None] for t in tables)
        torch.addcmul(offset, there.float(), gain, out=out)
        out.masked_fill_(there == MISSING, 0)
