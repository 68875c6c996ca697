"""Kill -9 at any moment: no store is torn, nothing finished is done again, nothing is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.crash_campaign import (
    campaign,
    command_subject,
    kill_at,
    kill_first_worker,
    kill_worker_at,
    stub_subject,
)


def test_kills_leave_nothing_to_repair(tmp_path: Path) -> None:
    """Early and late, the parent alone and a whole group: the next run does the rest and only that."""
    subject = stub_subject(tmp_path, n_quick=3, n_gated=3)
    for n_store, whole_group in ((0, False), (3, True)):
        moment = kill_at(subject, n_store, whole_group=whole_group)
        assert moment.faults == ()
        assert n_store <= moment.n_finished <= 3
        assert moment.n_converted == 6 - moment.n_finished


@pytest.mark.system
def test_a_killed_dask_worker_loses_nothing(tmp_path: Path) -> None:
    """Others do what it had in hand; the run ends well by itself, and what was finished is not done again."""
    found = kill_worker_at(stub_subject(tmp_path, n_quick=2, n_gated=3, on_dask=True), 2, seed=1)
    assert found.is_right, found
    assert (found.n_finished, found.n_recording) == (2, 5)


@pytest.mark.system
def test_a_dask_worker_killed_at_its_start_does_not_end_the_run(tmp_path: Path) -> None:
    """A cluster that cannot be completed is started again."""
    found = kill_first_worker(stub_subject(tmp_path, n_quick=2, n_gated=0, on_dask=True))
    assert found.is_right, found
    assert (found.n_finished, found.n_recording) == (0, 2)


@pytest.mark.system
def test_kills_of_the_command_leave_nothing_to_repair(tmp_path: Path) -> None:
    """Moments drawn over the length of an undisturbed run; ten of longer nights: docs/evidence/kills.json."""
    subject = command_subject(tmp_path, cohort="mesa", n_recording=4, hours=0.5)
    result = campaign(subject, n_moment=2, seed=10)
    assert {m.when: m.faults for m in result.moments} == {m.when: () for m in result.moments}
    assert result.n_interrupted >= 1
