"""An output of any size whose recordings exist in ledger and catalog alone: what a cohort's page is made of."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

from pipeline.catalog.columns import CHANNELS, RECORDINGS
from pipeline.catalog.table import FILES, encoded, frame
from pipeline.files.hashing import FileHash
from pipeline.write.ledger import LedgerWriter, Row, Stored
from schemas.kinds import KINDS, Shape, kind_of_channel
from schemas.vocabulary import Modality, Outcome

__all__ = ["write_output"]

_CHANNELS = (
    *("eeg_c4_m1", "eeg_c3_m2", "eog_l", "eog_r", "emg_chin", "ecg", "thor", "abdo", "airflow", "nasal_pressure"),
    *("snore", "pleth", "spo2", "pulse_rate", "position", "ibi", "resp"),
)
_PRIMARY = {"eeg": "eeg_c4_m1", "eog": "eog_l", "emg": "emg_chin", "ecg": "ecg", "airflow": "nasal_pressure"} | {
    "belt": "thor",
    "spo2": "spo2",
    "ibi": "ibi",
    "resp": "resp",
}
_FINDINGS = ("PSG-S003", "PSG-S006", "PSG-S007", "PSG-S011", "PSG-S022", "PSG-A002", "PSG-C001", "PSG-M008")
_INDICES = ("ahi_hp3r_aasm15", "ahi_hp4u_aasm15", "arousal_index", "odi3")
_PRESENCE = 0.97  # of channels that are not primary
_N_SITE, _COHORT = 12, "made-up"


def write_output(out: Path, n_recording: int, seed: int = 1) -> None:
    """Write ledger and catalog of made-up nights; one in fifty failed, one site has the wrong gain."""
    draw = random.Random(seed)
    rows, nights, channels = list[Row](), list[dict[str, Any]](), list[dict[str, Any]]()
    for number in range(n_recording):
        key = f"night-{number:06d}"
        row, night, own = _night(draw, key, number)
        rows.append(row)
        if night is not None:
            nights.append(night)
            channels += own
    with LedgerWriter(out) as ledger:
        ledger.append(*rows)
    for table, content in (("catalog", nights), ("channels", channels)):
        (out / FILES[table]).write_bytes(encoded(frame(table, content)))


def _night(draw: random.Random, key: str, number: int) -> tuple[Row, dict[str, Any] | None, list[dict[str, Any]]]:
    digest = hashlib.sha256(key.encode()).hexdigest()
    finished = f"2026-{1 + number * 10 // 10_000 % 12:02d}-11T04:00:00Z"
    if number % 50 == 49:
        reason = draw.choice(("edf_truncated", "unit_missing", "hypnogram_mismatch"))
        return Row(_COHORT, key, Outcome.FAILED, finished, reason=reason, detail="made up"), None, []
    found = sorted(draw.sample(_FINDINGS, draw.choice((0, 0, 1, 2))))
    outcome = Outcome.CONVERTED_WITH_FINDINGS if found else Outcome.CONVERTED
    files = (FileHash(f"{key}.edf", 40_000_000, 10**18, digest), FileHash(f"{key}.xml", 40_000, 10**18, digest))
    stored = Stored(digest, digest, 30_000_000, 960)
    row = Row(
        _COHORT, key, outcome, finished, None, None, digest, files, stored, dict.fromkeys(found, 1), 1.5, "0.1.0"
    )
    site = f"site {number % _N_SITE:02d}"
    size = draw.lognormvariate(0, 0.2) * (2.0 if site == "site 07" else 1.0)
    names = [name for name in _CHANNELS if name in _PRIMARY.values() or draw.random() < _PRESENCE]
    channels = [_channel(draw, key, name, size) for name in names]
    return row, _catalogued(draw, key, site, digest, found, channels), channels


def _catalogued(
    draw: random.Random, key: str, site: str, digest: str, found: list[str], channels: list[dict[str, Any]]
) -> dict[str, Any]:
    stages = [round(960 * share) for share in (0.2, 0.1, 0.45, 0.1)]
    coverage = {row["channel"]: row["coverage"] for row in channels}
    night = dict.fromkeys(RECORDINGS) | dict.fromkeys([f"{m}_coverage" for m in Modality], 0.9)
    night |= {
        "recording": f"{_COHORT}/{key}",
        "cohort": _COHORT,
        "subject": f"{_COHORT}/{key}",
        "site": site,
        "age_years": draw.uniform(20, 89),
        "sex": draw.choice(("female", "male")),
        "study_type": "diagnostic",
        "stage_scheme": "aasm",
        "n_epoch": 960,
        "hours": draw.gauss(8, 0.5),
        **dict(zip(("n_w", "n_n1", "n_n2", "n_n3"), stages, strict=True)),
        "n_rem": 960 - sum(stages) + draw.randint(-20, 20),
        **{f"{modality}_coverage": coverage[name] for modality, name in _PRIMARY.items()},
        "belt_correlation": draw.gauss(0.8, 0.05),
        "ecg_upright": draw.gauss(0.9, 0.05),
        **{name: draw.lognormvariate(2, 0.8) for name in _INDICES},
        "channels": [row["channel"] for row in channels],
        "modalities": list(_PRIMARY),
        "findings": found,
        "n_byte": 30_000_000,
        "path": f"{_COHORT}/{key}.zarr",
        "root_digest": digest,
        "terms_agreement": "none",
        "terms_redistribution": True,
        "terms_commercial": True,
        "terms_citation": "made up",
        "terms_release": "1",
    }
    return night


def _channel(draw: random.Random, key: str, name: str, size: float) -> dict[str, Any]:
    kind = KINDS[kind_of_channel(name)]
    is_primary = name in _PRIMARY.values()
    is_arbitrary = kind.is_arbitrary
    return dict.fromkeys(CHANNELS) | {
        "recording": f"{_COHORT}/{key}",
        "channel": name,
        "modality": str(kind.modality) if kind.modality else "none",
        "kind": str(kind_of_channel(name)),
        "primary": is_primary,
        "unit": kind.unit.value,
        "source_rate_hz": draw.choice((256.0, 256.0, 512.0)),
        "rate_hz": float(kind.rate_class.rate_hz),
        "polarity": "as_header",
        "night_factor": 0.5 * size if is_arbitrary else None,
        "source_unit": draw.choice(("1", "V")) if is_arbitrary else None,
        "unit_factor": 1.0,
        "amplitude": 30.0 * size if kind.shape is Shape.WAVE else None,
        "mains_hz": 60.0 if kind.modality == "eeg" else None,
        "mains_amplitude": draw.lognormvariate(0, 0.3) if kind.modality == "eeg" else None,
        "slow_wave_asymmetry": draw.gauss(-0.3, 0.05) if kind.modality == "eeg" else None,
        "coverage": min(1.0, draw.betavariate(30, 1)),
    }
