"""Convert one night of each cohort with several programs and compare: ``python -m benchmarks.convert``.

Ours against scripts that anybody might write, on pyedflib and SciPy and on MNE-Python: same nights, same channels,
same rates and edges, one Zarr store each. Every run is a process of its own that converts the night twice; the
programs run in turns. Figures are CPU time (user and system, all threads) and peak memory:

whole       a process that converts the night once: everything
imports     what that process takes before it begins
first night whole less imports; modules that are loaded on first use are still in it
next night  the second conversion: what a night costs a worker that lives long

See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import Spread, Usage, in_turns, machine, run

OURS = "ours"
PROGRAMS = {
    OURS: "benchmarks.ours",
    "pyedflib": "benchmarks.peers.pyedflib_scipy",
    "mne": "benchmarks.peers.mne_filter",
    "mne tuned": "benchmarks.peers.mne_tuned",
}
PEERS = tuple(program for program in PROGRAMS if program != OURS)
PACKAGES = ("numpy", "scipy", "xarray", "zarr", "pyedflib", "mne")
MOST_CPU = {"pyedflib": 1 / 2, "mne": 1 / 5}  # of the peer's, first night and next night
MOST_MEMORY = {"mne": 0.6}  # of the peer's


@dataclass(frozen=True)
class Bar:
    """A ratio, ours over a peer's, that must not be exceeded; pairs are runs of the same round."""

    what: str
    peer: str
    ratio: Spread
    most: float

    @property
    def holds(self) -> bool:
        return self.ratio.median <= self.most


@dataclass(frozen=True)
class Figures:
    """What one program took for one night, run by run."""

    import_cpu_s: list[float]
    first_cpu_s: list[float]
    next_cpu_s: list[float]
    whole_cpu_s: list[float]
    peak_mb: list[float]
    store_mb: float

    @classmethod
    def of(cls, usages: Sequence[Usage], store_mb: float) -> Figures:
        clocks = [json.loads(usage.output) for usage in usages]
        imports = [clock[0] for clock in clocks]
        following = [clock[2] - clock[1] for clock in clocks]
        whole = [usage.cpu_s - extra for usage, extra in zip(usages, following, strict=True)]
        return cls(
            import_cpu_s=imports,
            first_cpu_s=[total - start for total, start in zip(whole, imports, strict=True)],
            next_cpu_s=following,
            whole_cpu_s=whole,
            peak_mb=[usage.peak_mb for usage in usages],
            store_mb=store_mb,
        )


@dataclass(frozen=True)
class Comparison:
    """One night: what every program took, and how far their channels agree with ours."""

    cohort: str
    figures: dict[str, Figures]
    agreement: dict[str, dict[str, dict[str, float]]]

    def bars(self) -> list[Bar]:
        cpu = [
            self._bar(f"CPU of the {night} night", f"{night}_cpu_s", peer, most)
            for night in ("first", "next")
            for peer, most in MOST_CPU.items()
        ]
        return cpu + [self._bar("peak memory", "peak_mb", peer, most) for peer, most in MOST_MEMORY.items()]

    def ratio(self, figure: str, peer: str) -> Spread:
        ours, theirs = getattr(self.figures[OURS], figure), getattr(self.figures[peer], figure)
        return Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True)])

    def _bar(self, what: str, figure: str, peer: str, most: float) -> Bar:
        return Bar(what, peer, self.ratio(figure, peer), most)


def compare(task: Path, runs: int) -> Comparison:
    """Convert one night with every program ``runs`` times; it was just written and is in the page cache."""
    outs = {program: task.with_name(f"{task.stem}-{program.replace(' ', '-')}.zarr") for program in PROGRAMS}
    commands = {program: _command(module, _place(task, outs[program])) for program, module in PROGRAMS.items()}
    usages = in_turns(commands, runs)
    figures = {program: Figures.of(usages[program], _size_mb(out)) for program, out in outs.items()}
    return Comparison(task.stem, figures, {peer: _agreement(outs[OURS], outs[peer]) for peer in PEERS})


def _command(module: str, task: Path) -> list[str]:
    return ["-m", module, str(task), str(task)]


def _place(task: Path, out: Path) -> Path:
    """Write the task of one program: where its store goes."""
    placed = out.with_suffix(".json")
    placed.write_text(json.dumps(json.loads(task.read_text()) | {"out": str(out)}))
    return placed


def _size_mb(store: Path) -> float:
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / 1e6


def _agreement(ours: Path, peer: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.agreement", str(ours), str(peer)]
    found: dict[str, dict[str, float]] = json.loads(subprocess.check_output(command))
    return found


def benchmark(folder: Path, *, hours: float, runs: int, seed: int) -> list[Comparison]:
    """Make the nights in ``folder``, convert and compare them."""
    run(["-m", "benchmarks.nights", str(folder), str(hours), str(seed)])
    return [compare(task, runs) for task in sorted(folder.glob("*.json"))]


COLUMNS = {  # figure: heading and digits
    "whole_cpu_s": ("whole, CPU s", 2),
    "import_cpu_s": ("imports", 2),
    "first_cpu_s": ("first night", 2),
    "next_cpu_s": ("next night", 2),
    "peak_mb": ("peak MB", 0),
}


def show(comparison: Comparison) -> None:
    print(f"\n{comparison.cohort}: median (least to most)")
    print(f"{'':16}" + "".join(f"{heading:>24}" for heading, _ in COLUMNS.values()) + f"{'store MB':>10}")
    for program, figures in comparison.figures.items():
        cells = (f"{Spread.of(getattr(figures, name)):.{digits}f}" for name, (_, digits) in COLUMNS.items())
        print(f"{program:16}" + "".join(f"{cell:>24}" for cell in cells) + f"{figures.store_mb:10.1f}")
    for peer in PEERS:
        cells = (f"{comparison.ratio(name, peer):.2f}" for name in COLUMNS)
        print(f"ours / {peer:9}" + "".join(f"{cell:>24}" for cell in cells))
    for bar in comparison.bars():
        verdict = "holds" if bar.holds else "MISSED"
        print(f"{bar.what} over {bar.peer}: {bar.ratio.median:.3f}, at most {bar.most:g}: {verdict}")
    for peer, channels in comparison.agreement.items():
        worst = sorted(channels, key=lambda name: channels[name]["correlation"])[:4]
        listed = ", ".join(f"{name} {channels[name]['correlation']:.4f}" for name in worst)
        print(f"correlation with {peer}, {len(channels)} channels, lowest: {listed}")


def as_json(comparison: Comparison) -> dict[str, object]:
    bars = [asdict(bar) | {"holds": bar.holds} for bar in comparison.bars()]
    return asdict(comparison) | {"bars": bars}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU time and memory of one conversion, against named peers.")
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    args = parser.parse_args(arguments)
    here = machine(PACKAGES)
    print("; ".join(f"{name} {value}" for name, value in here.items()))
    print(f"nights of {args.hours:g} h, {args.runs} runs in turns, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        comparisons = benchmark(Path(folder), hours=args.hours, runs=args.runs, seed=args.seed)
    for comparison in comparisons:
        show(comparison)
    if args.json:
        figures = {comparison.cohort: as_json(comparison) for comparison in comparisons}
        settings = {"hours": args.hours, "runs": args.runs, "seed": args.seed}
        args.json.write_text(json.dumps({"machine": here, **settings, "nights": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
