"""What derived channels cost: ``python -m benchmarks.derived [--hours 8] [--runs 3]`` prints JSON.

A night of the synthetic cohort (ECG at 256 Hz) is harmonised in processes of their own, in turns with and without
its derived channels. CPU is `time.process_time` around the derivations, first the whole, then each part again; peak
memory is the process's, so that the difference is what they need over the channels alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread, in_turns, run

RECIPE, SEED = "synthetic", 1
PARTS = ("heart", "breathing", "desaturations")


def make_night(folder: Path, hours: float) -> None:
    """Write one night, in a process of its own: what is measured begins with its parent's memory."""
    call = f"synthesise(Path(sys.argv[1]), recipe={RECIPE!r}, nights=1, hours={hours}, seed={SEED})"
    imports = "import sys; from pathlib import Path; from pipeline.synth import synthesise"
    run(["-c", f"{imports}; {call}", str(folder)])


def derive(folder: Path, *, with_derived: bool) -> dict[str, float]:
    """Make the channels of the night, derive or do not, and return the CPU seconds of every part."""
    from pipeline.channels import resolve
    from pipeline.derived.breathing import derive_breathing, derive_desaturations
    from pipeline.derived.heart import derive_heart
    from pipeline.derived.night import derive_night
    from pipeline.files.discover import discover
    from pipeline.manifests.load import load_manifest
    from pipeline.process import make_channel
    from pipeline.read.night import open_night
    from schemas.vocabulary import EPOCH_S

    manifest = load_manifest(RECIPE)
    (source,) = discover(manifest, folder)
    with open_night(source.signals) as night:
        n_epoch = int(night.end_s // EPOCH_S)
        plans, _ = resolve(manifest, source.key.visit, night.infos)
        channels = [make_channel(plan, night, offset_s=0.0, n_epoch=n_epoch) for plan in plans]
        if not with_derived:
            return {}
        all_s = _cpu_s(lambda: derive_night(channels, night, offset_s=0.0, n_epoch=n_epoch))
        parts: tuple[Callable[[], Any], ...] = (
            lambda: derive_heart(channels, night, offset_s=0.0, n_epoch=n_epoch),
            lambda: derive_breathing(channels, n_epoch=n_epoch),
            lambda: derive_desaturations(channels, n_epoch=n_epoch),
        )
        return {"all": all_s, **{name: _cpu_s(part) for name, part in zip(PARTS, parts, strict=True)}}


def _cpu_s(work: Callable[[], Any]) -> float:
    begun_s = time.process_time()
    work()
    return time.process_time() - begun_s


def cost(hours: float, runs: int) -> dict[str, Any]:
    """Return CPU of the derivations and the peak memory that they add, median and range over the runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_night(folder, hours)
        programs = {what: ["-m", "benchmarks.derived", "--child", what, name] for what in ("with", "without")}
        usages = in_turns(programs, runs)
    cpu_s = [json.loads(usage.output) for usage in usages["with"]]
    peak_mb = {what: Spread.of([usage.peak_mb for usage in measured]) for what, measured in usages.items()}
    return {
        "cpu_s": {part: asdict(Spread.of([run_s[part] for run_s in cpu_s])) for part in ("all", *PARTS)},
        "peak_mb": {what: asdict(spread) for what, spread in peak_mb.items()},
        "added_mb": peak_mb["with"].median - peak_mb["without"].median,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU and memory of derived channels, as JSON.")
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.child:
        what, folder = args.child
        json.dump(derive(Path(folder), with_derived=what == "with"), sys.stdout)
    else:
        print(json.dumps(cost(args.hours, args.runs), indent=1))


if __name__ == "__main__":
    main()
