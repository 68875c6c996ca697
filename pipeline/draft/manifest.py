"""Draft a manifest from what lies below a folder, for a person to review.

Proposals come from the names of files, from headers, and from what the shipped manifests make of the same labels.
Nothing that neither says is filled in; whatever was concluded is marked REVIEW.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.census import read_counts
from pipeline.draft.files import Kind, files_below, kinds_of, patterns_beside
from pipeline.draft.headers import RECORD, SIGNAL_FILES, Headers, of_counts, read_headers
from pipeline.draft.montage import montage_text
from pipeline.draft.written import flow, n_file, quoted
from pipeline.layout import fill
from schemas.errors import ManifestInvalid, SourceMissing
from schemas.manifest import COHORT_NAME

__all__ = ["draft_manifest"]

_MOST_HEADERS = 200  # enough to see the spellings; scan counts them all afterwards
_MOST_PATTERNS = 6  # of files beside the recordings
_TABLES = (".csv", ".tsv", ".txt", ".xls", ".xlsx")
_FORMATS = {  # of scorings, by suffix
    ".xml": "nsrr_xml  # or profusion_xml",
    ".edf": "edf_plus",
    ".annot": "luna_annot",
    ".eannot": "epoch_list",
    ".json": "epoch_list",
    **dict.fromkeys(_TABLES, "table"),
}

_HEAD = """\
# yaml-language-server: $schema=manifest.schema.json
# Drafted from names and headers of files. Everything marked REVIEW waits for a person; `sleep2vec manifest guide`
# describes every key. An editor completes them with: sleep2vec manifest schema > manifest.schema.json, beside this.
manifest_version: 1
cohort: {cohort}
title: {cohort}  # REVIEW
terms:
  agreement: REVIEW
  redistribution: false
  commercial: false
  citation: REVIEW who to cite
  release: REVIEW
