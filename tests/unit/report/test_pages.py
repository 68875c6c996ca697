"""Which pages of recordings a report holds: those of recordings that have a store, each with its way back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.batch.rebuild import rebuild
from pipeline.report.recording import RECORDINGS_PAGE
from tests.command_line import in_process
from tests.html_checks import Html

NIGHT = "recordings/synthetic/night-1.html"


@pytest.fixture
def out(store: Path, tmp_path: Path) -> Path:
    """An output with one recording."""
    out = tmp_path / "out"
    (out / "synthetic").mkdir(parents=True)
    store.rename(out / "synthetic" / store.name)
    rebuild(out)
    return out


def _report(out: Path, *arguments: str, code: int = 0) -> None:
    done = in_process("report", out.name, *arguments, cwd=out.parent)
    assert done.returncode == code, done.stderr


def _links(page: Path) -> list[str]:
    return [element.attrs["href"] for element in Html(page.read_text("utf-8")).of("a")]


def test_page_links_to_the_list_where_there_is_one(out: Path) -> None:
    """A page made alone has no list to lead to; made along with the list, or after it, it leads there."""
    page = out / "report" / NIGHT
    _report(out, "synthetic/night-1")
    assert "../index.html" not in _links(page)
    _report(out)
    assert "../index.html" in _links(page)
    assert (page.parent / "../index.html").resolve() == (out / "report" / RECORDINGS_PAGE).resolve()
    page.unlink()
    _report(out, "synthetic/night-1")
    assert "../index.html" in _links(page)


def test_pages_without_a_store_go(out: Path) -> None:
    """The page of a person who was left out is removed and linked no more; so is one that the ledger forgot."""
    report = out / "report"
    _report(out)
    assert "synthetic/night-1.html" in (report / RECORDINGS_PAGE).read_text()
    shutil.copy(report / NIGHT, report / "recordings/synthetic/forgotten.html")
    done = in_process("quarantine", "exclude", "out", "synthetic/night-1", "--reason", "asked to", cwd=out.parent)
    assert done.returncode == 0, done.stderr
    _report(out)
    assert list((report / "recordings" / "synthetic").iterdir()) == []
    assert "synthetic/night-1.html" not in (report / RECORDINGS_PAGE).read_text()


def test_pages_of_other_outputs_stay(out: Path) -> None:
    """In a report elsewhere only recordings that the output knows lose their page."""
    pages = out.parent / "pages"
    _report(out, "--out", "pages")
    other = pages / "recordings" / "other" / "night-1.html"
    other.parent.mkdir()
    other.touch()
    shutil.rmtree(out / "synthetic" / "night-1.zarr")
    _report(out, "--out", "pages", code=3)
    assert (other.exists(), (pages / NIGHT).exists()) == (True, False)
