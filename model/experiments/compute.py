"""What a step of pre-training costs: parameters, operations, memory, time."""

from __future__ import annotations

import resource
import statistics
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from model.config import PRESETS, RunConfig
from model.data.loader import Options, open_pairs
from model.encoder import n_parameter
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.pretrain import Trainer

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """Which sizes, with how many windows; every step is of one pair, and steps of all pairs are measured.

    Parameters
    ----------
    configs : tuple of str
    batch, window : int
        The same for all sizes.
    n_step : int
        Steps that are timed, after as many as warm up.
    """

    configs: tuple[str, ...] = ("tiny",)
    batch: int = 8
    window: int = 40
    n_step: int = 10


def run(lab: Lab, settings: Settings) -> Result:
    """Return a row a size."""
    rows = [_measured(lab, settings, name) for name in settings.configs]
    return Result(
        rows, Chart("bar", "config", "step_ms"), {"device": lab.device, "threads": torch.get_num_threads()}
    )


def _measured(lab: Lab, settings: Settings, name: str) -> dict[str, Any]:
    run = PRESETS[name]
    precision = run.optim.precision if lab.device.startswith("cuda") else "float32"
    optim = replace(run.optim, batch=settings.batch, window=settings.window, precision=precision)
    run = RunConfig(name, 0, replace(run.model, modalities=lab.modalities), run.loss, optim)
    source = open_pairs(
        lab.shards,
        window=settings.window,
        batch=settings.batch,
        options=Options(modalities=lab.modalities, device=lab.device),
    )
    trainer, batches = Trainer(run, lab.device), iter(source)
    n_flop = 0
    for _ in range(settings.n_step):  # counting hooks every operation: these steps are not timed
        with FlopCounterMode(display=False) as counter:
            trainer.learn([next(batches)])
        n_flop += counter.get_total_flops()
    spent_s, waited_s = [], []
    for _ in range(settings.n_step):
        begun_s = time.perf_counter()
        batch = next(batches)
        ready_s = time.perf_counter()
        trainer.learn([batch])  # ends with the loss as a number: the device is done
        waited_s.append(ready_s - begun_s)
        spent_s.append(time.perf_counter() - ready_s)
    source.close()
    step_s = statistics.median(spent_s)
    return {
        "config": name,
        "n_parameter": n_parameter(trainer.network) + n_parameter(trainer.head),
        "gflop_a_step": n_flop / settings.n_step / 1e9,
        "step_ms": 1e3 * step_s,
        "wait_ms": 1e3 * statistics.median(waited_s),
        "gflop_a_second": n_flop / settings.n_step / 1e9 / statistics.mean(spent_s),
        "peak_mb": _peak_mb(lab.device),
    }


def _peak_mb(device: str) -> float:
    """Return the most memory that was taken: the device's, or this process's."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
