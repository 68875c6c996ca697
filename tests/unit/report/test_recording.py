"""Where the page of a recording goes, and what is said where there is none to be made."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from pipeline.report import assets
from pipeline.report.assets import BUNDLE, check_installed, write_assets, write_file
from pipeline.report.recording import is_store, page_name, report_of_store, stores_in, write_recording_page
from pipeline.write.ledger import LedgerWriter, Row, Stored
from pipeline.write.store import write_store
from schemas.errors import PsgError, StorageError, StoreCorrupt, StoreIncomplete
from schemas.vocabulary import Outcome
from tests.command_line import in_process
from tests.html_checks import Html


@pytest.fixture
def out(store: Path, tmp_path: Path) -> Path:
    """An output with one recording that was converted and one that failed."""
    out = tmp_path / "out"
    (out / "synthetic").mkdir(parents=True)
    store.rename(out / "synthetic" / store.name)
    with LedgerWriter(out) as ledger:
        stored = Stored("a", "b", 7, 3)
        ledger.append(Row("synthetic", "night-1", Outcome.CONVERTED, "2026-01-01T00:00:00Z", store=stored))
        ledger.append(Row("synthetic", "night-2", Outcome.FAILED, "2026-01-01T00:00:00Z", reason="edf_truncated"))
    return out


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("arguments", [("out/synthetic/night-1.zarr",), ("out", "synthetic/night-1")])
def test_page_goes_below_the_output(out: Path, arguments: tuple[str, ...]) -> None:
    """By its store or by its name, a recording has one page in the output's report; its assets are beside it."""
    done = in_process("report", *arguments, cwd=out.parent)
    assert (done.returncode, done.stdout) == (0, "wrote out/report/recordings/synthetic/night-1.html\n")
    assert _files(out / "report") == [BUNDLE, "recordings/synthetic/night-1.html"]
    page = out / "report" / page_name("synthetic", "night-1")
    html = Html(page.read_text("utf-8"))
    (script,) = (element for element in html.of("script") if "src" in element.attrs)
    assert (page.parent / script.attrs["src"]).resolve() == (out / "report" / BUNDLE).resolve()


def test_page_goes_where_it_is_told(out: Path) -> None:
    """--out names another folder; a second page shares the assets and leaves them alone."""
    bundle = out.parent / "pages" / BUNDLE
    bundle.parent.mkdir(parents=True)
    bundle.write_text("there already")
    assert in_process("report", "out/synthetic/night-1.zarr", "--out", "pages", cwd=out.parent).returncode == 0
    assert _files(out.parent / "pages") == [BUNDLE, "recordings/synthetic/night-1.html"]
    assert bundle.read_text() == "there already"
    assert not (out / "report").exists()


