"""What a person sees of a night: its page in a headless Chromium without a network, by mouse, keys and on paper."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.files.places import copy_out, place
from pipeline.report.assets import BUNDLE
from pipeline.report.recording import write_recording_page
from pipeline.synth import synthesise
from tests.command_line import in_process
from tests.object_store import BUCKET, served
from tests.page_checks import NARROW_PX, WIDE_PX, Browser, check
from tests.storage_campaign import client_of

pytestmark = pytest.mark.system
SAID = (
    *("Individual data: not for sharing", "Recording synthetic/synthetic-visit1-0001", "PSG-C003", "eeg_c4_m1"),
    *("tst_min", "overlap-save FFT", "SHA-256", "What they measured"),
)
AXES = "[...document.querySelectorAll('[data-time]')].map((plot) => plot._fullLayout.xaxis)"
RANGES = f"{AXES}.map((axis) => axis.range.map((end) => axis.r2l(end)).join(' to '))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a made-up night of two hours with every sensor."""
    folder = tmp_path_factory.mktemp("night")
    synthesise(folder / "download", recipe="synthetic", nights=1, hours=2, seed=1)
    assert in_process("convert", "synthetic", "--root", "download", "--out", "out", cwd=folder).returncode == 0
    return write_recording_page(next(folder.glob("out/synthetic/*.zarr")), folder / "out" / "report")


@pytest.mark.parametrize("width_px", [WIDE_PX, NARROW_PX])
def test_page_of_a_night(chromium: Browser, page: Path, tmp_path: Path, width_px: int) -> None:
    """Texts, tables and all plots are there, on a wide and on a narrow screen."""
    view = chromium.open(page, width_px=width_px)
    assert view.picture(tmp_path / "page.png").stat().st_size > 100_000
    check(view)
    assert [words for words in SAID if words not in view.text] == []
    assert view.run("document.querySelectorAll('.plot').length") == 10
    assert (
        view.run("[...document.querySelectorAll('.plot')].filter((p) => !p.querySelector('.main-svg')).length") == 0
    )
    assert view.run("document.querySelectorAll('.plot .scatterlayer .trace').length") > 30
    assert view.run("document.querySelectorAll('.plot .heatmaplayer image').length") == 2


def test_pages_of_poor_nights(chromium: Browser, data: Path, tmp_path: Path) -> None:
    """An excerpt of a real night with few sensors has a page that stands the same checks."""
    download = tmp_path / "download" / "sleep-cassette"
    download.mkdir(parents=True)
    excerpt = data / "sleep-edf" / "SC4001E0_rec0960-1319"
    shutil.copy(f"{excerpt}-PSG.edf", download / "SC4001E0-PSG.edf")
    shutil.copy(f"{excerpt}-Hypnogram.edf", download / "SC4001EC-Hypnogram.edf")
    assert in_process("convert", "sleep_edf", "--root", "download", "--out", "out", cwd=tmp_path).returncode == 0
    (store,) = (tmp_path / "out").glob("*/*.zarr")
    for width_px in (WIDE_PX, NARROW_PX):
        view = chromium.open(write_recording_page(store, tmp_path / "report"), width_px=width_px)
        check(view)
        assert "eeg_fpz_cz" in view.text


def test_plots_move_together_by_mouse_and_keys(chromium: Browser, page: Path) -> None:
    """A click, a key and a drag each show another part of the night in every plot at once, and all of it again."""
    view = chromium.open(page)
    (whole,) = set(view.run(RANGES))
    view.click("[data-move=in]")
    view.wait_for(f"new Set({RANGES}).size === 1 && {RANGES}[0] !== {whole!r}")
    middle = view.run(RANGES)[0]
    view.run("document.querySelector('[data-move=in]').focus()")
    view.press("Tab")
    view.press("Tab")
    assert view.run("document.activeElement.dataset.move") == "earlier"
    view.press("Enter")
    view.wait_for(f"new Set({RANGES}).size === 1 && {RANGES}[0] !== {middle!r}")
    assert view.run("document.getElementById('shown').textContent").count(":") == 4
    view.click("[data-move=all]")
    view.wait_for(f"{RANGES}.every((range) => range === {whole!r})")
    view.drag("#plot-stages .nsewdrag", 0.3, 0.6)
    view.wait_for(f"new Set({RANGES}).size === 1 && {RANGES}[0] !== {whole!r}")
    assert view.errors == []