"""

_SCORING = """\
# Without the following, stages and events stay unknown.
# annotations:
#   format: {format}
#   scheme: aasm  # or rk, sleep_wake, none
"""
_COLUMNS = """\
#   table: {delimiter: ";", onset: Time, onset_unit: clock, duration: Duration, text: Event}  # names of its columns
#   stages: {Wake: W}  # words of this cohort
#   events: {Obstructive: obstructive_apnea}
"""
_PERSONS = """\
# Without the following, age and sex stay unknown.
# subjects:
#   tables:
#     - path: {table}
#       key: subject_id
#       fields:
#         age_years: {{columns: age, unit: years}}
#         sex: {{columns: sex, codes: {{1: male, 2: female}}}}
"""


def draft_manifest(cohort: str, root: Path | None, census: Path | None = None) -> str:
    """Return the YAML text of a manifest that ``manifest check`` accepts once it has been reviewed.

    Parameters
    ----------
    cohort : str
        Name: lower-case letters, digits and underscores.
    root : Path or None
        Folder whose files are listed; without it the layout is an example.
    census : Path or None
        Table of labels that ``scan`` wrote; without it headers below the root are read.

    Raises
    ------
    ManifestInvalid
        When the cohort's name is not allowed.
    SourceMissing
        When there is no file of signals below the root.
    SourceError
        When the census is another table.
    """
    if not re.fullmatch(COHORT_NAME, cohort):
        raise ManifestInvalid(
            "not a cohort name", saw=repr(cohort), expected="lower-case letters, digits and underscores"
        )
    head = _HEAD.format(cohort=cohort)
    counted = of_counts(read_counts(census)) if census else None
    if root is None:
        return head + "".join(_layout_unseen(counted)) + montage_text(counted or _example())
    files = files_below(root)
    kinds = kinds_of(path for path in files if path.suffix.lower() in SIGNAL_FILES)
    if not kinds:
        raise SourceMissing(
            "no file of signals below the root",
            expected=", ".join(SIGNAL_FILES),
            do="Name the folder of the download.",
        )
    most = 1 if counted else _MOST_HEADERS
    read = [read_headers(root / path for path in _spread(kind.files, most)) for kind in kinds]
    best = max(
        range(len(kinds)), key=lambda k: (len(read[k].labels), len(kinds[k].found))
    )  # hypnograms are EDFs, too
    found = read[best]
    return head + "".join(_layout(kinds, best, files, found)) + montage_text(counted or found)


def _spread(files: Sequence[PurePosixPath], most: int) -> Sequence[PurePosixPath]:
    """Return at most so many files from all parts of a list: recorders change over the years."""
    return files[:: -(-len(files) // most)]


def _example() -> Headers:
    headers = Headers()
    headers.add_label("EEG C4-M1", 1)
    return headers


def _layout_unseen(counted: Headers | None) -> Iterator[str]:
    """Yield the sections on files where nobody has looked at any; a census may tell where they lie."""
    first, *more = (counted.places if counted else ()) or ("*.edf",)
    folder, slash, name = first.rpartition("/")
    path = folder + slash + name.replace("*", "{subject}", 1)
    yield f"layout:\n  signals: {quoted(path)}  # REVIEW\n"
    yield from (f"  # also there: {quoted(place)}\n" for place in more[:_MOST_PATTERNS])
    yield '  # annotations: "stages/{subject}.xml"\n'
    yield _later(".xml", ())


def _layout(kinds: Sequence[Kind], best: int, files: Sequence[PurePosixPath], headers: Headers) -> Iterator[str]:
    """Yield the sections on files: where the signals are, what lies beside them, what else there is."""
    kind = kinds[best]
    companions = [str(_companion(kind, name)) for name in sorted(headers.companions)]
    others = set(files) - set(kind.files)
    beside = {p: n for p, n in patterns_beside(kind, others).items() if p not in companions}
    yield f"layout:\n  signals: {quoted(kind.pattern)}  # REVIEW, {n_file(len(kind.found))}\n"
    if companions:
        yield f"  companions: {flow(companions)}\n"
    if len(kind.fields) > 1:
        key = "-".join(f"{{{name}}}" for name in kind.fields)
        yield f'  key: {quoted(key)}  # REVIEW\n  visit: "{{visit}}"  # REVIEW\n'
    for pattern, n in list(beside.items())[:_MOST_PATTERNS]:
        yield f"  # annotations: {quoted(pattern)}  # {n} of {len(kind.found)} recordings have one\n"
    if not beside:
        yield '  # annotations: "stages/{subject}.xml"\n'
    loose = others - {PurePosixPath(fill(p, fields)) for p in (*beside, *companions) for _, fields in kind.found}
    for other in kinds:
        if other is not kind and loose.intersection(other.files):
            yield f"  # also there: {quoted(other.pattern)} ({n_file(len(other.found))})\n"
    yield _hdf5(headers)
    suffix = PurePosixPath(next(iter(beside), "unknown.xml")).suffix.lower()
    yield _later(suffix, _tables(loose))


def _companion(kind: Kind, name: str) -> PurePosixPath:
    path = PurePosixPath(kind.pattern)
    return path.with_name(name.replace(RECORD, path.stem))


def _tables(files: Iterable[PurePosixPath]) -> list[str]:
    """Return tables that belong to no recording, those first that are alone of their kind."""
    kinds = kinds_of(sorted(path for path in files if path.suffix.lower() in _TABLES))
    return [str(kind.files[0]) for kind in sorted(kinds, key=lambda kind: len(kind.found))]


def _hdf5(headers: Headers) -> str:
    rule = headers.hdf5
    if rule is None:
        return ""
    unit = f", unit: {quoted(rule.unit)}" if rule.unit else ""
    return f"hdf5: {{signals: {flow(rule.signals)}, rate: {quoted(rule.rate)}{unit}}}  # REVIEW\n"


def _later(suffix: str, tables: Sequence[str]) -> str:
    """Return what is to be filled in by a person, behind number signs."""
    form = _FORMATS.get(suffix, "wfdb")
    first, *more = tables or ("subjects.csv",)
    scoring = _SCORING.format(format=form) + (_COLUMNS if form == "table" else "")
    others = "".join(f"# also there: {quoted(name)}\n" for name in more[:_MOST_PATTERNS])
    return scoring + _PERSONS.format(table=quoted(first)) + others
