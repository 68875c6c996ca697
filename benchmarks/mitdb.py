"""Records of the MIT-BIH Arrhythmia Database: the first lead, and the times of its annotated beats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.read.wfdb_annotations import read_wfdb_annotations

WHERE = "physionet.org/content/mitdb/1.0.0 (Moody & Mark 2001, ODC-By)"


@dataclass(frozen=True)
class Record:
    """One record: ``lead`` (n_lead, n_sample), int16, not scaled; ``beat_s`` (n_beat,) and ``beat_symbol``."""

    name: str
    rate_hz: float
    lead: np.ndarray
    beat_s: np.ndarray
    beat_symbol: np.ndarray


def record_names(folder: Path) -> list[str]:
    """Return the names of the records in a folder.

    Raises
    ------
    FileNotFoundError
        When there are none.
    """
    names = sorted(path.stem for path in folder.glob("*.hea") if path.with_suffix(".atr").exists())
    if not names:
        raise FileNotFoundError(f"no records in {folder}; they come from {WHERE}")
    return names


def read_record(folder: Path, name: str) -> Record:
    """Read header, both leads (format 212 only) and beats."""
    lines = [line for line in (folder / f"{name}.hea").read_text().splitlines() if not line.startswith("#")]
    n_lead, rate_hz = int(lines[0].split()[1]), float(lines[0].split()[2].split("/")[0])
    formats = {line.split()[1] for line in lines[1 : n_lead + 1]}
    if formats != {"212"} or n_lead != 2:
        raise ValueError(f"record {name} has {n_lead} leads in formats {sorted(formats)}, expected two in 212")
    truth = read_wfdb_annotations(folder / f"{name}.atr")
    lead = _decode_212(np.fromfile(folder / f"{name}.dat", np.uint8))
    return Record(name, rate_hz, lead, truth.beat_sample / rate_hz, truth.symbol[truth.is_beat])


def _decode_212(content: np.ndarray) -> np.ndarray:
    """Return two leads from triples of bytes that hold a 12-bit sample of each."""
    low, shared, high = content[: content.size // 3 * 3].reshape(-1, 3).astype(np.int16).T
    both = np.stack([low | (shared & 0x0F) << 8, high | (shared & 0xF0) << 4])
    return np.where(both > 2047, both - 4096, both).astype(np.int16)
