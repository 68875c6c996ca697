"""What a campaign found, with which code, when and on which machine: one JSON file below docs/evidence.

Standard library only: what is measured runs in child processes, whose peak memory begins with their parent's.
"""

from __future__ import annotations

import hashlib
import json
import operator
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import reduce
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import machine

__all__ = [
    *("EVIDENCE", "FIELDS", "ROOT", "Bar", "Campaign", "Figures", "Key", "Parameters", "Progress"),
    *("code_digest", "look_up", "read", "write"),
]

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "docs" / "evidence"
PACKAGES = ("edfio", "mne", "numcodecs", "numpy", "pyedflib", "scipy", "xarray", "zarr")
FIELDS = (
    *("name", "command", "started", "took_s", "code", "versions", "machine", "parameters", "figures"),
    "bars",
)
Figures = dict[str, Any]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """What a figure must not exceed, or not fall short of."""

    figure: str
    most: float | None = None
    least: float | None = None

    def judge(self, figures: Figures) -> dict[str, Any]:
        """Return the bar with the figure's value and whether it holds."""
        value = look_up(figures, self.figure)
        holds = (self.most is None or value <= self.most) and (self.least is None or value >= self.least)
        bounds = {name: bound for name, bound in asdict(self).items() if bound is not None}
        return {**bounds, "value": value, "holds": holds}


@dataclass(frozen=True)
class Key:
    """What decides whether evidence is still good: code, parameters, versions."""

    code: str
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, covers: Sequence[str], parameters: Mapping[str, Any]) -> Key:
        found = {name: version(name) for name in PACKAGES}
        return cls(code_digest(covers), dict(parameters), {"python": platform.python_version(), **found})

    def fits(self, kept: Mapping[str, Any]) -> bool:
        """Whether a file was made with this key."""
        return asdict(self) == {name: kept.get(name) for name in asdict(self)}


def code_digest(covers: Sequence[str]) -> str:
    """Return the SHA-256 of the names and contents of the files that patterns below the checkout match."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in covers for path in ROOT.glob(pattern) if path.is_file()}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


class Progress:
    """The finished steps of a campaign, kept in a file: a campaign that was killed goes on after them.

    Parameters
    ----------
    path : Path
        Where they are kept; what lies there from another key is forgotten.
    """

    def __init__(self, path: Path, key: Key) -> None:
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if not key.fits(kept):
            started = datetime.now(UTC).isoformat(timespec="seconds")
            kept = {**asdict(key), "started": started, "steps": {}}
        self._path, self._kept = path, kept

    @property
    def started(self) -> str:
        return str(self._kept["started"])

    @property
    def took_s(self) -> float:
        """Wall time of all steps."""
        return sum(step["took_s"] for step in self._kept["steps"].values())

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """Return what a step found; do it only if it has not been done.

        Parameters
        ----------
        work : callable
            Returns what JSON can hold.
        """
        steps = self._kept["steps"]
        if name not in steps:
            begun_s = time.monotonic()
            found = work()
            steps[name] = {"took_s": time.monotonic() - begun_s, "found": found}
            _write_json(self._path, self._kept)
        return steps[name]["found"]


@dataclass(frozen=True)
class Campaign:
    """One campaign.

    Parameters
    ----------
    find : callable
        Does the work, step by step, and returns the figures.
    parameters : mapping
        What it is done with.
    covers : tuple of str
        Patterns of the files on which the figures depend.
    bars : tuple of Bar
        What the figures must be.
    small : str
        The test of the plain run that does the same with less.
    """

    find: Callable[[Progress, Parameters], Figures]
    parameters: Parameters
    covers: tuple[str, ...]
    bars: tuple[Bar, ...]
    small: str


def look_up(figures: Mapping[str, Any], dotted: str) -> Any:
    """Return the figure that a path such as ``mesa.first_cpu_s.ours`` names.

    Raises
    ------
    KeyError
        When there is none.
    """
    return reduce(operator.getitem, dotted.split("."), figures)


def read(folder: Path, name: str) -> dict[str, Any]:
    """Return a campaign's evidence, empty where it has none."""
    path = folder / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def write(
    folder: Path, name: str, key: Key, progress: Progress, figures: Figures, bars: Sequence[Bar]
) -> dict[str, Any]:
    """Write and return a campaign's evidence."""
    here, figures = machine(()), _shortened(figures)
    evidence = {
        "name": name,
        "command": f"python -m benchmarks.prove {name}",
        "started": progress.started,
        "took_s": round(progress.took_s, 1),
        **asdict(key),
        "machine": {"cpu": here["cpu"], "n_cpu": int(here["cores"])},
        "figures": figures,
        "bars": [bar.judge(figures) for bar in bars],
    }
    _write_json(folder / f"{name}.json", {field: evidence[field] for field in FIELDS})
    return evidence


def _shortened(value: Any) -> Any:
    """Return the value with its numbers to six digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    return [_shortened(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)
