"""The catalog: what recordings there are, as two tables and their descriptions, made from the stores."""

from __future__ import annotations

from importlib.util import find_spec

from schemas.errors import SelectionError

if find_spec("polars") is None:
    raise SelectionError(
        "the catalog needs more than is installed", do="Install it: pip install 'sleep2vec[catalog]'."
    )
