"""The way to the object store is cut in the middle of a run: nothing is torn, lost or done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage_campaign import MODES, cut

pytestmark = pytest.mark.system  # the everyday form: tests/unit/test_prove.py::test_outages


@pytest.mark.parametrize("mode", MODES)
def test_a_cut_way_costs_nothing_that_was_finished(tmp_path: Path, mode: str) -> None:
    """After the next run every recording has one outcome, stores are sound, and none was converted again."""
    result = cut(tmp_path, mode, seed=11)
    assert result.is_right, result
