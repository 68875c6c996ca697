"""A pre-trained network with a head: any modalities of a night to an answer.

Every modality is encoded alone; at each token those that are valid are mixed, each with one learnt weight, by a
softmax over them. A night without a modality, or with a sensor lost for hours, is therefore nothing special.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from model.batch import Batch
from model.config import ModelConfig
from model.encoder import Sleep2Vec
from model.tasks import Level, Task
from schemas.errors import ModelError

__all__ = ["Downstream", "Fusion"]


class Fusion(nn.Module):
    """Softmax over one learnt number a modality, among those that are valid."""

    def __init__(self, modalities: Sequence[str]) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.score = nn.Parameter(torch.zeros(len(self.modalities)))

    def forward(self, vectors: Mapping[str, Tensor], valid: Mapping[str, Tensor]) -> Tensor:
        """Mix.

        Parameters
        ----------
        vectors : mapping of modality to Tensor, shape (..., W)
            Any subset.
        valid : mapping of modality to Tensor, shape (...), bool

        Returns
        -------
        Tensor, shape (..., W)
            0 where nothing is valid.
        """
        names = [name for name in self.modalities if name in vectors]
        known = torch.stack([valid[name] for name in names])  # (M, ...)
        score = torch.stack([self.score[self.modalities.index(name)] for name in names])
        score = score.view(-1, *[1] * (known.ndim - 1)).expand(known.shape)
        share = score.masked_fill(~known, -1e9).softmax(dim=0) * known  # (M, ...)
        parts = (share[i, ..., None].to(vectors[n].dtype) * vectors[n] for i, n in enumerate(names))
        return sum(parts, torch.zeros(()))


class Downstream(nn.Module):
    """Network, fusion and a head of two layers.

    Parameters
    ----------
    is_frozen : bool
        The network is used as it is, and not trained: a probe.
    """

    def __init__(self, config: ModelConfig, task: Task, *, is_frozen: bool = False) -> None:
        super().__init__()
        self.task, self.is_frozen = task, is_frozen
        self.network = Sleep2Vec(config)
        self.fusion = Fusion(config.modalities)
        width = config.width * (2 if task.level is Level.NIGHT else 1)
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, config.width), nn.GELU(), nn.Linear(config.width, task.n_out)
        )
        if is_frozen:
            self.network.requires_grad_(False)

    def train(self, mode: bool = True) -> Downstream:
        """Switch dropout on or off; a frozen network stays as it is in use."""
        super().train(mode)
        if self.is_frozen:
            self.network.eval()
        return self

    def check(self, names: Iterable[str]) -> None:
        """Refuse modalities that the model was not made for.

        Raises
        ------
        ModelError
        """
        if unknown := set(names) - set(self.fusion.modalities):
            raise ModelError(
                "the model does not know a modality",
                saw=", ".join(sorted(unknown)),
                expected=", ".join(self.fusion.modalities),
                do="Leave it out.",
            )

    def forward(self, batch: Batch, modalities: Sequence[str] | None = None) -> Tensor:
        """Answer.

        Parameters
        ----------
        modalities : sequence of str, optional
            Those to use, all that the batch has without.

        Returns
        -------
        Tensor, shape (B, T, n_out), or (B, n_out) for a task of nights
        """
        wanted = list(batch.samples) if modalities is None else modalities
        self.check(wanted)
        names = [name for name in wanted if name in batch.samples]
        return self.decide(self.encode(batch, names), {name: batch.valid[name] for name in names})

    def encode(self, batch: Batch, names: Sequence[str]) -> dict[str, Tensor]:
        """Encode modalities of a batch, each (B, 1 + T, W)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            return {name: self.network(name, batch.samples[name], batch.valid[name]) for name in names}

    def decide(self, encoded: Mapping[str, Tensor], valid: Mapping[str, Tensor]) -> Tensor:
        """Fuse encoded modalities, any subset of them, and answer."""
        tokens = self.fusion({name: x[:, 1:] for name, x in encoded.items()}, valid)  # (B, T, W)
        if self.task.level is Level.NIGHT:
            has = {name: known.any(dim=1) for name, known in valid.items()}  # (B,)
            whole = self.fusion({name: x[:, 0] for name, x in encoded.items()}, has)  # (B, W)
            n_known = torch.stack(list(valid.values())).any(dim=0).sum(dim=1, keepdim=True)  # (B, 1)
            mean = tokens.sum(dim=1) / n_known.clamp(min=1)  # (B, W): tokens that are not valid are 0
            tokens = torch.cat([whole, mean], dim=-1)  # (B, 2 W)
        answer: Tensor = self.head(tokens)
        return answer
