"""Terms of cohorts that tests and benchmarks make up."""

from __future__ import annotations

from typing import Any

__all__ = ["TERMS"]

TERMS: dict[str, Any] = {
    "agreement": "none",
    "redistribution": True,
    "commercial": True,
    "citation": "made up",
    "release": "1",
}
