"""Counts of persons as a page to share may show them: no cell tells of fewer than five.

A cell that is withheld must not follow from the others and the sum: where it would be the only one, the next
smallest is withheld, too.

Source: in kind, the cell size suppression policy of the US Centers for Medicare & Medicaid Services, which
withholds 1 to 10; ours withholds 1 to 4.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LEAST", "show_cells", "show_part"]

LEAST = 5  # persons in a cell


def show_cells(counts: Mapping[str, int], *, small: bool) -> dict[str, str]:
    """Return the cells of one table whose sum is known.

    Parameters
    ----------
    small : bool
        Show every number, however small.
    """
    if small:
        return {name: str(n) for name, n in counts.items()}
    few = [name for name, n in counts.items() if 0 < n < LEAST]
    others = sorted((n, name) for name, n in counts.items() if n >= LEAST)
    beside = {others[0][1]} if len(few) == 1 and others else set()
    return {
        name: f"<{LEAST}" if name in few else "withheld" if name in beside else str(n) for name, n in counts.items()
    }


def show_part(n: int, total: int, *, small: bool) -> str:
    """Return how many of ``total`` have something; neither these nor the others are told where they are few."""
    if small or n in (0, total):
        return str(n)
    if n < LEAST:
        return f"<{LEAST}"
    return f">{total - LEAST}" if total - n < LEAST else str(n)
