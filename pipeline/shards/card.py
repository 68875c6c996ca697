"""The data card of a set: what a reader should know before using it, with small cells suppressed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.shards.tables import Placed
from schemas.shard import SPEC, SPEC_VERSION
from schemas.vocabulary import Modality, Stage

__all__ = ["MIN_SUBJECT", "card"]

MIN_SUBJECT = 5  # persons; a cell of fewer may identify one of them (ADR 0012)
_HOUR = 120  # epochs


def card(placed: Sequence[Placed], choices: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    return "\n".join(
        [*_head(choices), *_sizes(placed), *_presence(placed, choices), *_stages(placed), *_end(choices)]
    )


def _head(choices: Mapping[str, Any]) -> Iterator[str]:
    terms = choices["terms"]
    yield "# Training shards"
    yield ""
    yield f"{SPEC}, version {SPEC_VERSION}: overnight recordings end to end, one Zarr group a split, int16 counts"
    yield "of a fixed step in fixed units. A cell of fewer than five persons is shown as `<5`."
    yield ""
    yield f"* redistribution: {_yes(terms['redistribution'])}"
    yield f"* commercial use: {_yes(terms['commercial'])}"
    yield from (f"* agreement: {agreement}" for agreement in terms["agreements"])
    yield f"* seed: {choices['seed']}"
    yield from (f"* splits, {name}: {value}" for name, value in choices["split_rule"].items())
    yield f"* made by sleep2vec {choices['versions']['sleep2vec']}"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _sizes(placed: Sequence[Placed]) -> Iterator[str]:
    yield from (
        "",
        "## Nights, hours and persons",
        "",
        "| split | cohort | persons | nights | hours |",
        "|---|---|---|---|---|",
    )
    for (split, cohort), mine in _grouped(placed, lambda p: (p.split, str(p.chosen.facts["cohort"]))):
        cells = _shown(mine, [str(len(mine)), f"{sum(p.chosen.n_epoch for p in mine) / _HOUR:.0f}"])
        yield f"| {split} | {cohort} | {_persons(mine)} | {' | '.join(cells)} |"


def _presence(placed: Sequence[Placed], choices: Mapping[str, Any]) -> Iterator[str]:
    modalities = [Modality(name) for name in choices["modalities"]]
    yield from ("", "## Share of the nights that have a modality", "")
    yield f"| split | {' | '.join(modalities)} |"
    yield "|" + "---|" * (len(modalities) + 1)
    for split, mine in _grouped(placed, lambda p: p.split):
        shares = [sum(p.facts.rows[m].present for p in mine) / len(mine) for m in modalities]
        yield f"| {split} | {' | '.join(_shown(mine, [f'{x:.0%}' for x in shares]))} |"


def _stages(placed: Sequence[Placed]) -> Iterator[str]:
    yield from ("", "## Share of the epochs in a stage", "")
    yield f"| split | {' | '.join(stage.name for stage in Stage)} |"
    yield "|" + "---|" * (len(Stage) + 1)
    for split, mine in _grouped(placed, lambda p: p.split):
        total: Counter[int] = Counter()
        for night in mine:
            total.update(night.facts.stages)
        shares = [f"{total[stage] / total.total():.1%}" for stage in Stage]
        yield f"| {split} | {' | '.join(_shown(mine, shares))} |"


def _end(choices: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## Cite", "")
    yield from (f"* {citation}" for citation in choices["terms"]["citations"])
    for cohort, releases in choices["terms"]["releases"].items():
        yield f"* {cohort}: release {', '.join(releases)}"
    yield ""


def _grouped(placed: Sequence[Placed], key: Callable[[Placed], Any]) -> list[tuple[Any, list[Placed]]]:
    groups: dict[Any, list[Placed]] = {}
    for one in placed:
        groups.setdefault(key(one), []).append(one)
    return sorted(groups.items())


def _n_subject(mine: Sequence[Placed]) -> int:
    return len({p.chosen.subject for p in mine})


def _persons(mine: Sequence[Placed]) -> str:
    return str(_n_subject(mine)) if _n_subject(mine) >= MIN_SUBJECT else f"<{MIN_SUBJECT}"


def _shown(mine: Sequence[Placed], cells: list[str]) -> list[str]:
    """Return the cells, or as many signs that too few persons are behind them."""
    return cells if _n_subject(mine) >= MIN_SUBJECT else [f"<{MIN_SUBJECT}"] * len(cells)
