"""The page of a cohort: right numbers, nothing of few persons, nobody named; and the list of recordings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report_cohort import write_output
from pipeline.catalog.cells import LEAST
from pipeline.catalog.table import FILES, frame, open_table
from pipeline.report.cohort import CohortReport, write_cohort_report
from pipeline.report.cohort_cells import NO_CHANNEL, coverage, show_cross
from pipeline.write.ledger import LedgerWriter, Row, read_ledger
from schemas.errors import StoreIncomplete
from schemas.vocabulary import Outcome
from tests.command_line import in_process
from tests.made_up_catalog import made_up

N_RECORDING = 150


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up nights at twelve sites, in ledger and catalog alone; three failed."""
    folder = tmp_path_factory.mktemp("cohort") / "out"
    folder.mkdir()
    write_output(folder, N_RECORDING)
    return folder


@pytest.fixture(scope="module")
def written(out: Path) -> CohortReport:
    return write_cohort_report(out, worst=0)


@pytest.fixture(scope="module")
def page(written: CohortReport) -> str:
    return written.page.read_text("utf-8")


def cells(page: str) -> list[str]:
    """Return the texts of all cells of a page's tables."""
    return [
        re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.DOTALL)
    ]


def figures(page: str) -> list[dict[str, object]]:
    """Return the data of all figures of a page."""
    return [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)]


def test_sections_are_there(page: str) -> None:
    """A data engineer finds outcomes, drift, findings, coverage, nights, persons, references and terms."""
    ids = re.findall(r'<section id="([a-z]+)"', page)
    assert ids == ["summary", "drift", "findings", "coverage", "nights", "persons", "references", "terms"]
    assert len(figures(page)) > 12


def test_outcomes_are_those_of_the_ledger(out: Path, written: CohortReport) -> None:
    """Recordings are counted by outcome and reason; those of few are withheld."""
    shared = written.facts.shared
    n_failed = sum(row.outcome is Outcome.FAILED for row in read_ledger(out).rows.values())
    assert n_failed < LEAST
    assert shared.outcomes["made-up"]["failed"] == f"<{LEAST}"
    assert dict(shared.sizes)["With a store"] == str(N_RECORDING - n_failed)
    assert {reason for _, reason, _, _ in shared.reasons} <= {"edf_truncated", "unit_missing", "hypnogram_mismatch"}


def test_nobody_is_named(out: Path, page: str) -> None:
    """No recording and no subject is on the page, neither in its texts nor in the data of its figures."""
    assert "night-" not in page
    rows = open_table(out)
    assert [name for name in rows["fingerprint"].drop_nulls().to_list() if name in page] == []


def test_no_number_of_few_persons_is_told(page: str) -> None:
    """No cell and no bar counts one to four."""
    counted = page.partition('<section id="references"')[0]  # which has medians
    assert [cell for cell in cells(counted) if re.fullmatch("[1-4]", cell)] == []
    bars = [trace for figure in figures(page) for trace in figure["data"] if trace["type"] == "bar"]  # type: ignore[attr-defined]
    of_persons = [
        trace for trace in bars if "base" not in trace and "%" not in trace.get("hovertemplate", "").split("}")[-1]
    ]
    numbers = [n for trace in of_persons for n in trace["x" if trace.get("orientation") == "h" else "y"]]
    assert len(numbers) > 100
    assert [n for n in numbers if 0 < n < LEAST] == []


def test_the_wrong_site_is_first(written: CohortReport, page: str) -> None:
    """The site with twice the gain is the one that differs; it leads to its recordings."""
    assert [group.name for group in written.facts.shared.drift.groups] == ["site 07"]
    assert re.search("amplitude: (1.9|2|2.1) times the others", page)
    assert 'href="recordings/index.html#site=site+07"' in page


def test_pages_ask_for_nothing(written: CohortReport) -> None:
    """Every address on both pages lies within the report; no text of another place is loaded."""
    for path in (written.page, written.recordings):
        text = path.read_text("utf-8")
        found = re.findall(r'(?:src|href)="([^"]*)"', text)
        assert [address for address in found if re.match(r"[a-z]+:|//|/", address)] == []
        scripts = re.findall(r'<script src="([^"]*)"', text)
        assert all((path.parent / script).is_file() for script in scripts)


def test_the_list_has_every_recording_worst_first(out: Path, written: CohortReport) -> None:
    """Failed ones are on top, each with its reason; the data of the page hold all, its table the first ones."""
    text = written.recordings.read_text("utf-8")
    picture, rows = sorted(figures(text), key=lambda found: isinstance(found, list))
    assert isinstance(rows, list)
    assert len(picture["data"][0]["x"]) == N_RECORDING - 3  # type: ignore[index]
    assert {row["name"] for row in rows} == {f"{cohort}/{key}" for cohort, key in read_ledger(out).rows}
    n_failed = [row["outcome"] for row in rows].count("failed")
    assert [row["outcome"] for row in rows[:n_failed]] == ["failed"] * n_failed
    assert all(row["why"].endswith(": made up") for row in rows[:n_failed])
    z = [row["z"] for row in rows[n_failed:]]
    assert z == sorted(z, reverse=True)
    assert text.count('<th scope="row">made-up/') == 100
    assert "Individual data: not for sharing" in text
    assert "Individual data" not in written.page.read_text("utf-8")


