"""Respiration, breaths and desaturations of synthetic nights against what really happened.

``OMP_NUM_THREADS=1 python -m benchmarks.breaths [--hours 8] [--json]``. Nights are synthesised, converted channel
by channel as for a store, spoiled where a caller says so, and scored.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import resolve
from pipeline.derive.breaths import Breaths, find_breaths
from pipeline.derive.desaturations import desaturations
from pipeline.derive.resp import EffortInput, Resp, derive_resp
from pipeline.files.discover import discover
from pipeline.manifests.load import load_manifest
from pipeline.process import make_channel
from pipeline.read.annotations import read_annotations
from pipeline.read.night import Night, open_night
from pipeline.score.truth import score_breaths
from pipeline.scoring.align import make_grid
from pipeline.synth import synthesise
from schemas.quality import QualityFlag
from schemas.recording import Signal

RATE_HZ = 4
RESPIRATION = ("thor", "abdo", "nasal_pressure", "airflow")
EVENTS = ("obstructive_apnea", "central_apnea", "mixed_apnea", "hypopnea")
COHORTS = (("shhs", 4, 31), ("mesa", 2, 32), ("synthetic", 2, 33))  # recipe, nights, seed
Truth = Mapping[str, NDArray[Any]]
Change = Callable[[Signal], Signal]


@dataclass(frozen=True)
class Converted:
    """The respiratory channels and the saturation of one night, and its truth; times from the grid's origin."""

    recording: str
    inputs: dict[str, EffortInput]
    spo2: NDArray[np.float32]
    truth: Truth
    offset_s: float

    def of(self, *channels: str) -> list[EffortInput]:
        """Return some of the channels."""
        return [given for name, given in self.inputs.items() if name in channels]

    def events(self, *types: str) -> Iterator[tuple[float, float, float, float]]:
        """Yield onset, end, flow and effort ratio of events that lie within the grid."""
        t = self.truth
        n_second = self.spo2.size / RATE_HZ
        for kind, onset, duration, flow, effort in zip(
            *(t[f"event_{name}"] for name in ("type", "onset_s", "duration_s", "flow_ratio", "effort_ratio")),
            strict=True,
        ):
            begin = float(onset) - self.offset_s
            if kind in types and begin >= 0 and begin + duration <= n_second:
                yield begin, begin + float(duration), float(flow), float(effort)


@dataclass(frozen=True)
class Spoiled:
    """A night some of whose signals are changed before anything else sees them."""

    night: Night
    changes: Mapping[int, Change]

    def signal(self, index: int) -> Signal:
        signal = self.night.signal(index)
        return self.changes[index](signal) if index in self.changes else signal


def lost(begin_s: float, end_s: float) -> Change:
    """Return a change that leaves the sensor on the rail for a time."""

    def change(signal: Signal) -> Signal:
        (segment,) = signal.segments
        digital = segment.digital.copy()
        rate_hz = float(signal.rate_hz)
        digital.reshape(-1)[int(begin_s * rate_hz) : int(end_s * rate_hz)] = signal.digital_max
        return replace(signal, segments=(replace(segment, digital=digital),))

    return change


def turned(signal: Signal) -> Signal:
    """Return the signal upside down."""
    return replace(signal, gain=-signal.gain, offset=-signal.offset)


def convert(root: Path, recipe: str, changes: Mapping[str, Change] | None = None) -> Iterator[Converted]:
    """Convert the respiratory channels of a synthetic download."""
    manifest = load_manifest(recipe)
    for source in discover(manifest, root):
        with open_night(source.signals) as night:
            plans, _ = resolve(manifest, source.key.visit, night.infos)
            annotations, _ = read_annotations(
                source.annotations, manifest.annotations, clock_start_s=night.clock_start_s
            )
            grid, _ = make_grid(
                annotations,
                manifest.annotations[0],
                signal_end_s=night.end_s,
                clock_start_s=night.clock_start_s,
                in_bed_clock_s=(None, None),
            )
            wanted = {plan.channel: plan for plan in plans if plan.channel in (*RESPIRATION, "spo2")}
            spoiled = {wanted[name].leads[0].index: change for name, change in (changes or {}).items()}
            channels = {
                name: make_channel(plan, Spoiled(night, spoiled), offset_s=grid.offset_s, n_epoch=grid.n_epoch)
                for name, plan in wanted.items()
            }
        spo2 = channels.pop("spo2").value.reshape(-1)
        inputs = {
            name: EffortInput(
                name,
                channel.value.reshape(-1),
                np.repeat((channel.flag & QualityFlag.FLAT) != 0, channel.value.shape[1]),
            )
            for name, channel in channels.items()
        }
        stem = source.signals[0].stem
        truth = dict(np.load(root / "truth" / f"{stem}.npz"))
        yield Converted(stem, inputs, spo2, truth, grid.offset_s)


