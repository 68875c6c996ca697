"""The ledger: rows are only added, the newest counts, and a torn last line does not."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.files.hashing import FileHash
from pipeline.write.ledger import LedgerWriter, Row, Stored, codes, outcome_of, read_ledger, read_plain_rows
from pipeline.write.lock import hold
from schemas.errors import OutputBusy, StorageError
from schemas.findings import finding
from schemas.vocabulary import Outcome

WHEN = "2026-01-02T03:04:05Z"
SOURCES = (FileHash("a/n.edf", 42, 1_700_000_000_123_456_789, "ab" * 32), FileHash("a/n.xml", 7, -1, "cd" * 32))
FULL = Row(
    "stub",
    "n",
    Outcome.CONVERTED_WITH_FINDINGS,
    WHEN,
    fingerprint="ef" * 32,
    sources=SOURCES,
    store=Stored("01" * 32, "23" * 32, 40_000_000, 960),
    findings={"PSG-A001": 2},
    took_s=1.25,
    version="0.1.0",
)


def _segments(out: Path) -> list[Path]:
    return sorted((out / ".ledger" / "segments").iterdir())


def _write(out: Path, *rows: Row) -> None:
    with LedgerWriter(out) as ledger:
        ledger.append(*rows)


def _failed(key: str, reason: str) -> Row:
    return Row("stub", key, Outcome.FAILED, WHEN, reason=reason, detail="what happened")


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    """A full row and a bare one survive the disk, times to the nanosecond."""
    bare = Row("other", "n", Outcome.EXCLUDED, WHEN)
    _write(tmp_path, FULL, bare)
    assert {("stub", "n"): FULL, ("other", "n"): bare} == dict(read_ledger(tmp_path).rows)


def test_rows_cross_processes() -> None:
    """Bare or full, a row can be pickled."""
    bare = _failed("n", "r")
    assert (FULL, bare) == pickle.loads(pickle.dumps((FULL, bare)))


def test_no_ledger_is_an_empty_one(tmp_path: Path) -> None:
    """A new output folder has no rows and no state."""
    ledger = read_ledger(tmp_path)
    assert (dict(ledger.rows), ledger.state) == ({}, ())


def test_the_newest_row_counts_over_many_runs(tmp_path: Path) -> None:
    """Segments are read in the order of their numbers, the tenth after the ninth, whatever the clock says."""
    for n in range(12):
        _write(tmp_path, _failed("n", f"reason_{n}"), _failed("n", f"later_{n}"))
    first, *_, last = _segments(tmp_path)
    last.rename(last.with_name(last.name.replace(last.name.split("-")[1], "19700101T000000Z")))
    assert read_ledger(tmp_path).rows["stub", "n"].reason == "later_11"
    assert first.name.startswith("000001-")


def test_a_torn_last_line_does_not_count(tmp_path: Path) -> None:
    """Cut anywhere within the last row, the rows before it stand; what follows in other segments too."""
    _write(tmp_path, _failed("a", "first"), FULL)
    content = _segments(tmp_path)[0].read_bytes()
    end_of_first = content.index(b"\n") + 1
    _write(tmp_path, _failed("b", "second"))
    for cut in range(end_of_first, len(content)):
        _segments(tmp_path)[0].write_bytes(content[:cut])
        assert {"a", "b"} == {key for _, key in read_ledger(tmp_path).rows}


def test_a_long_ledger_is_read_as_a_short_one(tmp_path: Path) -> None:
    """Rows are parsed in blocks: none is lost between two, and a spoilt line costs none in any."""
    rows = [FULL._replace(key=f"n{i:04d}", detail="x" * (1 + i % 101)) for i in range(1000)]
    _write(tmp_path, *rows)
    (segment,) = _segments(tmp_path)
    assert segment.stat().st_size > 4 * 2**16
    assert list(read_ledger(tmp_path).rows.values()) == rows
    slim = [{k: v for k, v in row.to_json().items() if k not in ("fingerprint", "sources")} for row in rows]
    assert json.loads(json.dumps(slim, default=dict)) == read_plain_rows(tmp_path)
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:500], b"spoilt\n", *lines[500:], b'{"cohort"']))
    assert list(read_ledger(tmp_path).rows.values()) == rows


def test_a_spoilt_line_costs_its_own_row_only(tmp_path: Path) -> None:
    """Lines that are no rows are passed over, those around them are read."""
    _write(tmp_path, _failed("a", "r"), FULL, _failed("b", "r"))
    segment = _segments(tmp_path)[0]
    lines = segment.read_bytes().split(b"\n")
    segment.write_bytes(b"\n".join([lines[0], lines[1][:40] + b"\0\xff", b"[1]", b"", lines[2], b""]))
    assert {"a", "b"} == {key for _, key in read_ledger(tmp_path).rows}


def test_fields_of_later_versions_are_ignored() -> None:
    """A newer row is read as far as it is understood."""
    assert Row.from_json({**FULL.to_json(), "colour": "blue"}) == FULL


def test_rows_are_slim() -> None:
    """Empty fields are not written, and a typical row stays below a kilobyte."""
    assert {"cohort", "key", "outcome", "finished"} == set(Row("c", "k", Outcome.EXCLUDED, WHEN).to_json())
    assert len(json.dumps(FULL.to_json())) < 1000


def test_the_state_changes_with_every_row(tmp_path: Path) -> None:
    """Equal states mean the same ledger."""
    states = [read_ledger(tmp_path).state]
    with LedgerWriter(tmp_path) as ledger:
        for key in "ab":
            ledger.append(_failed(key, "r"))
            states.append(read_ledger(tmp_path).state)
    assert len(set(states)) == 3


def test_a_run_without_rows_leaves_no_segment(tmp_path: Path) -> None:
    """Looking is not writing."""
    with LedgerWriter(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_a_row_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    """A process killed right after `append` loses nothing."""
    code = (
        "import os, pathlib, sys\n"
        "from pipeline.write.ledger import LedgerWriter, Row\n"
        "from schemas.vocabulary import Outcome\n"
        "LedgerWriter(pathlib.Path(sys.argv[1])).append(Row('stub', 'n', Outcome.EXCLUDED, 'now'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (-9, {("stub", "n")}) == (killed.returncode, set(read_ledger(tmp_path).rows))


def test_a_ledger_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    """A file in the folder's place is named without its path."""
    (tmp_path / ".ledger").touch()
    with pytest.raises(StorageError, match="ledger cannot be written") as caught:
        _write(tmp_path, FULL)
    assert str(tmp_path) not in str(caught.value)


