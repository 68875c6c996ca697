"""The way to the object store is cut in a run, or a permission lost: nothing is torn, lost or done twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.files.places import place
from pipeline.write.publish import published
from tests.aftermath import unsettled, unsound
from tests.object_store import BUCKET, denied, environment_of, served
from tests.storage_campaign import MODES, client_of, cut
from tests.stub_cohort import write_nights
from tests.stub_run import start

pytestmark = pytest.mark.system  # the everyday form: tests/unit/test_prove.py::test_outages


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "reset"])  # which is the everyday form
def test_a_cut_way_costs_nothing_that_was_finished(tmp_path: Path, mode: str) -> None:
    """After the next run every recording has one outcome, stores are sound, and none was converted again."""
    result = cut(tmp_path, mode, seed=11)
    assert result.is_right, result


def test_a_lost_permission_ends_the_run(tmp_path: Path) -> None:
    """One line says why, no recording is blamed, and the next run does what is missing."""
    log = tmp_path / "log"
    log.touch()
    root = write_nights(tmp_path / "in", {f"n{i}": f"count={log} sleep=0.5" for i in range(8)})
    with served() as server, client_of(server):
        out = place(f"s3://{BUCKET}/out")
        with start(root, out, **environment_of(server)) as run:
            while not published(out) and run.poll() is None:
                time.sleep(0.05)
            with denied(server):
                said = run.communicate(timeout=120)[1]
        assert (run.returncode, said.count("\n")) == (1, 1), said
        assert "permission denied by the object store" in said
        finished = {store.stem for store in published(out)}
        assert (0 < len(finished) < 8, unsound(out)) == (True, ())
        with start(root, out, **environment_of(server)) as run:
            assert run.wait(timeout=120) == 0
        assert (unsettled(out, 8), unsound(out)) == ((), ())
        assert [name for name in finished if log.read_text().split().count(name) > 1] == []
