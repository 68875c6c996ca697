"""Every manifest that ships is proven on written nights."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.manifests import shipped_manifests

NOT_A_COHORT = {"synthetic"}  # its generator is its proof: tests/unit/synth


def test_every_shipped_manifest_converts_a_written_night() -> None:
    """Some module beside this one converts a night of each cohort with the manifest as shipped."""
    modules = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    converted = {name for text in modules for name in re.findall(r'\bconvert\("(\w+)"', text)}
    by_fixture = [text for text in modules if "(stores: dict[str, xr.Dataset]" in text]
    converted |= {name for text in by_fixture for name in re.findall(r'^COHORT = "(\w+)"$', text, re.MULTILINE)}
    assert set(shipped_manifests()) - NOT_A_COHORT == converted