@given(st.lists(st.sampled_from(["PSG-A003", "PSG-A001", "PSG-C007"])))
def test_findings_above_information_make_the_outcome(found: list[str]) -> None:
    """Only warnings and worse are worth the second outcome; every code is counted."""
    findings = [finding(code, "words") for code in found]
    worse = {"PSG-A001", "PSG-C007"} & set(found)
    assert outcome_of(findings) is (Outcome.CONVERTED_WITH_FINDINGS if worse else Outcome.CONVERTED)
    assert {code: found.count(code) for code in sorted(set(found))} == codes(findings)


# --- the lock ----------------------------------------------------------------------------------------------

HOLDER = """
import pathlib, sys, time
from pipeline.write.lock import hold
with hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    """A living holder is named with process, host and time; a killed one leaves a lock that anybody can take."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OutputBusy, match=rf"saw process {holder.pid} on \S+, since 20\d\d-") as caught:
            _hold_a_moment(tmp_path)
        assert "Wait for it, stop it, or choose another --out." in str(caught.value)
        holder.kill()
    _hold_a_moment(tmp_path)


def test_the_lock_can_be_taken_again_after_release(tmp_path: Path) -> None:
    """Holding ends with its block, also by an error."""
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    _hold_a_moment(tmp_path)


def test_a_holder_that_has_not_written_yet_is_still_refused(tmp_path: Path) -> None:
    """Between locking and writing its name the holder is unknown, not absent."""
    with hold(tmp_path):
        (tmp_path / ".ledger" / "lock").write_text("{")
        with pytest.raises(OutputBusy, match="has not said who it is"):
            _hold_a_moment(tmp_path)


def _hold_a_moment(out: Path) -> None:
    with hold(out):
        pass
