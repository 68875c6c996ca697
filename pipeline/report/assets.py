"""What the pages of a report share: Plotly's program, once below ``report/assets/``; and how files get there.

Light: it is imported before anybody knows whether Plotly and Jinja are installed.
"""

from __future__ import annotations

import secrets
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipeline.files.places import is_remote, storage_errors
from schemas.errors import PsgError, StorageError
from schemas.store import PART

__all__ = ["BUNDLE", "check_installed", "missing", "write_assets", "write_file"]

_NEEDED = ("plotly", "jinja2")


def _bundle() -> str:
    return f"assets/plotly-{version('plotly')}.min.js" if find_spec("plotly") else ""


BUNDLE = _bundle()  # path within the report; its version is in its name, so that older pages keep theirs


def missing() -> list[str]:
    """Return the libraries behind pages that are not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]


def check_installed() -> None:
    """Refuse where the libraries behind pages are missing.

    Raises
    ------
    PsgError
        With how to install them.
    """
    if lacking := missing():
        raise PsgError(
            "pages and plots need more than is installed",
            saw=f"no {' and no '.join(lacking)}",
            do="Install it: pip install 'sleep2vec[report]'.",
        )


def write_assets(report: Path) -> None:
    """Make the report's folder and put what all pages share into it, unless it is there.

    Raises
    ------
    StorageError
        When the folder cannot be made, or the disk or the object store refuses.
    """
    _make_folder(report)
    path = report / BUNDLE
    with storage_errors("the report cannot be written", where=path.name):
        is_there = path.is_file()
    if not is_there:
        from plotly.offline import get_plotlyjs

        write_file(path, get_plotlyjs())


def _make_folder(report: Path) -> None:
    if is_remote(report):
        return
    try:
        with storage_errors("the folder of the report cannot be made", where=report.name):
            report.mkdir(parents=True, exist_ok=True)
    except StorageError as error:
        error.do = "Give another --out."
        raise


def write_file(path: Path, text: str) -> None:
    """Write a file of a report, whole or not at all; its folder is made.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    content = text.encode("utf-8")
    with storage_errors("the report cannot be written", where=path.name):
        if is_remote(path):
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}{PART}-{secrets.token_hex(6)}")
        temporary.write_bytes(content)
        temporary.replace(path)
