"""How a draft writes labels and counts."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["flow", "n_file", "quoted"]


def quoted(text: str) -> str:
    """Return a text between double quotes, as YAML reads it back."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def flow(texts: Iterable[str]) -> str:
    """Return a list of texts on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def n_file(n: int) -> str:
    """Return a number of files in words that agree with it."""
    return f"{n} file{'' if n == 1 else 's'}"
