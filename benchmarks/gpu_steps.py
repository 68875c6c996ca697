"""Steps of pre-training on a GPU: ``benchmarks.train_step`` alone runs there, its figures are brought here.

A machine with a GPU often has little more than torch. What the program prints there is put into ``out/gpu`` as
``batch-<windows>.json``; ``python -m benchmarks.prove training-step-gpu`` judges it and keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.evidence import ROOT, Figures, Progress

__all__ = ["BROUGHT", "gpu_steps"]

BROUGHT = ROOT / "out" / "gpu"


def gpu_steps(progress: Progress, parameters: Mapping[str, Any]) -> Figures:
    """Return the figures of every size of batch."""
    return {
        f"batch_{size}": progress.once(f"batch {size}", lambda size=size: brought(BROUGHT, size))
        for size in parameters["batches"]
    }


def brought(folder: Path, size: int) -> Figures:
    """Return what was measured elsewhere with so many windows a batch.

    Raises
    ------
    FileNotFoundError
        When nobody has brought it.
    ValueError
        When it is of another size, or of no GPU.
    """
    path = folder / f"batch-{size}.json"
    command = f"python -m benchmarks.train_step --batch {size} --steps 60 --shards SET --workers 6 --json"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run `{command}` on a machine with a GPU and put what it prints there")
    found: Figures = json.loads(path.read_text("utf-8"))
    if found["batch"] != size or found["device"] == "CPU" or "with_data" not in found:
        saw = (
            f"{found['batch']} windows on {found['device']}, {'with' if 'with_data' in found else 'without'} a set"
        )
        raise ValueError(f"{path}: saw {saw}. Bring what `{command}` prints on a machine with a GPU.")
    return found
