"""What all written cohorts share: their stores, and comparisons that show both sides when they fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cohorts.build import Cohort, Download

pytest.register_assert_rewrite("tests.cohorts.build")


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cohort], Download]:
    """``converted(cohort)``: its written download; a night becomes a store when somebody asks for it, and once."""
    from tests.cohorts.build import Download

    known: dict[str, Download] = {}

    def of(cohort: Cohort) -> Download:
        if cohort.name not in known:
            root = tmp_path_factory.mktemp("download")
            cohort.write(root)
            known[cohort.name] = Download(cohort.name, root, tmp_path_factory.mktemp("stores"))
        return known[cohort.name]

    return of


@pytest.fixture
def stores(request: pytest.FixtureRequest, converted: Callable[[Cohort], Download]) -> Download:
    """The stores of the module's ``COHORT``, by the recording's name."""
    return converted(request.module.COHORT)


@pytest.fixture
def root(stores: Download) -> Path:
    """The folder of the module's download."""
    return stores.root