def test_small_cells_mark_the_page(out: Path, tmp_path: Path) -> None:
    """Asked for, every number is told, and the page says that it is not to be shared."""
    done = in_process("report", out, "--out", tmp_path / "own", "--small-cells", "--worst", 0, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "own" / "index.html").read_text("utf-8")
    assert "Individual data: not for sharing" in page
    assert "3" in cells(page)
    assert "made-up, failed: 3\n" in done.stdout
    assert "site site 07 differs: " in done.stdout


def test_another_output_is_compared_with(out: Path, tmp_path: Path) -> None:
    """The reference that is named stands in the place of the shipped ones."""
    done = write_cohort_report(out, tmp_path / "report", against=[out], worst=0)
    ((reference, rows),) = done.facts.shared.comparisons
    assert reference.name == "made-up"
    assert rows
    assert all(row.weight == 0 for row in rows)
    with pytest.raises(StoreIncomplete, match="no recordings to compare with"):
        write_cohort_report(out, tmp_path / "report", against=[tmp_path], worst=0)


def test_a_cohort_that_failed_altogether_has_a_page(tmp_path: Path) -> None:
    """Without a single store there are outcomes and reasons, and every section says that it has nothing."""
    with LedgerWriter(tmp_path) as ledger:
        ledger.append(
            *(Row("gone", f"n{k}", Outcome.FAILED, "2026-01-01T00:00:00Z", reason="edf_corrupt") for k in range(6))
        )
    done = write_cohort_report(tmp_path)
    page = done.page.read_text("utf-8")
    assert "edf_corrupt" in page
    assert "There are not two sites with enough nights and persons to compare." in page
    assert "There are no stores yet." in page
    assert done.n_page == 0


def test_a_cohort_of_few_says_little(tmp_path: Path) -> None:
    """Of four persons nothing is counted."""
    write_output(tmp_path, 4)
    page = write_cohort_report(tmp_path, worst=0).page.read_text("utf-8")
    assert [cell for cell in cells(page) if re.fullmatch("[1-4]", cell)] == []
    assert f"&lt;{LEAST}" in page


def test_numbers_without_a_bar_stand_in_a_table(tmp_path: Path) -> None:
    """Of so few persons that every bar is withheld there is no empty picture; mean and deviation are told."""
    write_output(tmp_path, 12)
    page = write_cohort_report(tmp_path, worst=0).page.read_text("utf-8")
    bars = re.findall(r'id="(histogram-[a-z0-9-]+)-figure">(.*?)</script>', page)
    assert [name for name, text in bars if not any(any(trace["y"]) for trace in json.loads(text)["data"])] == []
    caption = page.partition("Numbers whose bars are all of few persons")[2]
    assert "ahi_hp3r_aasm15" in caption
    assert "±" in caption


def test_bad_input_is_told(tmp_path: Path) -> None:
    """No ledger, no such folder, a URL that is none: one sentence each, and nothing is written."""
    (tmp_path / "empty").mkdir()
    for path, words in (("empty", "no ledger here"), ("nowhere", "does not exist"), ("gs://a/b", "not the URL")):
        done = in_process("report", path, cwd=tmp_path)
        assert (path, done.returncode) == (path, 2)
        assert words in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_stores_that_are_gone_are_named(out: Path, tmp_path: Path) -> None:
    """A store that the ledger knows and nobody finds is told on the error stream, with what to do."""
    other = tmp_path / "out"
    other.mkdir()
    write_output(other, 6)
    for name in FILES.values():
        (other / name).unlink()
    done = in_process("report", other, cwd=tmp_path)
    assert done.returncode == 3
    assert "made-up/night-000000: store_incomplete" in done.stderr
    assert "next: sleep2vec verify" in done.stderr
    rows = figures((other / "report" / "recordings" / "index.html").read_text("utf-8"))[0]
    assert {row["why"].partition(":")[0] for row in rows} == {"store missing"}  # type: ignore[attr-defined]
    page = (other / "report" / "index.html").read_text("utf-8")
    assert re.search(r"Stores damaged or missing</dt>\s*<dd>6<", page)


def test_coverage_of_few_leaves_the_rest_open() -> None:
    """A channel that three of forty lack: how many have it follows only as far as fewer than five lack it."""
    rows = made_up(40)
    row = {"channel": "spo2", "coverage": 1.0}
    channels = frame("channels", [{"recording": own["recording"], **row} for own in rows[3:]])
    shown = coverage(frame("catalog", rows), channels, small=False)["spo2"]
    assert (shown["all of it"], shown[NO_CHANNEL]) == (">35", "<5")
    shown = coverage(frame("catalog", rows), channels, small=True)["spo2"]
    assert (shown["all of it"], shown[NO_CHANNEL]) == ("37", "3")


@given(st.dictionaries(st.text("abc", min_size=1), st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=5))
def test_no_withheld_cell_follows_from_the_sums(drawn: dict[str, tuple[int, ...]]) -> None:
    """In no row and no column is one cell alone withheld, unless it is all that is there."""
    counts = {row: dict(zip("xyz", values, strict=True)) for row, values in drawn.items()}
    shown = show_cross(counts, small=False)
    lines = [[(row, column) for column in "xyz"] for row in counts] + [[(r, c) for r in counts] for c in "xyz"]
    for line in lines:
        hidden = [cell for cell in line if not shown[cell[0]][cell[1]].isdecimal()]
        others = [counts[row][column] for row, column in line if (row, column) not in hidden]
        assert len(hidden) != 1 or sum(others) == 0
    assert all(
        n == 0 or n >= LEAST for row in shown.values() for n in map(int, filter(str.isdecimal, row.values()))
    )
