"""Print a census, and what a manifest makes of it, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipeline.scan.folder import Census
    from pipeline.scan.judgement import Judgement, LabelRow

__all__ = ["print_judgement", "print_labels", "print_montages", "print_readiness"]

_MANY = 20  # montages, or keys; the table and the JSON have all


def print_labels(judgement: Judgement) -> None:
    """Print every label with rate and unit, and what becomes of it; ranges that differ are put together."""
    from rich.table import Table

    from flows.commands.inspection import print_wide

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("n", "right"), ("label", "left"), ("Hz", "right"), ("unit", "left"), ("range", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    if judgement.cohort is not None:
        table.add_column("becomes")
    has_remarks = any(row.remarks for row in judgement.labels)
    if has_remarks:
        table.add_column("look at")
    for rows in _alike(judgement.labels):
        first = rows[0]
        cells = [str(sum(row.n for row in rows)), _label(first.label, first.nth), f"{first.rate_hz:g}"]
        cells += [first.unit or "(blank)", _ranges(rows)]
        cells += [_becomes(first)] if judgement.cohort is not None else []
        cells += ["; ".join(first.remarks)] if has_remarks else []
        table.add_row(*cells)
    print_wide(table)


def _alike(labels: Sequence[LabelRow]) -> list[list[LabelRow]]:
    """Group rows that differ in their range alone, the most frequent first."""
    groups: dict[tuple[Any, ...], list[LabelRow]] = {}
    for row in labels:
        same = row.label, row.nth, row.rate_hz, row.unit, row.use, row.channels, row.nearest, row.remarks
        groups.setdefault(same, []).append(row)
    return sorted(groups.values(), key=lambda rows: -sum(row.n for row in rows))


def _ranges(rows: Sequence[LabelRow]) -> str:
    limits = [row.range for row in rows if row.range is not None]
    if len(limits) == 1:
        return f"{limits[0][0]:g} to {limits[0][1]:g}"
    ends = [end for pair in limits for end in pair]
    return f"{len(limits)} ranges within {min(ends):g} to {max(ends):g}"


def _label(label: str, nth: int) -> str:
    return repr(label) if nth == 1 else f"{label!r} no. {nth}"


def _becomes(row: LabelRow) -> str:
    channels = ", ".join(row.channels)
    if row.use is not None and row.use.value == "spare":
        return f"- (spare for {channels})"
    if row.use is not None and row.use.value == "ignored":
        return "(ignored)"
    return channels or ("-" + (f"  nearest alias {row.nearest!r}" if row.nearest else ""))


def print_montages(judgement: Judgement) -> None:
    """Print the sets of labels with their counts: the most frequent in full, others by how they differ from it."""
    n: dict[tuple[str, ...], int] = {}
    for judged in judgement.montages:
        if judged.montage.infos:
            labels = tuple(sorted(judged.montage.labels))
            n[labels] = n.get(labels, 0) + judged.montage.n
    sets = sorted(n.items(), key=lambda item: -item[1])
    if not sets:
        return
    click.echo(f"{len(sets)} sets of labels:" if len(sets) > 1 else "one set of labels:")
    most, _ = sets[0]
    for labels, count in sets[:_MANY]:
        click.echo(f"{count:8d} x {_words(labels) if labels == most else _difference(most, labels)}")
    if len(sets) > _MANY:
        click.echo(f"{sum(count for _, count in sets[_MANY:]):8d} x {len(sets) - _MANY} more: see --csv or --json")


def _words(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels))


def _difference(most: Sequence[str], labels: Sequence[str]) -> str:
    lacking, more = _without(most, labels), _without(labels, most)
    if len(lacking) + len(more) >= len(labels):
        return _words(labels)
    words = ["the first"]
    words += [f"without {_words(lacking)}"] if lacking else []
    words += [f"with {_words(more)}"] if more else []
    return ", ".join(words)


def _without(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return what is left of the labels when each of the others has taken one away."""
    rest = list(others)
    left = []
    for label in labels:
        if label in rest:
            rest.remove(label)
        else:
            left.append(label)
    return left


