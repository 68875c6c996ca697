"""Write the page of one recording. Light until it is asked for: Plotly is imported then."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from pipeline.files.places import is_remote, local_copy, storage_errors
from pipeline.report.assets import check_installed, write_assets, write_file
from pipeline.write.ledger import read_plain_rows, store_path
from pipeline.write.lock import LEDGER_FOLDER
from schemas.errors import StoreCorrupt, StoreIncomplete
from schemas.store import ARRAY_FILE

__all__ = [
    "RECORDINGS",
    "RECORDINGS_PAGE",
    "REPORT",
    "is_store",
    "page_name",
    "report_of_store",
    "stores_in",
    "write_recording_page",
]

REPORT = "report"  # folder of an output that holds its pages
RECORDINGS = "recordings"  # folder of a report with the pages of single nights
RECORDINGS_PAGE = f"{RECORDINGS}/index.html"  # the list of all recordings of an output
_CONVERT = "Run the conversion again: it rewrites this recording."


def page_name(cohort: str, key: str) -> str:
    """Return the path of a recording's page within the report."""
    return f"{RECORDINGS}/{cohort}/{key}.html"


def is_store(path: Path) -> bool:
    """Return whether a folder is a recording store, whole or not, rather than an output."""
    with storage_errors("the folder cannot be read", where=path.name):
        return path.name.endswith(".zarr") or (path / ARRAY_FILE).is_file()


def stores_in(out: Path, recordings: Sequence[str]) -> list[Path]:
    """Return the stores of recordings of an output, each named ``cohort/key``.

    Raises
    ------
    StoreIncomplete
        When the ledger does not know one of them, or it has no store.
    StorageError
        When the disk or the object store refuses.
    """
    rows = {f"{row['cohort']}/{row['key']}": row for row in read_plain_rows(out)}
    for name in recordings:
        if name not in rows:
            near = get_close_matches(name, rows, n=3)
            raise StoreIncomplete(
                "the ledger does not know this recording",
                where=name,
                expected=" or ".join(near) or "cohort/key, as they are called in the output",
                do="'sleep2vec catalog query OUT true' lists what there is.",
            )
        if "store" not in rows[name]:
            raise StoreIncomplete(
                "the recording has no store",
                where=name,
                saw=f"{rows[name]['outcome']}: {rows[name].get('reason')}",
                do="Pages are made of recordings that were converted.",
            )
    return [store_path(out, rows[name]["cohort"], rows[name]["key"]) for name in recordings]


def report_of_store(store: Path) -> Path:
    """Return the folder of the report that a store's page belongs to: its output's, else one beside the store."""
    whole = store if is_remote(store) else store.absolute()
    out = whole.parent.parent
    with storage_errors("the output cannot be read", where=out.name):
        report = (out if (out / LEDGER_FOLDER).is_dir() else whole.parent) / REPORT
    return report if is_remote(store) or store.is_absolute() else Path(os.path.relpath(report))


def write_recording_page(store: Path, report: Path, *, is_listed: bool = False) -> Path:
    """Write the page of one recording store, and what it needs beside it.

    Parameters
    ----------
    store : Path
        The store; also in an object store.
    report : Path
        The folder of the report; the page goes to `page_name` in it.
    is_listed : bool
        Whether the list of recordings is about to be written; where it is there already, the page links to it too.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    PsgError
        When what makes pages is not installed.
    StoreError
        When the store is missing, damaged or too new; names the array that is not what was written.
    StorageError
        When the disk or the object store refuses.
    """
    check_installed()
    with storage_errors("the report cannot be read", where=report.name):
        is_listed = is_listed or (report / RECORDINGS_PAGE).is_file()
    try:
        name, text = _page(store, is_listed=is_listed)
    except (ValueError, RuntimeError) as error:  # what codecs raise: checksums, Blosc
        array = _damaged_array(store)
        if array is None:
            raise
        raise StoreCorrupt(f"array {array} is not what was written", where=store.name, do=_CONVERT) from error
    write_assets(report)
    write_file(report / name, text)
    return report / name


def _page(store: Path, *, is_listed: bool) -> tuple[str, str]:
    """Return the name of a recording's page within the report, and its text."""
    from pipeline.api import open_recording
    from pipeline.report.night_page import night_page
    from pipeline.report.page import Link, render
    from pipeline.report.view import Night

    night = Night(open_recording(store))
    home = Link("To all recordings", "../index.html") if is_listed else None
    return page_name(night.ds.attrs["cohort"], night.ds.attrs["recording"]), render(night_page(night, home=home))


def _damaged_array(store: Path) -> str | None:
    """Return the first array whose bytes are not what was written; None where the fault is not the store's."""
    from pipeline.verify.store import verify_store

    with storage_errors("the store cannot be read", where=store.name), local_copy(store) as here:
        problems = verify_store(here).problems
    damaged = (found.array for found in problems if found.reason == StoreCorrupt("").reason)
    return next(filter(None, damaged), None)
