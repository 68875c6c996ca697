"""Make the nights that are converted, and the task files that tell every program what to make of them.

``python -m benchmarks.nights OUT HOURS SEED``

The channels, their labels and their targets come from the shipped manifests and the night's own header, so that the
peers make what our conversion makes, no more and no less.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.common import Target
from pipeline.channels import ChannelPlan, resolve
from pipeline.files.discover import discover
from pipeline.manifests.load import load_manifest
from pipeline.read.night import open_night
from pipeline.synth import synthesise

COHORTS = ("shhs", "mesa")


def make(out: Path, hours: float, seed: int) -> list[Path]:
    """Write one night a cohort; return its task files, without the place for the output."""
    return [_make_one(out, cohort, hours, seed) for cohort in COHORTS]


def _make_one(out: Path, cohort: str, hours: float, seed: int) -> Path:
    root = out / cohort
    synthesise(root, recipe=cohort, nights=1, hours=hours, seed=seed)
    manifest = load_manifest(cohort)
    (source,) = discover(manifest, root)
    with open_night(source.signals) as night:
        plans, _ = resolve(manifest, source.key.visit, night.infos)
    task = {
        "manifest": cohort,
        "root": str(root),
        "edf": str(source.signals[0]),
        "annotation": str(source.annotations["annotations"]),
        "targets": [asdict(_target(plan)) for plan in plans],
    }
    path = out / f"{cohort}.json"
    path.write_text(json.dumps(task, indent=1))
    return path


def _target(plan: ChannelPlan) -> Target:
    return Target(
        channel=plan.channel,
        label=plan.source_label,
        source_rate_hz=float(plan.rate_hz),
        shape=plan.spec.shape.value,
        rate_hz=plan.spec.rate_class.rate_hz,
        high_pass_hz=plan.band.low_hz if plan.band else None,
        unit=plan.spec.unit.value,
        codes=tuple(plan.rule.value_map.items()),
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