def print_readiness(census: Census) -> None:
    """Print how many recordings would convert, why the others would not, and what is missing."""
    facts = census.readiness()
    if census.judgement.cohort is None:
        n_unreadable = facts["n_recordings"] - facts["n_would_convert"]
        empty = [judged.montage.n for judged in census.judgement.montages if not judged.montage.infos]
        n_empty = sum(empty) - n_unreadable
        alone = f", {n_empty} hold annotations alone" if n_empty else ""
        click.echo(f"{facts['n_recordings']} files of signals, {n_unreadable} of them cannot be read{alone}")
    else:
        excluded = f", {facts['n_excluded']} are excluded" if facts["n_excluded"] else ""
        click.echo(
            f"{facts['cohort']}: {facts['n_would_convert']} of {facts['n_recordings']} recordings would convert"
            f"{excluded}; {facts['n_without_annotation']} without annotation, "
            f"{facts['n_without_subject']} without subject row"
        )
    _print_failing(facts["would_fail"], "would fail" if census.judgement.cohort else "cannot be read")
    _print_units(facts["mixed_units"])
    if census.judgement.cohort is None:
        return
    for what, keys in facts["without"].items():
        if 0 < len(keys) < facts["n_recordings"]:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            click.echo(f"  without {what}: {', '.join(keys[:3])}{more}")
    if facts["n_files_outside_layout"]:
        click.echo(f"  {facts['n_files_outside_layout']} files of signals do not fit the manifest's layout")
    if facts["n_folders_refused"]:
        click.echo(f"  {facts['n_folders_refused']} folders may not be listed")
    from schemas.findings import FINDINGS

    for code, n in facts["findings"].items():
        click.echo(f"  finding {n:8d} x {code} {FINDINGS[code].title}")
    _print_shares(facts["label_use"])


def _print_units(units: Mapping[str, Mapping[str, int]]) -> None:
    for label, counts in units.items():
        words = ", ".join(f"{unit or 'blank'} in {n}" for unit, n in counts.items())
        click.echo(f"  units of {label!r} differ: {words}")


def _print_failing(reasons: Mapping[str, Mapping[str, Any]], how: str) -> None:
    for reason, rows in reasons.items():
        click.echo(f"  {how} {rows['n']:5d} x {reason}, first: {rows['first']}")


def _print_shares(shares: Mapping[str, Any]) -> None:
    """Print the share of label occurrences that are mapped, and every label that is not."""
    n_spare = f" ({shares['n_spare']} as spares)" if shares["n_spare"] else ""
    click.echo(
        f"labels: {shares['n_used'] + shares['n_spare']} occurrences mapped{n_spare}, "
        f"{shares['n_left_over']} left over, {shares['n_ignored']} ignored on purpose: "
        f"{_percent(shares['share_mapped'])} of what is not ignored"
    )
    for use, word in (("left_over", "left over"), ("ignored", "ignored")):
        for row in shares[use]:
            near = [f"nearest alias {row['nearest']!r}"] if "nearest" in row else []
            words = ", ".join([_label(row["label"], row.get("nth", 1)), *near, *row.get("remarks", [])])
            click.echo(f"  {word:9} {row['n']:8d} x {words}")


def _percent(share: float) -> str:
    """Return a share that reads as whole only where it is."""
    return "100 %" if share == 1 else f"{min(share, 0.9999):.2%}".replace("%", " %")


def print_judgement(judgement: Judgement, *, by_visit: bool) -> None:
    """Print what a manifest makes of counts alone, which know no recordings.

    Parameters
    ----------
    by_visit : bool
        Whether the manifest has rules for some visits only.
    """
    facts = judgement.to_json()
    if "n_files" in facts:
        click.echo(f"{judgement.cohort}: {facts['n_would_convert']} of {facts['n_files']} files would convert")
        _print_failing(facts["would_fail"], "would fail")
        _print_units(facts["mixed_units"])
        if by_visit and any(judged.montage.visit is None for judged in judgement.montages):
            click.echo("  no visits in the table: each montage is judged as one of the visit that it fits best")
    else:
        click.echo(f"{judgement.cohort}: labels alone were counted; they do not tell which files would convert")
    _print_shares(facts["label_use"])
