"""Pages on cohorts: those that are shown are what the manifests say, and nothing of a manifest is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.manifests.load import load_manifest, shipped_manifests
from pipeline.manifests.page import cohort_index, cohort_page
from schemas.manifest import CohortManifest

PAGES = Path(__file__).parents[3] / "docs" / "cohorts"
RENEW = "run: sleep2vec manifest pages docs/cohorts"


@pytest.fixture(scope="module")
def manifests() -> list[CohortManifest]:
    """All manifests that come along."""
    return [load_manifest(name) for name in shipped_manifests()]


def test_pages_are_those_of_the_manifests(manifests: list[CohortManifest]) -> None:
    """Every cohort has its page, the index names all of them, and nothing else lies there."""
    wanted = {f"{m.cohort}.md": cohort_page(m) for m in manifests} | {"README.md": cohort_index(manifests)}
    assert {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")} == wanted, RENEW


def test_nothing_is_lost(manifests: list[CohortManifest]) -> None:
    """Labels, quirks, exclusions and sources of a manifest stand on its page, tables unbroken."""
    for manifest in manifests:
        page = cohort_page(manifest)
        labels = [choice.label for rule in manifest.montage for choice in rule.choices]
        texts = [text for quirk in manifest.known_quirks for text in (quirk.what, quirk.source)]
        texts += [text for bad in manifest.exclude for text in (bad.key, bad.reason)]
        for text in (*labels, *manifest.ignore_labels, *texts, manifest.terms.citation):
            assert " ".join(text.split()) in page.replace("\\|", "|")


def test_every_line_of_a_table_has_its_cells(manifests: list[CohortManifest]) -> None:
    """A label with a bar does not open a cell of its own."""
    for page in (cohort_index(manifests), *map(cohort_page, manifests)):
        for block in page.split("\n\n"):
            if block.startswith("|"):
                assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
