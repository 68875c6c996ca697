"""AdamW with warm-up and cosine, and the moving average of the weights that is evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from model.config import OptimConfig

__all__ = ["average_rate", "follow", "learning_rate", "make_optimiser", "named_state", "restore_state"]


def make_optimiser(modules: Iterable[nn.Module], config: OptimConfig) -> torch.optim.AdamW:
    """Return AdamW; weight decay is for matrices alone, not for norms, biases and learnt vectors."""
    learnt = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]
    is_fused = all(p.is_cuda for p in learnt)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=is_fused)


def learning_rate(step: int, config: OptimConfig) -> float:
    """Return the rate of a step, the first is 0: linear warm-up, then a cosine to its final share."""
    n_warm = max(1, round(config.warm_up_share * config.n_step))
    if step < n_warm:
        return config.learning_rate * (step + 1) / n_warm
    done = (step - n_warm) / max(1, config.n_step - n_warm)
    share = config.final_share + (1 - config.final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.learning_rate * share


def average_rate(step: int, config: OptimConfig) -> float:
    """Return how much of the average stays in a step: along a cosine from ``ema_start`` to 1."""
    done = min(1.0, step / max(1, config.n_step))
    return 1 - (1 - config.ema_start) * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, rate: float) -> None:
    """Move the average towards the model, which has no buffers."""
    slow, fast = ([p.detach() for p in module.parameters()] for module in (average, model))
    torch._foreach_lerp_(slow, fast, 1 - rate)  # one call for all: hundreds of small ones take longer than the work


def named_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's moments as tensors with names."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, own in state.items() for name, value in own.items()}


def restore_state(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `named_state` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
