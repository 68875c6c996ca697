"""Events, as a scorer wrote them in whatever format, become one table in the canonical vocabulary.

The manifest's own terms come first. What nothing maps is counted and dropped; texts of technicians are not events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.scoring.stages import MAX_NIGHT_S
from schemas.event_terms import (
    EVENT_TYPES,
    IGNORE,
    IGNORED_TERMS,
    SOURCE_TERMS,
    EventClass,
    term_forms,
    term_table,
)
from schemas.findings import Finding, finding
from schemas.hypnogram import EventTable
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Scored

__all__ = ["RawEvent", "merge_events", "tabulate_events"]

MAX_CHANNEL = 16  # characters of an EDF label


@dataclass(frozen=True)
class RawEvent:
    """One event as the source has it; times that could not be read are NaN."""

    onset_s: float
    duration_s: float
    term: str
    channel: str = ""


def tabulate_events(
    events: Iterable[RawEvent], rule: AnnotationRule
) -> tuple[EventTable, dict[str, Scored], tuple[Finding, ...]]:
    """Map raw events to the canonical vocabulary, and say which classes were scored.

    Parameters
    ----------
    events : iterable of RawEvent
        In any order.

    Returns
    -------
    table : EventTable
        Sorted by onset; terms that nothing maps are counted in ``unmapped``.
    scored : dict
        For every `EventClass`: as the manifest says; else ``partly`` where such events occur, ``no`` where not.
    findings : tuple of Finding
    """
    table = {**SOURCE_TERMS, **term_table(rule.events.items())}
    kept: list[tuple[float, float, str, str, str]] = []
    unmapped: Counter[str] = Counter()
    n_untimed = 0
    for event in events:
        forms = term_forms(event.term)
        term, kind = next((table[form] for form in forms if form in table), ("", ""))
        if kind == IGNORE or (not kind and not IGNORED_TERMS.isdisjoint(forms)):
            continue
        if not kind:
            unmapped[event.term] += 1
        elif not (abs(event.onset_s) <= MAX_NIGHT_S and 0 <= event.duration_s <= MAX_NIGHT_S):
            n_untimed += 1
        else:
            kept.append((event.onset_s, event.duration_s, kind, _label(event.channel), term))
    kept.sort(key=lambda row: row[0])
    onset, duration, kinds, channels, terms = zip(*kept, strict=True) if kept else ((), (), (), (), ())
    result = EventTable(np.array(onset, float), np.array(duration, float), kinds, channels, terms, dict(unmapped))
    return result, _scored(kinds, rule), _event_findings(unmapped, n_untimed)


def merge_events(tables: Sequence[EventTable]) -> EventTable:
    """Return the events of several files in order of onset; on one clock already."""
    if len(tables) == 1:
        return tables[0]
    onset_s = np.concatenate([np.empty(0), *(t.onset_s for t in tables)])
    duration_s = np.concatenate([np.empty(0), *(t.duration_s for t in tables)])
    order = np.argsort(onset_s, kind="stable")

    def joined(name: str) -> tuple[str, ...]:
        words = [word for table in tables for word in getattr(table, name)]
        return tuple(words[i] for i in order)

    unmapped = sum((Counter(t.unmapped) for t in tables), Counter[str]())
    words = joined("type"), joined("channel"), joined("term")
    return EventTable(onset_s[order], duration_s[order], *words, dict(unmapped))


def _label(text: str) -> str:
    """Return a signal's name, or nothing where the text is too long or too odd to be one."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_CHANNEL and text.isprintable() else ""


def _scored(kinds: Sequence[str], rule: AnnotationRule) -> dict[str, Scored]:
    seen = {EVENT_TYPES[kind].event_class for kind in kinds}
    return {c.value: rule.scored.get(c.value, Scored.PARTLY if c in seen else Scored.NO) for c in EventClass}


def _event_findings(unmapped: Counter[str], n_untimed: int) -> tuple[Finding, ...]:
    found = []
    if unmapped:
        count = f"{unmapped.total()} events of {len(unmapped)} terms are not in the vocabulary"
        found.append(finding("PSG-A004", count))
    if n_untimed:
        found.append(finding("PSG-A013", f"{n_untimed} events have no readable onset or duration"))
    return tuple(found)
