"""Several processes that train one model, each on its share of every batch.

``torchrun`` starts them. What each has encoded goes to all, so that every rank sees the projection, its BatchNorm
and the loss of the joined batch: more processes are the same run, sooner. A gradient flows back into a rank's own
windows alone; the sum over ranks is the joined batch's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from model.batch import Metadata

__all__ = ["ALONE", "Ranks", "join"]


@dataclass(frozen=True)
class Ranks:
    """This process among those of its run; one that is alone has nobody to ask."""

    rank: int = 0
    n_rank: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def most_rows(self, own: Tensor) -> int:
        """Return how many rows the rank with most has."""
        if self.n_rank == 1:
            return len(own)
        number = torch.tensor(len(own), device=own.device)
        distributed.all_reduce(number, distributed.ReduceOp.MAX)
        return int(number)

    def rows(self, own: Tensor, n_row: int, fill: float = 0) -> Tensor:
        """Return the rows of all ranks, (n_rank · n_row, …), each rank's filled up; gradients flow to its own."""
        if self.n_rank == 1:
            return own
        filled = F.pad(own, (*[0, 0] * (own.ndim - 1), 0, n_row - len(own)), value=fill)
        parts = [torch.empty_like(filled) for _ in range(self.n_rank)]
        distributed.all_gather(parts, filled.detach().contiguous())
        parts[self.rank] = filled
        return torch.cat(parts)

    def sides(self, own: Tensor, n_row: int) -> Tensor:
        """Return both sides of a pair, (2 B, …), one behind the other, of all ranks: (2 C, …)."""
        if self.n_rank == 1:
            return own
        return torch.cat([self.rows(side, n_row) for side in own.chunk(2)])

    def parts(self, n_row: int) -> list[slice]:
        """Return where each rank's rows are."""
        return [slice(k * n_row, (k + 1) * n_row) for k in range(self.n_rank)]

    def metadata(self, own: Metadata, n_row: int) -> Metadata:
        """Return the metadata of `rows`; of what is filled up nothing is known."""
        fill = {name: float("nan") if name == "age_years" else -1 for name in vars(own)}
        return Metadata(**{name: self.rows(column, n_row, fill[name]) for name, column in vars(own).items()})

    def add_gradients(self, network: nn.Module, head: nn.Module) -> None:
        """Add up what the ranks have: of the network each a part, of the head each the whole."""
        if self.n_rank == 1:
            return
        for parameter in head.parameters():
            if parameter.grad is not None:
                parameter.grad /= self.n_rank
        own = [p.grad for p in (*network.parameters(), *head.parameters()) if p.grad is not None]
        flat = nn.utils.parameters_to_vector(own)  # in one piece: each message has its price
        distributed.all_reduce(flat)
        nn.utils.vector_to_parameters(flat, own)

    def wait(self) -> None:
        """Return when all ranks are here."""
        if self.n_rank > 1:
            distributed.barrier()


ALONE = Ranks()


def join(device: str) -> tuple[Ranks, str]:
    """Meet the other processes that ``torchrun`` started, if it did.

    Returns
    -------
    ranks : Ranks
    device : str
        This process's own GPU where GPUs are used.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE, device
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Ranks(distributed.get_rank(), distributed.get_world_size()), device
