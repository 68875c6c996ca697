"""What really happened, beside the cohort: one ``.npz`` a recording, ``subjects.json`` and ``faults.json``."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.night import POSITIONS, Night
from pipeline.synth.nsrr_xml_writer import stages_as_published, write_text
from pipeline.synth.sensors import Sensor

__all__ = ["read_truth", "write_json", "write_truth"]


def write_truth(
    path: Path, night: Night, code: NDArray[np.int8], concepts: Sequence[str], sensors: Sequence[Sensor]
) -> None:
    """Write one recording's truth; arrays and their units are listed in ``docs/synthetic-cohort.md``."""
    events, elements = night.events, night.elements
    lost = [s for s in sensors if s.loss]
    arrays: dict[str, NDArray[Any]] = {
        "stage": stages_as_published(code),
        "stage_source": code,
        "stage_physiology": night.stage,
        "grid_offset_s": np.asarray(night.offset_s),
        "clock_start_s": np.asarray(night.clock_start_s),
        "n_second": np.asarray(night.n_second),
        "beat_time_s": night.beats.time_s,
        "beat_type": night.beats.type,
        "breath_time_s": night.breathing.breath_time_s,
        "event_onset_s": events.onset_s,
        "event_duration_s": events.duration_s,
        "event_type": events.type,
        "event_concept": np.array(concepts, dtype=np.str_),
        "event_flow_ratio": events.flow_ratio,
        "event_effort_ratio": events.effort_ratio,
        "event_baseline_percent": events.baseline_percent,
        "event_nadir_percent": events.nadir_percent,
        "spo2_percent": night.spo2[:-1],
        "pulse_bpm": night.pulse_bpm[:-1],
        "position": np.array(POSITIONS)[night.position[:-1]],
        "movement_onset_s": night.movement_s[:, 0],
        "movement_duration_s": night.movement_s[:, 1],
        "slow_wave_time_s": elements.slow_wave_time_s,
        "spindle_time_s": elements.spindle_time_s,
        "rapid_eye_movement_time_s": night.eyes.rapid_time_s,
        "label": np.array([s.header.label for s in sensors]),
        "source": np.array([s.spec.source for s in sensors]),
        "sign": np.array([s.sign for s in sensors], np.int8),
        "gain": np.array([s.gain for s in sensors], np.float32),
        "negative_gain_header": np.array([s.negative_gain for s in sensors]),
        "loss_label": np.array([s.header.label for s in lost], dtype=np.str_),
        "loss_start_s": np.array([s.loss.start_s for s in lost if s.loss], np.float64),
        "loss_end_s": np.array([s.loss.end_s for s in lost if s.loss], np.float64),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(buffer.getvalue())
    os.replace(part, path)


def read_truth(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of one recording's truth, by name."""
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def write_json(path: Path, rows: Any) -> None:
    """Write rows as JSON, keys sorted."""
    write_text(path, json.dumps(rows, indent=1, sort_keys=True) + "\n")
