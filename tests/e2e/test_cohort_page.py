"""What a person sees of a cohort: both pages in a headless Chromium without a network, and the sites that drift."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.report_cohort import write_output
from pipeline.files.places import copy_out, place
from pipeline.report.cohort import CohortReport, write_cohort_report
from tests.drifting_cohort import PLANTED, convert_sites
from tests.object_store import BUCKET, served
from tests.page_checks import NARROW_PX, Browser, View, check
from tests.storage_campaign import client_of

pytestmark = pytest.mark.system
N_RECORDING = 2000
URL = f"s3://{BUCKET}/out"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> CohortReport:
    """The pages of a large cohort that exists in ledger and catalog alone."""
    out = tmp_path_factory.mktemp("large")
    write_output(out, N_RECORDING)
    return write_cohort_report(out, worst=0)


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> CohortReport:
    """The pages of real stores of five sites, three of them wrong."""
    with pytest.MonkeyPatch.context() as patch:
        out = convert_sites(tmp_path_factory.mktemp("drifting"), patch, n_night=5, hours=0.2)
    return write_cohort_report(out, worst=2)


@pytest.mark.parametrize("width_px", [1500, NARROW_PX])
def test_page_of_a_cohort(chromium: Browser, made_up: CohortReport, tmp_path: Path, width_px: int) -> None:
    """Texts and plots are there, on a wide and on a narrow screen."""
    view = chromium.open(made_up.page, width_px=width_px)
    view.picture(tmp_path / "page.png")
    check(view)
    assert "site 07" in view.run("document.querySelector('#drift-table').innerText")
    assert "may be shared" in view.text
    n_plot = view.run("document.querySelectorAll('.plot .main-svg').length")
    assert n_plot >= 12


@pytest.mark.parametrize("width_px", [1500, NARROW_PX])
def test_list_of_recordings(chromium: Browser, made_up: CohortReport, tmp_path: Path, width_px: int) -> None:
    """Every recording is within reach, worst first; the page says that it is not to be shared."""
    view = chromium.open(made_up.recordings, width_px=width_px)
    view.picture(tmp_path / "list.png")
    check(view)
    assert "not for sharing" in view.text
    assert f"{N_RECORDING} recordings" in view.text
    assert "failed" in view.run("document.querySelector('#recordings-table tbody tr').innerText")


def shown(view: View, table: str) -> list[str]:
    """Return the rows that a person sees."""
    rows: list[str] = view.run(
        f"[...document.querySelectorAll('#{table} tbody tr')].filter((r) => !r.hidden).map((r) => r.innerText)"
    )
    return rows


def choose(view: View, name: str, n_down: int) -> None:
    """Open a filter with the mouse and go down in it."""
    view.click(f"select[name={name}]")
    for _ in range(n_down):
        view.press("ArrowDown")
    view.press("Enter")


def test_filters_of_the_list(chromium: Browser, made_up: CohortReport) -> None:
    """Outcome, site and finding narrow the list by clicks and by keys, and by the address; its pages are turned."""
    view = chromium.open(made_up.recordings)
    choose(view, "outcome", 3)
    view.wait_for("document.querySelector('.filters output').textContent.startsWith('40 ')")
    assert all("failed" in row for row in shown(view, "recordings-table"))
    view.click("button[type=reset]")
    view.wait_for(f"document.querySelector('.filters output').textContent.startsWith('{N_RECORDING} ')")
    view.click("[data-page='1']")
    assert "101 to 200" in view.text
    view.run("document.querySelector('select[name=site]').focus()")
    view.press("ArrowDown")
    view.wait_for("document.querySelector('select[name=site]').value === 'site 00'")
    assert all("site 00" in row for row in shown(view, "recordings-table"))
    by_address = made_up.recordings.absolute().as_uri() + "#site=site+07&finding=PSG-C001"
    view.call("Page.navigate", url="about:blank")
    view.call("Page.navigate", url=by_address)
    view.wait_for("document.body && document.body.dataset.state === 'drawn'")
    rows = shown(view, "recordings-table")
    assert rows
    assert all("site 07" in row and "PSG-C001" in row for row in rows)


def test_filters_of_findings(chromium: Browser, made_up: CohortReport) -> None:
    """The table of findings shows all sites together, or one, or one finding."""
    view = chromium.open(made_up.page)
    assert all("every site" in row for row in shown(view, "findings-table"))
    choose(view, "site", 1)
    view.wait_for("document.querySelector('select[name=site]').value === 'site 00'")
    assert all("site 00" in row for row in shown(view, "findings-table"))
    choose(view, "finding", 1)
    view.wait_for("document.querySelector('select[name=finding]').value !== ''")
    assert len(shown(view, "findings-table")) == 1


def test_pages_go_on_paper(chromium: Browser, made_up: CohortReport, tmp_path: Path) -> None:
    """Both can be printed, and the list takes some sheets, not hundreds."""
    for page in (made_up.page, made_up.recordings):
        content = chromium.open(page).paper(tmp_path / f"{page.parent.name}.pdf").read_bytes()
        assert content.startswith(b"%PDF")
        assert content.count(b"/Type /Page\n") < 40


def test_wrong_sites_are_named_first(chromium: Browser, drifting: CohortReport) -> None:
    """Converted nights: the site with the wrong gain, with other mains and with an inverted belt lead the table."""
    view = chromium.open(drifting.page)
    check(view)
    first = shown(view, "drift-table")[: len(PLANTED)]
    named = {row.split("\t")[0]: row for row in first}
    assert set(named) == set(PLANTED)
    assert all(words in named[site] for site, words in PLANTED.items())


def test_an_output_in_an_object_store(tmp_path: Path) -> None:
    """By its URL an output gets the same pages, beside its stores; only the time of making differs."""
    out = tmp_path / "out"
    out.mkdir()
    write_output(out, 60)
    here = write_cohort_report(out, worst=0)
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    with served() as endpoint, client_of(endpoint):
        copy_out({name: path for name, path in files.items() if not name.startswith("report/")}, place(URL))
        there = write_cohort_report(place(URL), worst=0)
        assert str(there.page) == f"{URL}/report/index.html"
        pages = [[path.read_text("utf-8") for path in (done.page, done.recordings)] for done in (here, there)]
    when = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert [when.sub("", page) for page in pages[0]] == [when.sub("", page) for page in pages[1]]


def test_recordings_are_linked(chromium: Browser, drifting: CohortReport) -> None:
    """The worst recordings have pages, which the list leads to."""
    assert drifting.n_page == 2
    view = chromium.open(drifting.recordings)
    links = view.run("[...document.querySelectorAll('#recordings-table a')].map((a) => a.getAttribute('href'))")
    assert len(links) == 2
    view.click("#recordings-table a")
    view.wait_for(
        "document.body && document.body.dataset.state === 'drawn' && location.pathname.includes('synthetic-')"
    )
    assert "not for sharing" in view.text
