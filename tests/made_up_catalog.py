"""Rows of a catalog of persons who do not exist."""

from __future__ import annotations

import random
from typing import Any

from pipeline.catalog.columns import RECORDINGS
from schemas.vocabulary import Modality

__all__ = ["made_up"]


def made_up(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return catalog rows of ``n`` persons with a night each, every field drawn."""
    draw = random.Random(seed)
    rows = []
    for number in range(n):
        row: dict[str, Any] = dict.fromkeys(RECORDINGS)
        row |= {
            "recording": f"made/n{number:04d}",
            "cohort": "made",
            "subject": f"made/{number:04d}",
            "site": draw.choice("abc"),
            "age_years": draw.choice([None, draw.uniform(5, 90)]),
            "age_top_coded": False,
            "sex": draw.choice(["female", "male", "male", "unknown"]),
            "bmi": draw.uniform(18, 40),
            "study_type": "diagnostic",
            "stage_scheme": draw.choice(["aasm", "rk"]),
            "n_epoch": 10,
            "hours": 10 / 120,
            "channels": ["eeg_c4_m1"],
            "modalities": ["eeg"],
            "findings": draw.choice([[], ["PSG-C001"]]),
            "n_byte": 1000,
            "terms_agreement": "made up",
            "terms_redistribution": True,
            "terms_commercial": True,
            "terms_citation": "nobody",
        }
        row |= dict.fromkeys(("n_unscored", "n_w", "n_n1", "n_n2", "n_n3"), 2) | {"n_rem": 0}
        row |= {f"{modality}_coverage": draw.choice([None, 0.5]) for modality in Modality}
        row |= {name: "no" for name in RECORDINGS if name.startswith("scored_")}
        rows.append(row)
    return rows
