"""Counts of persons as a page to share may show them: no cell tells of fewer than five.

One rule for every table whose sums are known. Cells of fewer than five are withheld. Where those of a line that are
withheld are together fewer than five, or their sum leaves each only one number, the next smallest of the line are
withheld with them, all that are alike. Then they all read ``withheld``: which of them is which stays open.

Source: in kind, the cell size suppression policy of the US Centers for Medicare & Medicaid Services, which
withholds 1 to 10; ours withholds 1 to 4.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

__all__ = ["LEAST", "WITHHELD", "is_open", "show_cells", "show_lines", "show_part", "with_others"]

LEAST = 5  # persons in a cell
FEW = f"<{LEAST}"
WITHHELD = "withheld"
Name = TypeVar("Name", bound=Hashable)


def show_cells(counts: Mapping[Name, int], *, small: bool) -> dict[Name, str]:
    """Return the cells of one line whose sum is known; a sum below five must be withheld by whoever tells it.

    Parameters
    ----------
    small : bool
        Show every number, however small.
    """
    return show_lines(counts, [list(counts)], small=small)


def show_lines(counts: Mapping[Name, int], lines: Sequence[Sequence[Name]], *, small: bool) -> dict[Name, str]:
    """Return the cells of a table, of which the sums of some lines of cells are known."""
    if small:
        return {name: str(n) for name, n in counts.items()}
    few = {name for name, n in counts.items() if 0 < n < LEAST}
    hidden = with_others(counts, lines, few)
    return {name: str(n) for name, n in counts.items()} | _signs(counts, lines, few, hidden)


def with_others(counts: Mapping[Name, int], lines: Sequence[Sequence[Name]], few: AbstractSet[Name]) -> set[Name]:
    """Return the cells to withhold: the few, and what would tell them by a line's sum."""
    hidden = set(few)
    while more := _needed(counts, lines, hidden):
        hidden |= more
    return hidden


def is_open(numbers: Sequence[int]) -> bool:
    """Return whether the sum of withheld cells is not of few, and leaves each of them several numbers."""
    total, n = sum(numbers), len(numbers)
    if total < LEAST:
        return False
    if all(0 < number < LEAST for number in numbers):
        return n < total < n * (LEAST - 1)
    return len(set(numbers)) > 1


def _needed(counts: Mapping[Name, int], lines: Sequence[Sequence[Name]], hidden: set[Name]) -> set[Name]:
    """Return the next smallest cells of the first line that needs them, zeros last; nothing where none does."""
    for line in lines:
        own = [counts[name] for name in line if name in hidden]
        rest = [name for name in line if name not in hidden]
        if not own or not rest or is_open(own) or sum(counts[name] for name in line) < LEAST:
            continue
        least = min((counts[name] for name in rest if counts[name]), default=0)
        return {name for name in rest if counts[name] == least}
    return set()


def _signs(
    counts: Mapping[Name, int], lines: Sequence[Sequence[Name]], few: set[Name], hidden: set[Name]
) -> dict[Name, str]:
    """Return what stands for the withheld cells: how few or how many, where all such tables look alike."""
    beside = hidden - few
    if not beside:
        sums = ([counts[name] for name in line if name in few] for line in lines)
        is_told = all(is_open(own) or sum(own) < LEAST for own in sums)
        return dict.fromkeys(few, FEW if is_told else WITHHELD)
    n_few, sum_few = len(few), sum(counts[name] for name in few)
    total = sum(counts[name] for name in hidden)
    shown = [n for name, n in counts.items() if n and name not in hidden]
    is_same = total >= 2 * LEAST and all(n > total - n_few for n in shown)  # whatever the few are
    if len(beside) == 1 and n_few < LEAST - 1 and sum_few < LEAST and is_same:
        return dict.fromkeys(few, FEW) | dict.fromkeys(beside, f">{total - LEAST}")
    return dict.fromkeys(hidden, WITHHELD)


def show_part(n: int, total: int, *, small: bool) -> str:
    """Return how many of ``total`` have something; neither these nor the others are told where they are few."""
    if small or n == 0 or n == total >= LEAST:
        return str(n)
    if total < LEAST:
        return FEW
    if total < 2 * LEAST:  # few are on one side, however it is divided
        return WITHHELD
    if n < LEAST:
        return FEW
    return f">{total - LEAST}" if total - n < LEAST else str(n)