def test_page_on_paper(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """Printed, plots and tables fit the paper, and the plots fill the window again afterwards."""
    view = chromium.open(page)
    width = "document.querySelector('.plot .main-svg').getBoundingClientRect().width"
    before = view.run(width)
    view.run(f"addEventListener('beforeprint', () => {{ window.printed = {width}; }})")
    assert view.paper(tmp_path / "page.pdf").stat().st_size > 100_000
    assert view.run("window.printed") == 700
    view.wait_for(f"{width} === {before}")
    view.call("Emulation.setEmulatedMedia", media="print")
    view.resize(710)
    view.run("dispatchEvent(new Event('beforeprint'))")
    view.wait_for(f"{width} === 700")
    assert view.misfits() == []


def test_paper_waits_for_no_plot(chromium: Browser, page: Path) -> None:
    """Whoever prints before the page is drawn gets every plot, and none is drawn twice."""
    view = chromium.open(page)
    early = (
        "addEventListener('DOMContentLoaded', () => { dispatchEvent(new Event('beforeprint'));"
        "window.printed = document.querySelectorAll('.plot > .plot-container').length; })"
    )
    view.call("Page.addScriptToEvaluateOnNewDocument", source=early)
    view.call("Page.reload")
    view.wait_for("window.printed && document.body.dataset.state === 'drawn'")
    assert view.run("window.printed") == 10
    assert view.run("document.querySelectorAll('.plot > .plot-container').length") == 10
    assert view.errors == []


def test_what_is_seen_is_drawn_first(chromium: Browser, page: Path) -> None:
    """Whoever comes by a link to a section sees its plots before those above it, and the page says when."""
    view = chromium.open(page)
    early = (
        "addEventListener('DOMContentLoaded', () => new MutationObserver(() => { window.first ||="
        "[...document.querySelectorAll('.plot:has(.main-svg)')].map((plot) => plot.id); }"
        ").observe(document.body, { attributeFilter: ['data-state'] }))"
    )
    view.call("Page.addScriptToEvaluateOnNewDocument", source=early)
    view.call("Page.navigate", url="about:blank")
    view.call("Page.navigate", url=f"{page.absolute().as_uri()}#quality")
    view.wait_for("window.first && document.body.dataset.state === 'drawn'")
    first = view.run("window.first")
    assert "plot-quality" in first
    assert "plot-stages" not in first
    readable_s, drawn_s = chromium.time(page)
    assert 0 < readable_s < drawn_s


def test_a_page_is_built_without_dask(page: Path, tmp_path: Path) -> None:
    """The array library that takes longer to import than a page to build is not imported."""
    (store,) = page.parents[3].glob("synthetic/*.zarr")
    code = (
        "import sys; from pathlib import Path; from pipeline.report.recording import write_recording_page;"
        f"write_recording_page(Path({str(store)!r}), Path({str(tmp_path)!r}));"
        "sys.exit('dask.array' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_moving_while_plots_are_drawn(chromium: Browser, page: Path) -> None:
    """Whoever moves before the page is drawn sees the same part of the night in the plots that come later."""
    view = chromium.open(page)
    (whole,) = set(view.run(RANGES))
    early = (
        "addEventListener('DOMContentLoaded', () => setTimeout(function go() {"
        "if (!document.body.dataset.state) return setTimeout(go);"
        "window.n_late = document.querySelectorAll('.plot:not(:has(.main-svg))').length;"
        "document.querySelector('[data-move=in]').click(); }))"
    )
    view.call("Page.addScriptToEvaluateOnNewDocument", source=early)
    view.call("Page.reload")
    view.wait_for("window.n_late && document.body.dataset.state === 'drawn'")
    view.wait_for(f"new Set({RANGES}).size === 1 && {RANGES}[0] !== {whole!r}")
    assert view.errors == []


def test_page_without_its_assets_says_so(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """A page that was copied alone still tells everything in words, and what its plots lack."""
    alone = tmp_path / "alone.html"
    shutil.copy(page, alone)
    view = chromium.open(alone)
    assert "copy it along with the page" in view.text
    assert [words for words in SAID if words not in view.text] == []
    assert view.faults() == []


def test_store_and_page_in_an_object_store(page: Path, tmp_path: Path) -> None:
    """The page of a night in a bucket is that of the folder, and goes to the report there, or to a folder here."""
    out = page.parents[3]
    with served() as endpoint, client_of(endpoint):
        url = f"s3://{BUCKET}/out"
        files = (path for name in ("synthetic", ".ledger") for path in (out / name).rglob("*") if path.is_file())
        copy_out({path.relative_to(out).as_posix(): path for path in files}, place(url))
        done = in_process("report", url, "synthetic/synthetic-visit1-0001", cwd=tmp_path)
        there = f"{url}/report/recordings/synthetic/synthetic-visit1-0001.html"
        assert (done.returncode, done.stdout) == (0, f"wrote {there}\n")
        assert place(there).read_bytes() == page.read_bytes()
        assert (place(url) / "report" / BUNDLE).read_bytes() == (out / "report" / BUNDLE).read_bytes()
        done = in_process("report", f"{url}/synthetic/synthetic-visit1-0001.zarr", "--out", "here", cwd=tmp_path)
        assert done.returncode == 0
        assert (tmp_path / "here" / "recordings" / "synthetic" / page.name).read_bytes() == page.read_bytes()
        absent = in_process("report", f"{url}/synthetic/none.zarr", cwd=tmp_path)
        assert (absent.returncode, "no recording store here" in absent.stderr) == (2, True)
