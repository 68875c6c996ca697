"""Stages of three hours of a real night: by a model that saw made-up nights alone, and by YASA beside it.

``python -m benchmarks.staging [--nights 24] [--hours 1] [--json]``

Everything goes the way of the commands: synth, convert, splits, shards, pretrain, finetune; then the real excerpt
is converted and staged from EEG and EOG. Agreement is that with the published stages (one scorer, Rechtschaffen and
Kales, stages 3 and 4 as N3). One excerpt of one person says that the way is open from end to end and that signals
arrive in their units; it says nothing of clinical accuracy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence import ROOT
from flows.commands.demo import lay_out_sleep_edf
from model.experiments.baseline_yasa import yasa_stages
from model.metrics import accuracy, class_f1, confusion, kappa, macro_f1
from pipeline.api import open_recording
from schemas.vocabulary import Stage

STAGES = [stage.name for stage in Stage if stage >= 0]


def command(*words: object) -> str:
    """Run a command of ours and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"sleep2vec {words[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def real_night(place: Path) -> Path:
    """Convert the excerpt as if it had been downloaded, and return its store."""
    lay_out_sleep_edf(place / "sleep-edf")
    command("convert", "sleep_edf", "--root", place / "sleep-edf", "--out", place / "real")
    return place / "real" / "sleep_edf" / "SC4001E0.zarr"


def trained(place: Path, nights: int, hours: float, steps: int, seed: int) -> tuple[Path, Path]:
    """Train on made-up nights; return the model and its shards."""
    download, stores, shards = place / "download", place / "stores", place / "set"
    command("synth", download, "--nights", nights, "--hours", hours, "--seed", seed)
    command("convert", "synthetic", "--root", download, "--out", stores, "--workers", 1)
    shares = ("--val", 0.2, "--test", 0.25)
    command("splits", "make", stores, "--seed", seed, *shares, "--out", place / "splits.tsv")
    command(
        *("shards", "build", stores, "--split-file", place / "splits.tsv", "--out", shards),
        *("--modalities", "eeg", "eog"),
    )
    common = ("--config", "tiny", "--shards", shards, "--steps", steps, "--seed", seed, "--device", "cpu")
    command("pretrain", *common, "--set", "optim.learning_rate=0.003", "--out", place / "pretrained")
    own = ("--task", "stage5", "--checkpoint", place / "pretrained", "--out", place / "stage5")
    command("finetune", *common, *own, "--set", "optim.learning_rate=0.005")
    return place / "stage5", shards


def agreement(truth: np.ndarray, answer: np.ndarray) -> dict[str, Any]:
    """Compare stages, epoch by epoch; below 0 does not count."""
    counts = confusion(np.where(answer >= 0, truth, -1), answer, len(STAGES))
    f1 = {
        name: float(value) if np.isfinite(value) else None
        for name, value in zip(STAGES, class_f1(counts), strict=True)
    }
    return {
        "n_epoch": int(counts.sum()),
        "accuracy": accuracy(counts),
        "kappa": kappa(counts),
        "macro_f1": macro_f1(counts),
        "f1": f1,
    }


def staged(place: Path, *, nights: int, hours: float, steps: int, seed: int) -> dict[str, Any]:
    """Return what was found."""
    model, shards = trained(place, nights, hours, steps, seed)
    synthetic = json.loads(command("evaluate", "--checkpoint", model, "--shards", shards, "--json"))
    store = real_night(place)
    epochs = json.loads(command("stage", store, "--checkpoint", model, "--json"))["epochs"]
    with open_recording(store) as ds:
        truth = ds["stage"].values
        channels = [str(name) for name in ds["channel"].values if str(name).startswith("eeg")]
    own = np.array([STAGES.index(row["stage"]) if row["stage"] in STAGES else -1 for row in epochs])
    return {
        "scored": {name: int((truth == number).sum()) for number, name in enumerate(STAGES)},
        "synthetic": {name: synthetic[name] for name in ("n_recordings", "accuracy", "kappa", "macro_f1")},
        "model": agreement(truth, own),
        "commonest": agreement(truth, np.full_like(truth, np.bincount(truth[truth >= 0]).argmax())),
        "yasa": {name: agreement(truth, yasa_stages(store, name).argmax(axis=1)) for name in channels},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Stage a real excerpt with a model of made-up nights, and with YASA."
    )
    parser.add_argument("--nights", type=int, default=24)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=200, help="of pre-training, and of fine-tuning")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    numbers = {name: getattr(options, name) for name in ("nights", "hours", "steps", "seed")}
    with tempfile.TemporaryDirectory() as folder:
        found = staged(Path(folder), **numbers)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"agreement with the published stages of {found['model']['n_epoch']} epochs of EEG and EOG")
    rows = {"the commonest stage": found["commonest"], "model of made-up nights": found["model"]}
    rows |= {f"YASA, {name}": facts for name, facts in found["yasa"].items()}
    for name, facts in rows.items():
        shown = ("accuracy", "kappa", "macro_f1")
        print(f"{name:24s}", *(f"{words.replace('_', ' ')} {facts[words]:.3f} " for words in shown))
    print("one excerpt of one person: no claim of clinical accuracy")


if __name__ == "__main__":
    main()
