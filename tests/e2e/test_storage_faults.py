"""The way to the object store is cut in the middle of a run: nothing is torn, lost or done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage_campaign import MODES, cut


def test_a_cut_way_costs_nothing_that_was_finished(tmp_path: Path) -> None:
    """After the next run every recording has one outcome, stores are sound, and none was converted again."""
    result = cut(tmp_path, "reset", seed=0, n_night=3)
    assert result.is_right, result


@pytest.mark.system
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(1, 11))
def test_at_many_moments(tmp_path: Path, mode: str, seed: int) -> None:
    """The same at moments drawn over the run, healed or killed."""
    result = cut(tmp_path, mode, seed)
    assert result.is_right, result
