"""Texts as a person reads them, in tables and in pictures."""

from __future__ import annotations

__all__ = ["cut_text", "in_picture", "unit_text"]


def unit_text(unit: str) -> str:
    """Return a unit as it is printed: nothing for a bare number, and µV for uV."""
    return "" if unit == "1" else unit.replace("uV", "µV")


def in_picture(text: str) -> str:
    """Return a text that a figure shows as it is: Plotly takes tags and entities for its own markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut_text(text: str, n_most: int) -> str:
    """Return a text of at most so many letters; one that was longer ends with an ellipsis."""
    return text if len(text) <= n_most else f"{text[: n_most - 1].rstrip()}…"