def score(night: Converted, resp: Resp, breaths: Breaths) -> dict[str, float]:
    """Return the figures of one night."""
    counts, lag = score_breaths(
        night.truth, breaths.time_s, resp.value, offset_s=night.offset_s, is_flow=resp.is_flow
    )
    central = list(night.events("central_apnea"))
    # The sleeper of the generator begins to move a second before the end; half a second is the tolerance.
    within = [np.sum((breaths.time_s > begin + 1) & (breaths.time_s < end - 1.5)) for begin, end, *_ in central]
    ratio, depth = _hypopneas(night, resp).T
    return {
        "n_breath": float(counts.found + counts.missed),
        "sensitivity": counts.sensitivity,
        "ppv": counts.ppv,
        "lag_ms": float(np.median(lag) * 1e3),
        "spread_ms": float(np.percentile(np.abs(lag - np.median(lag)), 95) * 1e3),
        "n_central": float(len(central)),
        "in_central": float(sum(within)),
        "bbi_in_central": _bbi_share(breaths, central),
        "bbi_in_obstructed": _bbi_share(breaths, night.events("obstructive_apnea", "mixed_apnea")),
        "bbi_elsewhere": float(np.isfinite(breaths.bbi[np.repeat(_quiet(night), RATE_HZ)]).mean()),
        "n_hypopnea": float(ratio.size),
        "hypopnea_ratio": _median(ratio),
        "hypopnea_ratio_deep": _median(ratio[depth < np.median(depth)]) if ratio.size else float("nan"),
    }


def _median(value: NDArray[Any]) -> float:
    return float(np.median(value)) if value.size else float("nan")


def _seconds(night: Converted, spans: Sequence[tuple[float, float]], before_s: float, after_s: float) -> Any:
    inside = np.zeros(night.spo2.size // RATE_HZ, bool)
    for begin, end in spans:
        inside[max(0, int(begin - before_s)) : max(0, int(np.ceil(end + after_s)))] = True
    return inside


def _movements(night: Converted) -> list[tuple[float, float]]:
    begin = night.truth["movement_onset_s"] - night.offset_s
    return list(zip(begin, begin + night.truth["movement_duration_s"], strict=True))


def _quiet(night: Converted) -> Any:
    """Return the seconds apart from events and movement."""
    events = [(begin, end) for begin, end, *_ in night.events(*EVENTS)]
    return ~(_seconds(night, events, 8.0, 12.0) | _seconds(night, _movements(night), 8.0, 8.0))


def _bbi_share(breaths: Breaths, events: Any) -> float:
    """Return the share of the insides of events at which there is an interval."""
    inside = [breaths.bbi[int((b + 1) * RATE_HZ) : int((e - 1) * RATE_HZ)] for b, e, *_ in events]
    return float(np.isfinite(np.concatenate(inside)).mean()) if inside else 0.0


def _hypopneas(night: Converted, resp: Resp) -> NDArray[np.float64]:
    """Return measured over true amplitude ratio of every hypopnea.

    Measured: the root mean square in it, over that of quiet breathing in the two minutes before; shape (n, 2), the
    second column the true ratio.
    """
    quiet = np.repeat(_quiet(night), RATE_HZ)
    power = np.square(resp.value.astype(np.float64))
    exponent = 1.7 if resp.source == "nasal_pressure" else 1.0  # the cannula's pressure against flow
    found = []
    for begin, end, flow, effort in night.events("hypopnea"):
        first = int(begin * RATE_HZ)
        before = power[max(0, first - 120 * RATE_HZ) : first][quiet[max(0, first - 120 * RATE_HZ) : first]]
        inside = power[first + RATE_HZ : int((end - 1) * RATE_HZ)]
        true = (flow if resp.is_flow else effort) ** exponent
        if before.size >= 30 * RATE_HZ:
            found.append((np.sqrt(np.mean(inside) / np.mean(before)) / true, true))
    ratios = np.array(found).reshape(-1, 2)
    return ratios[np.isfinite(ratios).all(axis=1)]


def score_desaturations(night: Converted) -> dict[str, float]:
    """Return how many scored desaturations were found, and how many found ones follow a respiratory event."""
    table = desaturations(night.spo2, drop_percent=3.0)
    true = list(night.events("desaturation"))
    causes = list(night.events(*EVENTS))
    hit = [bool(np.any((table.onset_s < end) & (table.end_s > begin))) for begin, end, *_ in true]
    caused = [any(begin < nadir < end + 60 for begin, end, *_ in causes) for nadir in table.nadir_s]
    return {
        "n_desaturation": float(len(true)),
        "n_found": float(table.onset_s.size),
        "sensitivity": float(np.mean(hit)) if hit else float("nan"),
        "after_an_event": float(np.mean(caused)) if caused else float("nan"),
    }


def cases(night: Converted) -> dict[str, Sequence[str]]:
    """Return which channels are used together."""
    wanted = {
        "all": RESPIRATION,
        "one belt": ("thor",),
        "nasal pressure": ("nasal_pressure",),
        "thermistor": ("airflow",),
    }
    return {name: use for name, use in wanted.items() if name == "all" or set(use) <= set(night.inputs)}


def measure(hours: float) -> Iterator[dict[str, Any]]:
    """Yield one row of figures a night and case."""
    for recipe, nights, seed in COHORTS:
        with tempfile.TemporaryDirectory() as folder:
            synthesise(Path(folder), recipe=recipe, nights=nights, hours=hours, seed=seed)
            for night in convert(Path(folder), recipe):
                for case, channels in cases(night).items():
                    begin = time.process_time()
                    resp = derive_resp(night.of(*channels))
                    if resp is None:
                        continue
                    breaths = find_breaths(resp)
                    spent = time.process_time() - begin
                    where = {"recording": night.recording, "case": case, "source": resp.source}
                    yield {**where, **score(night, resp, breaths), "cpu_ms": spent * 1e3}
                yield {"recording": night.recording, "case": "desaturations", **score_desaturations(night)}


def main() -> None:
    """Print a line a night and case."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=8.0)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    for row in measure(given.hours):
        if given.json:
            print(json.dumps(row), flush=True)
        else:
            cells = (f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items())
            print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
