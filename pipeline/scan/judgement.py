"""What a manifest makes of counted headers: which files would convert, and what becomes of every label.

Decides exactly as a conversion would, because it asks the same function. Where only labels were counted it can say
which of them the montage names, and nothing of whole files.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from pipeline.channels import ChannelPlan, resolve
from pipeline.scan.census import Counted, LabelCount, Montage, occurrences
from pipeline.scan.remarks import remarks_on, unit_name
from schemas.errors import PsgError
from schemas.findings import Finding
from schemas.manifest import CohortManifest
from schemas.montage import ChannelRule
from schemas.recording import SignalInfo

__all__ = ["Fate", "JudgedMontage", "Judgement", "LabelRow", "Use", "judge"]


class Use(StrEnum):
    """What a manifest does with one signal of a header."""

    USED = "used"  # a channel is made of it, or it masks one
    SPARE = "spare"  # a rule names it, and took another signal of the file
    IGNORED = "ignored"  # left out on purpose
    LEFT_OVER = "left_over"  # no rule names it, or the channel cannot be made


@dataclass(frozen=True)
class Fate:
    """What becomes of one signal.

    Parameters
    ----------
    use : Use or None
        None where no manifest was asked.
    channels : tuple of str
        Canonical channels that it is, or would be, a part of.
    nearest : str
        For a label that no rule names: the closest alias of the manifest, or ``""``.
    remarks : tuple of str
        What is odd about its header, or why nothing is made of it.
    """

    use: Use | None
    channels: tuple[str, ...] = ()
    nearest: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedMontage:
    """What becomes of files with one header.

    Parameters
    ----------
    channels : tuple of str
        Those that a conversion would give, in montage order.
    reason : str
        Why it would fail; blank where it would not.
    error : PsgError or None
        The same in words, for files that can be read.
    fates : tuple of Fate
        One a signal.
    """

    montage: Montage
    channels: tuple[str, ...]
    findings: tuple[Finding, ...]
    reason: str
    error: PsgError | None
    fates: tuple[Fate, ...]

    def columns(self) -> list[dict[str, object]]:
        """Return what a table says of every signal beside its header."""
        return [
            {
                "becomes": fate.use.value if fate.use else "",
                "channels": " ".join(fate.channels),
                "nearest": fate.nearest,
                "remarks": "; ".join(fate.remarks),
                "reason": self.reason,
            }
            for fate in self.fates
        ]


@dataclass(frozen=True)
class LabelRow:
    """One combination of label, rate, unit, range and fate, and how often it occurs.

    Rate, unit and range are None where only labels were counted; ``nth`` counts signals of one name in a file.
    """

    label: str
    nth: int
    rate_hz: float | None
    unit: str | None
    range: tuple[float, float] | None
    n: int
    use: Use | None
    channels: tuple[str, ...]
    nearest: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """Montages and labels of a cohort, judged."""

    cohort: str | None
    montages: tuple[JudgedMontage, ...]
    labels: tuple[LabelRow, ...]

    @property
    def n_file(self) -> int:
        """Files, or recordings, that were counted; 0 where only labels were."""
        return sum(judged.montage.n for judged in self.montages)

    @property
    def n_failing(self) -> int:
        """Those that would fail."""
        return sum(judged.montage.n for judged in self.montages if judged.reason)

    @property
    def share_mapped(self) -> float:
        """Occurrences of labels that a rule names, of those that are not left out on purpose."""
        n = self._n_by_use
        mapped = n[Use.USED] + n[Use.SPARE]
        return mapped / (mapped + n[Use.LEFT_OVER]) if mapped else 0.0

    def of(self, *uses: Use) -> list[LabelRow]:
        """Return the labels with one of these fates, the most frequent first; ranges put together."""
        return [row for row in without_ranges(self.labels) if row.use in uses]

    def shares(self) -> dict[str, Any]:
        """Return the shares as plain values, every label that is left out named."""
        n = self._n_by_use
        named = {use.value: [_named(row) for row in self.of(use)] for use in (Use.LEFT_OVER, Use.IGNORED)}
        return {
            "n_label": n.total(),
            **{f"n_{use.value}": n[use] for use in Use},
            "share_mapped": round(self.share_mapped, 6),
            **named,
        }

    def mixed_units(self) -> dict[str, dict[str, int]]:
        """Return labels that have several units, each with how often: some of the headers may be wrong."""
        units: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self.labels:
            if row.unit is not None:
                units[row.label][unit_name(row.unit)] += row.n
        return {label: dict(found.most_common()) for label, found in units.items() if len(found) > 1}

    def to_json(self) -> dict[str, Any]:
        """Return what would become of the counted files as plain values; of labels alone, only their shares."""
        if not self.montages:
            return {"cohort": self.cohort, "label_use": self.shares()}
        failing: dict[str, list[tuple[int, JudgedMontage]]] = defaultdict(list)
        channels: Counter[str] = Counter()
        for number, judged in enumerate(self.montages, 1):
            if judged.reason:
                failing[judged.reason].append((number, judged))
            else:
                channels.update(dict.fromkeys(judged.channels, judged.montage.n))
        return {
            "cohort": self.cohort,
            "n_files": self.n_file,
            "n_would_convert": self.n_file - self.n_failing,
            "channels": dict(channels.most_common()),
            "would_fail": {
                reason: {
                    "n": sum(judged.montage.n for _, judged in rows),
                    "montages": [number for number, _ in rows],
                    "first": f"montage {rows[0][0]}: {rows[0][1].error or 'the file could not be read'}",
                }
                for reason, rows in sorted(failing.items())
            },
            "mixed_units": self.mixed_units(),
            "label_use": self.shares(),
        }

    def montage_rows(self) -> list[dict[str, Any]]:
        """Return the montages as plain values."""
        return [
            {
                "n": judged.montage.n,
                "visit": judged.montage.visit,
                "files": judged.montage.files,
                "labels": list(judged.montage.labels),
                "channels": list(judged.channels),
                "reason": judged.reason or None,
            }
            for judged in self.montages
        ]

    @cached_property
    def _n_by_use(self) -> Counter[Use | None]:
        found: Counter[Use | None] = Counter()
        for row in self.labels:
            found[row.use] += row.n
        return found


def _named(row: LabelRow) -> dict[str, Any]:
    found = {"label": row.label, "nth": row.nth, "n": row.n, "nearest": row.nearest, "remarks": list(row.remarks)}
    return {name: value for name, value in found.items() if value not in ("", []) and (name, value) != ("nth", 1)}


def without_ranges(rows: Iterable[LabelRow]) -> list[LabelRow]:
    """Put rows together that differ in their range alone, or in rate and unit where only fates matter."""
    n: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        n[row.label, row.nth, row.use, row.channels, row.nearest, row.remarks] += row.n
    return [
        LabelRow(label, nth, None, None, None, count, use, channels, nearest, remarks)
        for (label, nth, use, channels, nearest, remarks), count in n.most_common()
    ]


def judge(manifest: CohortManifest | None, counted: Counted) -> Judgement:
    """Try a manifest on counted headers; without one, only remark what is odd about them."""
    judges: dict[str | None, _Judge] = {}

    def at(visit: str | None) -> _Judge:
        if visit not in judges:
            judges[visit] = _Judge(manifest, visit)
        return judges[visit]

    montages = tuple(_best(manifest, montage, at) for montage in counted.montages)
    labels = [*_rows(montages), *(at(count.visit or None).row(count) for count in counted.labels)]
    labels.sort(key=lambda row: -row.n)
    return Judgement(manifest.cohort if manifest else None, montages, tuple(labels))


def _best(manifest: CohortManifest | None, montage: Montage, at: Callable[[str | None], _Judge]) -> JudgedMontage:
    """Judge a montage of an unknown visit as one of the visit that it fits best."""
    visits = sorted({visit for rule in manifest.montage for visit in rule.visits}) if manifest else []
    if montage.visit is not None or not visits or montage.reason:
        return at(montage.visit or "").montage(montage)
    tried = [at(visit).montage(montage) for visit in ("", *visits)]
    return max(tried, key=lambda judged: (not judged.reason, len(judged.channels)))


def _rows(montages: Sequence[JudgedMontage]) -> Iterator[LabelRow]:
    n: Counter[tuple[Any, ...]] = Counter()
    for judged in montages:
        for (nth, info), fate in zip(occurrences(judged.montage.infos), judged.fates, strict=True):
            limits = info.physical_min, info.physical_max
            n[info.label, nth, float(info.rate_hz), info.unit_text, limits, fate] += judged.montage.n
    for (label, nth, rate_hz, unit, limits, fate), count in n.items():
        row = label, nth, rate_hz, unit, limits, count, fate.use, fate.channels, fate.nearest, fate.remarks
        yield LabelRow(*row)


class _Judge:
    """A manifest's montage of one visit, or of any, its aliases at hand."""

    def __init__(self, manifest: CohortManifest | None, visit: str | None) -> None:
        self._manifest, self._visit = manifest, visit or ""
        self._rules: dict[str, list[tuple[ChannelRule, int | None]]] = defaultdict(list)
        self._aliases: dict[str, str] = {}
        self._near: dict[str, str] = {}
        self._ignored: set[str] = set()
        if manifest is None:
            return
        for rule in manifest.montage if visit is None else manifest.rules_for(visit):
            named = [(choice.label, choice.nth) for choice in rule.choices]
            named += [(mask.label, None) for mask in rule.masked_by]
            for label, nth in named:
                self._rules[manifest.fold(label)].append((rule, nth))
                self._aliases.setdefault(manifest.fold(label), label)
        self._ignored = {manifest.fold(label) for label in manifest.ignore_labels}

    def montage(self, montage: Montage) -> JudgedMontage:
        """Say what becomes of files with one header."""
        manifest, infos = self._manifest, montage.infos
        plans: tuple[ChannelPlan, ...] = ()
        findings: tuple[Finding, ...] = ()
        error: PsgError | None = None
        if manifest is not None and not montage.reason:
            try:
                plans, findings = resolve(manifest, self._visit, infos)
            except PsgError as refused:
                error = refused
        fates = tuple(self._fate(nth, info, plans, is_whole=error is None) for nth, info in occurrences(infos))
        reason = montage.reason or (error.reason if error else "")
        return JudgedMontage(montage, tuple(p.channel for p in plans), findings, reason, error, fates)

    def row(self, count: LabelCount) -> LabelRow:
        """Say what the montage makes of a label of which nothing but its number is known."""
        fate = self._by_name(count.label, count.nth)
        return LabelRow(
            count.label, count.nth, None, None, None, count.n, fate.use, fate.channels, fate.nearest, fate.remarks
        )

    def _fate(self, nth: int, info: SignalInfo, plans: Sequence[ChannelPlan], *, is_whole: bool) -> Fate:
        leads = [(plan, lead.factor) for plan in plans for lead in plan.leads if lead.index == info.index]
        remarks = remarks_on(info, [(plan.rule, factor) for plan, factor in leads])
        masked = [plan.channel for plan in plans if any(index == info.index for index, _ in plan.masks)]
        if leads or masked:
            return Fate(Use.USED, (*(plan.channel for plan, _ in leads), *masked), remarks=remarks)
        named = self._by_name(info.label, nth)
        remarks = (*remarks, *named.remarks)
        if named.use is not Use.USED or not is_whole:
            return Fate(named.use, named.channels, named.nearest, remarks)
        made = {plan.channel for plan in plans}
        if made.intersection(named.channels):
            return Fate(Use.SPARE, named.channels, remarks=remarks)
        why = f"a rule names it, yet this file cannot give {' or '.join(named.channels)}"
        return Fate(Use.LEFT_OVER, remarks=(*remarks, why))

    def _by_name(self, label: str, nth: int) -> Fate:
        """Say what the montage makes of a name, whatever else a header says."""
        if self._manifest is None:
            return Fate(None)
        folded = self._manifest.fold(label)
        rules = self._rules.get(folded, [])
        meant = tuple(dict.fromkeys(rule.channel for rule, number in rules if number in (None, nth)))
        if meant:
            return Fate(Use.USED, meant)
        if rules:
            return Fate(Use.LEFT_OVER, remarks=("the rule wants another signal of that name",))
        if folded in self._ignored:
            return Fate(Use.IGNORED)
        if folded not in self._near:
            near = difflib.get_close_matches(folded, self._aliases, 1, 0.5)
            self._near[folded] = self._aliases[near[0]] if near else ""
        return Fate(Use.LEFT_OVER, nearest=self._near[folded])
