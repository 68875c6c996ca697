"""The card of a set tells nothing of fewer than five persons, nor lets it be worked out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.shards.card import card
from pipeline.shards.choose import Chosen
from pipeline.shards.night import ModalityRow, NightFacts
from pipeline.shards.tables import Placed
from schemas.vocabulary import Modality

CHOICES: dict[str, Any] = {
    "modalities": ["eeg", "belt"],
    "terms": {"redistribution": True, "commercial": True, "agreements": [], "citations": [], "releases": {}},
    "view": None,
    "seed": 0,
    "split_rule": {},
    "versions": {"sleep2vec": "1"},
}


def placed(split: str, n: int, *, n_belt: int = 0, cohort: str = "a") -> list[Placed]:
    """Return a night of two hours each of so many persons, some with a belt."""
    return [
        Placed(
            Chosen(f"{cohort}/{split}{i}", Path(), "", 240, {"cohort": cohort, "subject": f"{split}{i}"}),
            split,
            0,
            NightFacts({Modality.EEG: ModalityRow(present=True), Modality.BELT: ModalityRow(i < n_belt)}, {0: 240}),
        )
        for i in range(n)
    ]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


def test_a_small_split_does_not_follow_from_the_others() -> None:
    """Where the sum is known, one small cell takes the next smallest with it, nights and hours, too."""
    told = rows(card([*placed("train", 9), *placed("val", 6), *placed("test", 3)], CHOICES))
    assert ["train", "a", "9", "9", "18"] in told
    assert ["val", "a", "withheld", "withheld", "withheld"] in told
    assert ["test", "a", "withheld", "withheld", "withheld"] in told


def test_cohorts_are_apart() -> None:
    """A small cohort hides nothing of another one."""
    told = rows(card([*placed("train", 9), *placed("train", 2, cohort="b")], CHOICES))
    assert told[1:3] == [["train", "a", "9", "9", "18"], ["train", "b", "<5", "withheld", "withheld"]]


@pytest.mark.parametrize(
    ("n_belt", "shown"), [(0, "0%"), (4, "<5 persons"), (5, "50%"), (6, "all but <5"), (10, "100%")]
)
def test_a_share_is_not_of_a_few(n_belt: int, shown: str) -> None:
    """Neither those who have a modality nor those who lack it are told where they are fewer than five."""
    assert ["train", "100%", shown] in rows(card(placed("train", 10, n_belt=n_belt), CHOICES))
