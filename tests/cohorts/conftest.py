"""What all written cohorts share: their stores, and comparisons that show both sides when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

pytest.register_assert_rewrite("tests.cohorts.build")


@pytest.fixture(scope="module")
def stores(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, xr.Dataset]:
    """Every night below the module's ``root``, converted with the shipped manifest ``COHORT`` and verified."""
    from tests.cohorts.build import convert

    return convert(request.module.COHORT, root, tmp_path_factory.mktemp("stores"))
