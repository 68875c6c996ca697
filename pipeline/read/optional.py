"""Libraries that an installation may lack, imported when a file needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from schemas.errors import SourceError

__all__ = ["library"]


def library(name: str, error: type[SourceError]) -> Any:
    """Import what reads a kind of file, where it is installed.

    Raises
    ------
    SourceError
        The given one, which says what to install.
    """
    try:
        return import_module(name)
    except ImportError:
        raise error(
            "nothing here reads this kind of file",
            expected=f"the package {name}",
            do="Install sleep2vec[formats], or turn the file into text.",
        ) from None
