"""What is shown of a table, its sum and the rule itself tell no number of fewer than five persons."""

from __future__ import annotations

from itertools import product

import pytest

from pipeline.catalog.cells import FEW, LEAST, WITHHELD, show_cells, show_part

MOST = 22  # persons in a table, with which every case of the rule is met


def _known(tables: list[dict[str, int]]) -> set[tuple[tuple[int, ...], int]]:
    """Return tables and their cells below five that follow from what is shown, the sum and the rule."""
    alike: dict[tuple[int, tuple[str, ...]], list[tuple[int, ...]]] = {}
    for table in tables:
        shown = tuple(show_cells(table, small=False).values())
        alike.setdefault((sum(table.values()), shown), []).append(tuple(table.values()))
    return {
        (cells[0], k)
        for cells in alike.values()
        for k, numbers in enumerate(zip(*cells, strict=True))
        if len(set(numbers)) == 1 and 0 < numbers[0] < LEAST
    }


@pytest.mark.parametrize("n_cell", [2, 3, 4])
def test_no_small_cell_follows(n_cell: int) -> None:
    """All tables that look alike and have the same sum: each small cell has several numbers in them.

    But for a sum that is itself of few, which is not told, and cells that are all 4 without a zero to hide behind.
    """
    every = product(range(MOST + 1), repeat=n_cell)
    tables = [dict(zip("abcd", numbers, strict=False)) for numbers in every if LEAST <= sum(numbers) <= MOST]
    assert {numbers for numbers, _ in _known(tables)} <= {(LEAST - 1,) * n_cell}
    assert set(show_cells(dict.fromkeys("abcd"[:n_cell], LEAST - 1), small=False).values()) == {WITHHELD}


def test_no_small_part_follows() -> None:
    """Of a number of persons that is known, neither those who have something nor the others follow."""
    for total in range(LEAST, 3 * LEAST):
        alike: dict[str, set[int]] = {}
        for n in range(total + 1):
            alike.setdefault(show_part(n, total, small=False), set()).add(n)
        known = [numbers.pop() for numbers in alike.values() if len(numbers) == 1]
        assert all(n in (0, total) or min(n, total - n) >= LEAST for n in known)


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((27, 1, 0, 1), (">24", FEW, "0", FEW)),  # each could be 1, 2 or 3
        ((27, 1, 1, 1, 1), (WITHHELD,) * 5),
        ((27, 26, 3, 0), ("27", WITHHELD, WITHHELD, "0")),
        ((30, 3, 2, 0), ("30", FEW, FEW, "0")),
        ((4, 5, 5, 9), (WITHHELD, WITHHELD, WITHHELD, "9")),
        ((1, 1, 1, 1, 1, 0), (WITHHELD,) * 6),
        ((13, 1), (">9", FEW)),
    ],
)
def test_the_next_smallest_are_withheld_too(numbers: tuple[int, ...], shown: tuple[str, ...]) -> None:
    """Few persons together, or a sum that tells each, take others with them, and those of one number together."""
    table = {str(k): n for k, n in enumerate(numbers)}
    assert tuple(show_cells(table, small=False).values()) == shown