def test_report_of_a_lone_store_lies_beside_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a ledger two folders up nothing is written there; relative paths stay relative."""
    assert report_of_store(store) == tmp_path / "report"
    monkeypatch.chdir(store)
    assert report_of_store(Path()) == Path("../report")
    monkeypatch.chdir(tmp_path)
    assert report_of_store(Path(store.name)) == Path("report")
    (tmp_path.parent / ".ledger").mkdir()
    try:
        assert report_of_store(Path(store.name)) == Path("../report")
    finally:
        (tmp_path.parent / ".ledger").rmdir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none",), "does not exist"),
        (("out", "synthetic/night-3"), "does not know this recording.*expected synthetic/night-[12]"),
        (("out", "night-1"), "does not know this recording"),
        (("out", "synthetic/night-2"), "no store: saw failed: edf_truncated"),
        (("out/synthetic", "synthetic/night-1"), "does not know this recording"),
        (("out/synthetic/night-1.zarr", "synthetic/night-1"), "is one recording: name its output"),
        (("out/synthetic/night-2.zarr",), "does not exist"),
        (("s3://me:secret@bucket/a",), "not the URL of a place"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_shown_is_said(out: Path, arguments: tuple[str, ...], said: str) -> None:
    """A wrong path or name is wrong use: code 2, one message, no trace and nothing written."""
    before = _files(out.parent)
    done = in_process("report", *arguments, cwd=out.parent)
    assert done.returncode == 2
    assert re.search(said, " ".join(done.stderr.split()))
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert _files(out.parent) == before


def test_a_damaged_store_has_no_page(store: Path, tmp_path: Path) -> None:
    """A store that lacks a file, or whose root was altered, is refused by name before anything is written."""
    lacking = tmp_path / "lacking.zarr"
    shutil.copytree(store, lacking)
    (lacking / "stage" / "c" / "0").unlink()
    with pytest.raises(StoreIncomplete, match=r"lacking.zarr: 1 of \d+ files are missing"):
        write_recording_page(lacking, tmp_path / "report")
    root = json.loads((store / "zarr.json").read_text())
    root["attributes"]["age_years"] = 1
    (store / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(StoreCorrupt, match=r"night-1.zarr"):
        write_recording_page(store, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def _overwrite(store: Path) -> None:
    """Turn eight bytes of a channel around."""
    chunk = store / "eeg_c4_m1" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[40:48] = bytes(byte ^ 0xFF for byte in content[40:48])
    chunk.write_bytes(content)


def test_a_damaged_channel_is_named(store: Path, tmp_path: Path) -> None:
    """Bytes that changed within a channel: recording and array are said, and nothing is written."""
    _overwrite(store)
    with pytest.raises(StoreCorrupt, match=r"night-1.zarr: array eeg_c4_m1 is not what was written. Run the conv"):
        write_recording_page(store, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_damaged_stores_stop_no_other_page(make_night: Callable[..., xr.Dataset], tmp_path: Path) -> None:
    """Of four stores one has a damaged channel, one a broken root and one is gone: told, listed first, counted."""
    out = tmp_path / "out"
    (out / "synthetic").mkdir(parents=True)
    with LedgerWriter(out) as ledger:
        for key in ("a-whole", "b-channel", "c-root", "d-gone"):
            own = out / "synthetic" / f"{key}.zarr"
            write_store(make_night().assign_attrs(recording=key), own)
            stored = Stored(hashlib.sha256((own / "zarr.json").read_bytes()).hexdigest(), "b", 7, 3)
            ledger.append(Row("synthetic", key, Outcome.CONVERTED, "2026-01-01T00:00:00Z", store=stored))
    _overwrite(out / "synthetic" / "b-channel.zarr")
    (out / "synthetic" / "c-root.zarr" / "zarr.json").write_text("{")
    shutil.rmtree(out / "synthetic" / "d-gone.zarr")
    done = in_process("report", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert "synthetic/b-channel: store_corrupt: array eeg_c4_m1 is not what was written\n" in done.stderr
    assert "Traceback" not in done.stderr
    report = out / "report"
    assert [page.stem for page in (report / "recordings" / "synthetic").iterdir()] == ["a-whole"]
    listed = (report / "recordings" / "index.html").read_text("utf-8")
    _, _, data = listed.partition('id="recordings-data">')
    rows = json.loads(data.partition("</script>")[0])
    assert [row["why"].partition(":")[0] for row in rows] == [*["store damaged"] * 2, "store missing", ""]
    assert re.search(r"Stores damaged or missing</dt>\s*<dd>&lt;5<", (report / "index.html").read_text("utf-8"))


def test_stores_are_told_from_outputs(out: Path) -> None:
    """A store is known by its name or by its root document."""
    store = out / "synthetic" / "night-1.zarr"
    assert [is_store(path) for path in (out, store, out / "synthetic")] == [False, True, False]
    assert is_store(store.rename(out / "renamed"))
    assert stores_in(out, []) == []


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses leaves the old page, and an error of ours."""
    page = tmp_path / "a" / "page.html"
    write_file(page, "old")

    def refuse(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StorageError, match=r"page.html: the report cannot be written"):
        write_file(page, "new")
    assert page.read_text() == "old"
    with pytest.raises(StorageError):
        write_assets(tmp_path / "b")


def test_a_report_where_no_folder_can_be_made(tmp_path: Path) -> None:
    """A folder below a file is refused by its name, with the way out: room on the disk would not help."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"^pages: the folder .* saw Not a directory. Give another --out.$"):
        write_assets(tmp_path / "file" / "pages")


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Plotly or Jinja the message says what to install."""
    monkeypatch.setattr(assets, "find_spec", lambda name: None)
    with pytest.raises(PsgError, match=r"no plotly and no jinja2.*sleep2vec\[report\]"):
        check_installed()
