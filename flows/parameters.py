"""Types of command-line parameters that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.files.places import place
from schemas.errors import StorageError

__all__ = [
    *("ANY_PLACE", "LOCAL_FILE", "LOCAL_FILE_THAT_EXISTS", "LOCAL_FOLDER", "LOCAL_NAME", "LOCAL_THAT_EXISTS"),
    *("PLACE", "PLACE_THAT_EXISTS"),
]


class _Place(click.Path):
    """A local folder, or an ``s3://`` URL; whether something is there, a URL is asked when it is used."""

    def __init__(self, *, exists: bool = False, file_okay: bool = False) -> None:
        super().__init__(path_type=Path, exists=exists, file_okay=file_okay)
        self.name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or "://" not in value:
            return super().convert(value, param, ctx)
        try:
            return place(value)
        except StorageError as error:
            return self.fail(str(error), param, ctx)


class _Local(click.Path):
    """A path of this machine; a URL is refused, which would become a folder called ``s3:``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and "://" in value:
            self.fail("a URL, where only a path of this machine will do: work on a copy here.", param, ctx)
        return super().convert(value, param, ctx)


ANY_PLACE = _Place(exists=True, file_okay=True)
LOCAL_FILE = _Local(path_type=Path, dir_okay=False)
LOCAL_FILE_THAT_EXISTS = _Local(path_type=Path, dir_okay=False, exists=True)
LOCAL_FOLDER = _Local(path_type=Path, file_okay=False)
LOCAL_NAME = _Local(file_okay=False)  # as text, for the parameters of flows
LOCAL_THAT_EXISTS = _Local(path_type=Path, file_okay=False, exists=True)
PLACE = _Place()
PLACE_THAT_EXISTS = _Place(exists=True)
