"""One step of pre-training on this machine: time, TFLOP/s, and the share of a bare matrix product's rate.

``python -m benchmarks.train_step [--config base] [--batch 64] [--window 120] [--shards SET --workers 8] [--json]``

The step is the trainer's own, on made-up windows that lie on the device already: both modalities masked, encoded
and projected, the loss, its gradient, clipping, AdamW, the moving average. Operations are counted from the layers'
sizes, two a multiplication and addition, the gradient twice the way there; what a step does besides matrix products
is not counted, so the share is that of useful work. The product's rate is that of products on end for a second,
after another second of them: steps are such a load, too, and a GPU at the limit of its power slows down. That of
single products after a rest is given beside it (burst).

With a set of shards the same steps are taken on its windows, too, and the share of time that they wait is given;
the first batch that was made on the device must be what is made on the host.

Without a GPU the precision is float32 and the time is that of the processor, all threads together: what else the
machine does changes little. Needs torch, NumPy and pydantic alone, where no set is named.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch import Tensor

from model.batch import Batch, Metadata
from model.config import ModelConfig, RunConfig, preset
from model.pretrain import Trainer

PAIRS = (("eeg", "ecg"), ("eeg", "ibi"), ("ibi", "resp"))
MATRIX = 8192
N_WARM = 3  # steps until everything is compiled and every buffer is there


def operations(config: ModelConfig, modality: str, n_window: int, n_token: int) -> float:
    """Return the operations of one modality's way there."""
    w, h, f, p = config.token_width, config.width, config.ffn_width, config.projection_width
    n = config.n_sample(modality)
    tokenizer = n * 2 * w + 2 * w * w + n * w + w * h
    block = 4 * h * h + 2 * h * f + 2 * (n_token + 1) * h
    return 2.0 * n_window * n_token * (tokenizer + config.n_layer * block + h * h + h * p)


def made_up(pair: tuple[str, str], config: ModelConfig, n_window: int, n_token: int, device: str) -> Batch:
    """Return a batch of noise on the device."""
    samples = {m: torch.randn(n_window, n_token, config.n_sample(m), device=device) for m in pair}
    valid = {m: torch.ones(n_window, n_token, dtype=torch.bool, device=device) for m in pair}
    number = torch.arange(n_window, device=device)
    metadata = Metadata(number, 20.0 + number % 60, number % 2, number % 5)
    return Batch(samples, valid, {}, metadata, number, number)


def wait(device: str) -> float:
    """Return the time when all that was asked for is done; without a GPU, the processor time of this process."""
    if not device.startswith("cuda"):
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def matrix_rates(device: str, kind: torch.dtype) -> tuple[float, float]:
    """Return operations a second of large products of random matrices: on end, and after a rest."""
    is_gpu = device.startswith("cuda")
    size, n_long = (MATRIX, 700) if is_gpu else (MATRIX // 8, 20)
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))

    def products(n: int) -> float:
        begun = wait(device)
        for _ in range(n):
            a @ b
        return 2.0 * size**3 * n / (wait(device) - begun)

    products(2)
    burst = max(products(1) for _ in range(10))
    products(n_long)
    return products(n_long), burst


def measure(run: RunConfig, device: str, n_step: int) -> dict[str, Any]:
    """Return the figures of every pair."""
    kind = torch.bfloat16 if run.optim.precision == "bf16" else torch.float32
    on_end, burst = matrix_rates(device, kind)
    trainer = Trainer(run, device)
    found: dict[str, Any] = {
        "matrix_tflops": on_end / 1e12,
        "matrix_burst_tflops": burst / 1e12,
        "n_parameter": sum(p.numel() for p in trainer.network.parameters()),
    }
    for pair in PAIRS:
        batch = made_up(pair, run.model, run.optim.batch, run.optim.window, device)
        times = []
        for _ in range(n_step):
            begun = wait(device)
            trainer.learn([batch])
            times.append(wait(device) - begun)
        step_s = median(times[N_WARM:])
        work = 3 * sum(operations(run.model, m, run.optim.batch, run.optim.window) for m in pair)
        found["-".join(pair)] = {
            "step_ms": 1e3 * step_s,
            "tflops": work / step_s / 1e12,
            "share_of_matrix": work / step_s / on_end,
            "share_of_burst": work / step_s / burst,
            "windows_a_second": run.optim.batch / step_s,
        }
    if device.startswith("cuda"):
        found["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return found


def with_data(run: RunConfig, device: str, n_step: int, shards: str, n_worker: int) -> dict[str, Any]:
    """Return what steps take on a set's windows, and how much of it is waiting."""
    from model.data.loader import Options, open_pairs

    size, trainer = run.optim.batch, Trainer(run, device)
    found: dict[str, Any] = {"workers": n_worker}
    for pair in PAIRS:

        def windows(place: str, n_worker: int, pair: tuple[str, str] = pair) -> Any:
            options = Options(modalities=pair, device=place, workers=n_worker)
            return open_pairs(shards, window=run.optim.window, batch=size, options=options)

        loader = windows(device, n_worker)
        batches, step_s, wait_s, n_window = iter(loader), list[float](), list[float](), list[int]()
        for number in range(n_step):
            begun_s = wait(device)
            batch = next(batches)
            ready_s = wait(device)
            if number == 0:
                check_same(batch, next(iter(windows("cpu", 0))))
            trainer.learn([batch])
            step_s.append(wait(device) - begun_s)
            wait_s.append(ready_s - begun_s)
            n_window.append(len(batch.recording))
        loader.close()
        found["-".join(pair)] = {
            "windows": median(n_window[N_WARM:]),  # a batch: a pass is cut evenly, so fewer than asked for
            "step_ms": 1e3 * median(step_s[N_WARM:]),
            "wait_share": sum(wait_s[N_WARM:]) / sum(step_s[N_WARM:]),
        }
    return found


def check_same(there: Batch, here: Batch) -> None:
    """Refuse batches that are not of the same windows and numbers."""
    torch.testing.assert_close(there.recording.cpu(), here.recording, rtol=0, atol=0)
    for parts, wanted in ((there.samples, here.samples), (there.valid, here.valid)):
        for name, values in wanted.items():
            own: Tensor = parts[name].cpu()
            torch.testing.assert_close(own, values, rtol=1e-6, atol=1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one step of pre-training.")
    parser.add_argument("--config", default="base")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--window", type=int, default=120)
    parser.add_argument("--steps", type=int, default=23)
    parser.add_argument("--shards", help="a set: what its data cost, too")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = preset(options.config, batch=options.batch, window=options.window)
    if device == "cpu":
        run = replace(run, optim=replace(run.optim, precision="float32"))
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    found = {
        "device": name,
        "torch": torch.__version__,
        "config": options.config,
        "batch": options.batch,
        "window": options.window,
        **measure(run, device, options.steps),
    }
    if options.shards:
        found["with_data"] = with_data(run, device, options.steps, options.shards, options.workers)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for key, value in found.items():
        print(f"{key:16s} {value}")


if __name__ == "__main__":
    main()
