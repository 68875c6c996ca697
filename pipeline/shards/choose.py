"""Decide what a set is made of: good recordings, the split of each, and the order in which they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.shards.recording import RecordingStore
from pipeline.splits import Person, Splits, check_splits
from pipeline.write.ledger import read_ledger, store_path
from schemas.errors import StoreIncomplete
from schemas.vocabulary import USUAL_STUDY_TYPES, Outcome, Split, StudyType

__all__ = ["Chosen", "good_recordings", "in_order", "person"]

_GOOD = (Outcome.CONVERTED, Outcome.CONVERTED_WITH_FINDINGS)


@dataclass(frozen=True)
class Chosen:
    """One recording of a set, from the ledger and its root document.

    Parameters
    ----------
    name : str
        ``cohort/key``.
    facts : mapping
        What the index and the card say of it; terms included.
    """

    name: str
    path: Path
    root_digest: str
    n_epoch: int
    facts: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """``cohort/subject``."""
        return f"{self.facts['cohort']}/{self.facts['subject']}"


_FACTS = (
    *("cohort", "subject", "family", "visit", "site", "stage_scheme", "study_type", "age_years", "sex", "bmi"),
    *("fingerprint", "terms"),
)


def good_recordings(out: Path, study_types: Collection[StudyType] = USUAL_STUDY_TYPES) -> list[Chosen]:
    """Return the recordings of an output that ended as converted, by name.

    Parameters
    ----------
    study_types : collection of StudyType
        What the nights may have been for.

    Raises
    ------
    StoreIncomplete
        When there is none, or none of these types, or a store is gone.
    StoreCorrupt
        When a store is not the one that the ledger knows.
    """
    rows = read_ledger(out).rows
    good = sorted(key for key, row in rows.items() if row.outcome in _GOOD and row.store is not None)
    if not good:
        raise StoreIncomplete(
            "no converted recording here", where=out.name, do="Convert a cohort first: sleep2vec convert."
        )
    found = [_chosen(out, cohort, key, rows[cohort, key].store) for cohort, key in good]
    chosen = [recording for recording in found if recording.facts["study_type"] in set(study_types)]
    if not chosen:
        raise StoreIncomplete(
            "no converted recording of these study types",
            where=out.name,
            saw=", ".join(sorted({str(recording.facts["study_type"]) for recording in found})),
            expected=" or ".join(study_types),
            do="Name the types that are wanted: --study-type.",
        )
    return chosen


def _chosen(out: Path, cohort: str, key: str, stored: Any) -> Chosen:
    path = store_path(out, cohort, key)
    store = RecordingStore(path, f"{cohort}/{key}", stored.root_digest)
    facts = {name: store.attrs.get(name) for name in _FACTS}
    return Chosen(store.name, path, stored.root_digest, store.n_epoch, facts)


def person(recording: Chosen) -> Person:
    """Return what splits are drawn by."""
    facts = recording.facts
    return Person(recording.subject, facts["family"], facts["site"], facts["age_years"], facts["sex"])


def in_order(recordings: Sequence[Chosen], splits: Splits, seed: int) -> dict[Split, list[Chosen]]:
    """Return the recordings of every split that has some, shuffled.

    The order is that of SHA-256 of seed and name: the same on every machine, and a recording that is added later
    leaves the others in their order.

    Raises
    ------
    SplitInvalid
        When a person is in no split.
    SplitLeak
        When a person or a family is in two.
    """
    check_splits(splits, map(person, recordings))
    return dict(_split(recordings, splits, seed))


def _split(recordings: Sequence[Chosen], splits: Splits, seed: int) -> Iterator[tuple[Split, list[Chosen]]]:
    for split in Split:
        mine = [recording for recording in recordings if splits.of[recording.subject] is split]
        if mine:
            yield split, sorted(mine, key=lambda recording: _rank(seed, recording.name))


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
