"""Decide what to do with every recording, from the ledger and the files' sizes and times alone.

Nothing is opened here: where size or time differ, the worker that would convert the recording looks closer
first and keeps a store that is good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.batch.recipe import recipe_of
from pipeline.files.discover import Source
from pipeline.files.hashing import file_stat
from pipeline.write.digest import stat_digests
from pipeline.write.ledger import Ledger, Row, store_path
from schemas.errors import PsgError
from schemas.fingerprint import fingerprint, manifest_part
from schemas.manifest import CohortManifest
from schemas.vocabulary import Outcome

__all__ = ["BY_MANIFEST", "BY_OPERATOR", "SOURCE_GONE", "Decision", "Item", "Plan", "Why", "plan"]

BY_MANIFEST, BY_OPERATOR = "excluded_by_manifest", "excluded_by_operator"  # reasons in the ledger
SOURCE_GONE = "source_gone"  # the reason of those whose store was cleared away


class Decision(StrEnum):
    """What happens to a recording in this run."""

    EXCLUDE = "exclude"
    KEEP = "keep"
    CHECK = "check"  # look closer; convert unless its store is good
    CONVERT = "convert"


class Why(StrEnum):
    """What decided."""

    EXCLUDED = "excluded by the manifest"
    EXCLUDED_BY_OPERATOR = "excluded by the operator"
    UNCHANGED = "converted and unchanged"
    NEW = "not converted yet"
    FAILED = "failed before"
    FRESH = "asked for with --fresh"
    DEEP = "asked for with --deep"
    MANIFEST = "manifest, subject or version changed"
    SOURCE = "source files differ in name, size or time"
    STORE_GONE = "store is gone"
    STORE_TOUCHED = "store files differ in size or time"
    UNRECORDED = "store is not in the ledger"


@dataclass(frozen=True)
class Item:
    """One recording and what to do with it.

    Parameters
    ----------
    recipe : str
        Digest of all that decides the store but the files' content.
    row : Row or None
        The ledger's newest.
    detail : str
        The manifest's or the operator's reason for an exclusion.
    """

    source: Source
    decision: Decision
    why: Why
    recipe: str
    row: Row | None
    detail: str = ""


@dataclass(frozen=True)
class Plan:
    """What a run will do, in the order of the recordings' names.

    Parameters
    ----------
    ledger_state : tuple of (str, int)
        What the plan was made from; a run refuses a plan that has become outdated.
    unused_exclusions : tuple of str
        Keys that the manifest excludes and nobody has: perhaps misspelt.
    not_found : tuple of str
        Recordings of the cohort that the ledger knows and the layout does not find any more; they are left alone.
    """

    out: Path
    manifest: CohortManifest
    items: tuple[Item, ...]
    ledger_state: tuple[tuple[str, int], ...]
    unused_exclusions: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()

    def of(self, *decisions: Decision) -> tuple[Item, ...]:
        """Return the items with one of these decisions."""
        return tuple(item for item in self.items if item.decision in decisions)


def plan(
    sources: Iterable[Source],
    out: Path,
    manifest: CohortManifest,
    ledger: Ledger,
    *,
    only: str | None = None,
    only_failed: bool = False,
    fresh: bool = False,
    deep: bool = False,
) -> Plan:
    """Decide for every recording; nothing is written and no file is opened.

    Parameters
    ----------
    sources : iterable of Source
        All of the cohort, from `pipeline.files.discover.discover`.
    only : str or None
        Leave out recordings whose name does not match this glob.
    only_failed : bool
        Leave out recordings that did not fail in the run before.
    fresh : bool
        Convert whatever is not excluded.
    deep : bool
        Trust no size and no time: hash every source and every store again.

    Notes
    -----
    A recording that failed is tried again in every run: it fails fast, and the fault may have been the disk's.
    """
    sources = tuple(sources)
    excluded = {exclusion.key: exclusion.reason for exclusion in manifest.exclude if exclusion.what == "recording"}
    unused = sorted({exclusion.key for exclusion in manifest.exclude} - {source.published for source in sources})
    not_found = sorted(_known(ledger.rows, manifest.cohort) - {source.key.name for source in sources})
    parts = {visit: manifest_part(manifest, visit) for visit in {source.key.visit for source in sources}}
    wanted = [source for source in sources if _is_wanted(source, ledger.rows, only, only_failed=only_failed)]
    digests = stat_digests([store_path(out, source.key.cohort, source.key.name) for source in wanted])
    items = [
        _item(source, digest, ledger.rows, parts[source.key.visit], excluded, fresh=fresh, deep=deep)
        for source, digest in zip(wanted, digests, strict=True)
    ]
    return Plan(out, manifest, tuple(items), ledger.state, tuple(unused), tuple(not_found))


def _known(rows: Mapping[tuple[str, str], Row], cohort: str) -> set[str]:
    """Return the recordings of a cohort that the ledger expects to find."""
    return {name for (of, name), row in rows.items() if of == cohort and row.reason != SOURCE_GONE}


def _is_wanted(source: Source, rows: Mapping[tuple[str, str], Row], only: str | None, *, only_failed: bool) -> bool:
    row = rows.get((source.key.cohort, source.key.name))
    has_failed = row is not None and row.outcome is Outcome.FAILED
    return (only is None or fnmatchcase(source.key.name, only)) and (has_failed or not only_failed)


def _item(
    source: Source,
    digest: str | None,
    rows: Mapping[tuple[str, str], Row],
    part: str,
    excluded: Mapping[str, str],
    *,
    fresh: bool,
    deep: bool,
) -> Item:
    key = source.key
    row = rows.get((key.cohort, key.name))
    recipe = recipe_of(source, part)
    if (detail := excluded.get(source.published)) is not None:
        return Item(source, Decision.EXCLUDE, Why.EXCLUDED, recipe, row, detail)
    if row is not None and row.reason == BY_OPERATOR:
        return Item(source, Decision.EXCLUDE, Why.EXCLUDED_BY_OPERATOR, recipe, row, row.detail or "")
    if fresh:
        return Item(source, Decision.CONVERT, Why.FRESH, recipe, row)
    decision, why = _decide(source, digest, row, recipe, deep=deep)
    return Item(source, decision, why, recipe, row)


def _decide(
    source: Source, digest: str | None, row: Row | None, recipe: str, *, deep: bool
) -> tuple[Decision, Why]:
    """Decide by the `stat_digest` of the store that is there, None without one."""
    if digest is None:
        return Decision.CONVERT, _why_no_store(row)
    if row is None or row.store is None:
        return Decision.CHECK, Why.UNRECORDED
    if digest != row.store.stat_digest:
        return Decision.CHECK, Why.STORE_TOUCHED
    if fingerprint(recipe, (file.sha256 for file in row.sources)) != row.fingerprint:
        return Decision.CONVERT, Why.MANIFEST
    if _differs(source, row):
        return Decision.CHECK, Why.SOURCE
    return (Decision.CHECK, Why.DEEP) if deep else (Decision.KEEP, Why.UNCHANGED)


def _why_no_store(row: Row | None) -> Why:
    if row is None:
        return Why.NEW
    return Why.FAILED if row.store is None else Why.STORE_GONE


def _differs(source: Source, row: Row) -> bool:
    """Whether a file has another name, size or time than the ledger says; one that is gone differs."""
    try:
        stats = source.stats or [file_stat(*file) for file in zip(source.paths, source.names, strict=True)]
    except PsgError:
        return True
    now = [(name, *stat) for name, stat in zip(source.names, stats, strict=True)]
    return now != [file[:3] for file in row.sources]
