"""Kill -9 at any moment: no store is torn, nothing finished is done again, nothing is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.crash_campaign import campaign, command_subject, stub_subject


def test_three_kills_leave_nothing_to_repair(tmp_path: Path) -> None:
    """Two parents and a whole group are killed; each time the next run does the rest and the rest only."""
    result = campaign(stub_subject(tmp_path, n_recording=6, sleep_s=0.2), n_moment=3, seed=5)
    assert {m.share: m.faults for m in result.moments} == {m.share: () for m in result.moments}
    assert result.n_interrupted >= 2


@pytest.mark.system
def test_ten_kills_of_the_command_leave_nothing_to_repair(tmp_path: Path) -> None:
    """Ten moments drawn over the length of an undisturbed run, at least seven of them with work left undone."""
    subject = command_subject(tmp_path, cohort="mesa", n_recording=16, hours=4.0)
    result = campaign(subject, n_moment=10, seed=10)
    assert {m.share: m.faults for m in result.moments} == {m.share: () for m in result.moments}
    assert result.n_interrupted >= 7
    assert sum(0 < m.n_finished < result.n_recording for m in result.moments) >= 2
