"""The data card of a set: what a reader should know before using it, with small cells suppressed.

Splits of a cohort are one table whose sum may be known from elsewhere, see `pipeline.catalog.cells`. Shares are
told of five persons and more, and never of a part of fewer than five.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.catalog.cells import LEAST, show_cells, show_part
from pipeline.shards.tables import Placed
from schemas.shard import SPEC, SPEC_VERSION
from schemas.vocabulary import Modality, Stage

__all__ = ["card"]

_HOUR = 120  # epochs
_HIDDEN = "withheld"


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
    yield "of a fixed step in fixed units. Fewer than five persons are shown as `<5`, and what would tell of them"
    yield "is withheld."
    yield ""
    yield f"* redistribution: {_yes(terms['redistribution'])}"
    yield f"* commercial use: {_yes(terms['commercial'])}"
    yield from (f"* agreement: {agreement}" for agreement in terms["agreements"])
    yield f"* bands: {_bands(choices['view'])}"
    yield f"* seed: {choices['seed']}"
    yield from (f"* splits, {name}: {value}" for name, value in choices["split_rule"].items())
    yield f"* made by sleep2vec {choices['versions']['sleep2vec']}"


def _bands(view: Mapping[str, Any] | None) -> str:
    if view is None:
        return "as in the recording stores"
    edges = ", ".join(f"{kind} {low:g} to {high:g} Hz" for kind, (low, high) in view["bands_hz"].items())
    return f"view {view['name']}, within those of the recording stores: {edges} ({view['source']})"


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
    by_cell = dict(_grouped(placed, lambda p: (p.split, str(p.chosen.facts["cohort"]))))
    for cohort in sorted({cohort for _, cohort in by_cell}):
        own = {split: mine for (split, at), mine in by_cell.items() if at == cohort}
        shown = show_cells({split: _n_subject(mine) for split, mine in own.items()}, small=False)
        for split, mine in own.items():
            hours = f"{sum(p.chosen.n_epoch for p in mine) / _HOUR:.0f}"
            cells = [str(len(mine)), hours] if shown[split].isdigit() else [_HIDDEN] * 2
            yield f"| {split} | {cohort} | {shown[split]} | {' | '.join(cells)} |"


def _presence(placed: Sequence[Placed], choices: Mapping[str, Any]) -> Iterator[str]:
    modalities = [Modality(name) for name in choices["modalities"]]
    yield from ("", "## Share of the persons who have a modality", "")
    yield f"| split | {' | '.join(modalities)} |"
    yield "|" + "---|" * (len(modalities) + 1)
    for split, mine in _grouped(placed, lambda p: p.split):
        having = [_n_subject([p for p in mine if p.facts.rows[m].present]) for m in modalities]
        shares = [_share(n, _n_subject(mine)) for n in having]
        yield f"| {split} | {' | '.join(_shown(mine, shares))} |"


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


def _share(n: int, total: int) -> str:
    """Return a share of persons, unless those who have it, or those who do not, are few."""
    shown = show_part(n, total, small=False)
    if shown.isdigit():
        return f"{n / total:.0%}"
    return shown if shown == _HIDDEN else f"<{LEAST} persons" if n < LEAST else f"all but <{LEAST}"


def _shown(mine: Sequence[Placed], cells: list[str]) -> list[str]:
    """Return the cells, or as many signs that too few persons are behind them."""
    return cells if _n_subject(mine) >= LEAST else [_HIDDEN] * len(cells)
