"""Every manifest that ships, proven on nights written in its cohort's own layout: one table of what they become."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from pipeline.draft import draft_manifest
from pipeline.files.discover import discover
from pipeline.manifests.load import load_manifest, shipped_manifests
from schemas.manifest import CohortManifest
from tests.cohorts import (
    test_apples,
    test_cfs,
    test_chat,
    test_hchs,
    test_hsp,
    test_mesa,
    test_mros,
    test_nchsdb,
    test_open_sets,
    test_shhs,
    test_stages,
    test_wsc,
)
from tests.cohorts.build import Cohort, Download, check

NOT_A_COHORT = {"synthetic"}  # its generator is its proof: tests/unit/synth
MODULES = (
    *(test_apples, test_cfs, test_chat, test_hchs, test_hsp, test_mesa, test_mros, test_nchsdb, test_shhs),
    *(test_stages, test_wsc),
)
COHORTS = (*(module.COHORT for module in MODULES), *test_open_sets.COHORTS)
NIGHTS = [(cohort, name) for cohort in COHORTS for name in cohort.truths]


def test_every_shipped_manifest_has_written_nights() -> None:
    """No manifest ships without a download written in its layout."""
    assert {cohort.name for cohort in COHORTS if cohort.truths} == set(shipped_manifests()) - NOT_A_COHORT


@pytest.mark.parametrize("cohort", COHORTS, ids=lambda cohort: cohort.name)
def test_a_draft_of_its_files_is_valid(converted: Callable[[Cohort], Download], cohort: Cohort) -> None:
    """Whoever knows nothing of a cohort gets a draft that finds its files and some of its channels."""
    root = converted(cohort).root
    draft = CohortManifest.model_validate(yaml.safe_load(draft_manifest("unknown", root)))
    assert discover(draft, root)
    shipped = {rule.channel for rule in load_manifest(cohort.name).montage}
    assert shipped.intersection(rule.channel for rule in draft.montage)


@pytest.mark.parametrize(("cohort", "name"), NIGHTS, ids=[f"{cohort.name}-{name}" for cohort, name in NIGHTS])
def test_night_becomes_its_truth(converted: Callable[[Cohort], Download], cohort: Cohort, name: str) -> None:
    """Stages, events, channels, amplitudes and person of a written night are what was written."""
    check(converted(cohort)[name], cohort.truths[name])
