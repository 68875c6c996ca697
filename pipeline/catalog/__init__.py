"""The catalog: what recordings there are, as two tables and their descriptions, made from the stores."""

from __future__ import annotations

from importlib import import_module

from schemas.errors import SelectionError

try:
    import_module("polars")
except ImportError:
    raise SelectionError(
        "the catalog needs more than is installed", do="Install it: pip install 'sleep2vec[catalog]'."
    ) from None
