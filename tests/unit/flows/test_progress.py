"""What a person sees while a run goes on, and what its log keeps."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flows.logs import log_to
from flows.progress import _left, show_progress
from pipeline.batch.run import Progress
from pipeline.write.ledger import Row
from schemas.vocabulary import Outcome


def _progress(n_done: int, n_total: int, reason: str | None = None) -> Progress:
    outcome = Outcome.FAILED if reason else Outcome.CONVERTED
    return Progress(n_done, n_total, Row("c", f"n{n_done}", outcome, "", reason=reason), is_new=True)


def test_small_runs_have_a_line_a_recording_and_large_ones_a_line_a_per_cent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Failures are always told, and so is the last recording."""
    with show_progress(quiet=False) as show:
        assert show is not None
        for n_done in range(1, 4):
            show(_progress(n_done, 3))
        for n_done in range(1, 1001):
            show(_progress(n_done, 1000, "edf_corrupt" if n_done == 7 else None))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:4] == ["1/3 c/n1: converted", "2/3 c/n2: converted", "3/3 c/n3: converted", lines[3]]
    assert lines[3].startswith("7/1000 c/n7: failed, edf_corrupt")
    assert len(lines) == 3 + 1 + 100
    assert lines[-1] == "1000/1000 c/n1000: converted"


def test_a_quiet_run_shows_nothing() -> None:
    """There is nothing to call."""
    with show_progress(quiet=True) as show:
        assert show is None


@pytest.mark.parametrize(
    ("elapsed_s", "n_done", "n_total", "words"),
    [
        (10, 10, 20, ""),
        (60, 1, 3, " (about 2 min left)"),
        (3600, 10, 20, " (about 1 h 00 min left)"),
        (3600, 10, 31, " (about 2 h 06 min left)"),
    ],
)
def test_the_time_left_follows_the_pace(elapsed_s: float, n_done: int, n_total: int, words: str) -> None:
    """What is left takes as long a recording as what is done."""
    assert _left(elapsed_s, n_done, n_total) == words


def test_logs_are_lines_of_json_and_only_inside_the_block(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time, level, event and facts; afterwards the log is as it was."""
    log = logging.getLogger("sleep2vec.run")
    for _ in range(2):
        with log_to(tmp_path / "log", verbose=True):
            log.warning("recording ended", extra={"facts": {"recording": "c/n", "reason": None, "took_s": 1.5}})
        log.warning("nobody hears this")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["event", "level", "reason", "recording", "time", "took_s"]] * 2
    assert (lines[0]["event"], lines[0]["level"], lines[0]["took_s"]) == ("recording ended", "warning", 1.5)
    said = capsys.readouterr().err.splitlines()
    assert [line[9:] for line in said] == ["recording ended recording=c/n took_s=1.5"] * 2
