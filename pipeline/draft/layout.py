"""Write the sections of a draft on files: where the nights lie, what is beside them, what else there is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.draft.files import Kind, kinds_of, patterns_beside
from pipeline.draft.headers import RECORD, SIGNAL_FILES, Headers
from pipeline.draft.written import flow, n_file, quoted
from pipeline.files.layout import fill

__all__ = ["layout_text", "unseen_layout_text"]

_MOST_PATTERNS = 6  # that are mentioned
_TABLES = (".csv", ".tsv", ".txt", ".xls", ".xlsx")
_FORMATS = {  # of scorings, by suffix
    ".xml": "nsrr_xml  # or profusion_xml",
    ".edf": "edf_plus",
    ".annot": "luna_annot",
    ".eannot": "epoch_list",
    ".json": "epoch_list",
    **dict.fromkeys(_TABLES, "table"),
}
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


@dataclass(frozen=True)
class _Layout:
    """Recordings of one kind, and the patterns of what lies beside them; ``beside`` counts the recordings."""

    kind: Kind
    signals: str
    companions: Sequence[str]
    beside: Mapping[str, int]

    @property
    def neighbours(self) -> set[PurePosixPath]:
        """All files that the patterns would find."""
        patterns = (*self.companions, *self.beside)
        return {PurePosixPath(fill(pattern, fields)) for pattern in patterns for _, fields in self.kind.found}

    def lines(self) -> Iterator[str]:
        """Yield the keys of a layout, scorings behind number signs."""
        kind = self.kind
        yield f"signals: {quoted(self.signals)}  # REVIEW, {n_file(len(kind.found))}"
        if self.companions:
            yield f"companions: {flow(self.companions)}"
        if len(kind.fields) > 1:
            yield f"key: {quoted('-'.join(f'{{{name}}}' for name in kind.fields))}  # REVIEW"
            yield 'visit: "{visit}"  # REVIEW'
        for pattern, n in list(self.beside.items())[:_MOST_PATTERNS]:
            yield f"# annotations: {quoted(pattern)}  # {n} of {len(kind.found)} recordings have one"
        if not self.beside:
            yield '# annotations: "stages/{subject}.xml"'


def layout_text(
    nights: Sequence[Kind], others: Sequence[Kind], files: Collection[PurePosixPath], headers: Headers
) -> str:
    """Return the sections ``layout`` and ``hdf5``, and what a person is to fill in behind number signs.

    Parameters
    ----------
    nights, others : sequence of Kind
        Files of signals that are recordings, the richest first, and files of quite other signals.
    files : collection of PurePosixPath
        All other files below the root.
    headers : Headers
        What the recordings' headers say.
    """
    layouts = [_layout(kind, files, headers) for kind in nights]
    loose = set(files) - {file for layout in layouts for file in layout.neighbours}
    lines = ["layout:"]
    for layout in layouts:
        first, *rest = layout.lines()
        mark, indent = ("  - ", "    ") if len(layouts) > 1 else ("  ", "  ")
        lines += [mark + first, *(indent + line for line in rest)]
    for kind in (*others, *kinds_of(sorted(path for path in loose if path.suffix.lower() in SIGNAL_FILES))):
        lines.append(f"  # also there: {quoted(kind.pattern)} ({n_file(len(kind.found))})")
    scoring = next((pattern for layout in layouts for pattern in layout.beside), "unknown.xml")
    return "\n".join([*lines, ""]) + _hdf5(headers) + _later(scoring, _tables(loose))


def unseen_layout_text(places: Sequence[str]) -> str:
    """Return the same where nobody has looked at any file; a census may tell the places, with ``*``."""
    first, *more = places or ("*.edf",)
    folder, slash, name = first.rpartition("/")
    path = folder + slash + name.replace("*", "{subject}", 1)
    hint = ": which part of the path is the person?" if "*" in path else ""
    lines = ["layout:", f"  signals: {quoted(path)}  # REVIEW{hint}"]
    lines += [f"  # also there: {quoted(place)}" for place in more[:_MOST_PATTERNS]]
    lines += ['  # annotations: "stages/{subject}.xml"', ""]
    return "\n".join(lines) + _later("unknown.xml", ())


def _layout(kind: Kind, others: Collection[PurePosixPath], headers: Headers) -> _Layout:
    path = PurePosixPath(kind.pattern)
    companions = [str(path.with_name(name.replace(RECORD, path.stem))) for name in sorted(headers.companions)]
    beside = {p: n for p, n in patterns_beside(kind, others).items() if p not in companions}
    return _Layout(kind, kind.narrowed(others), companions, beside)


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


def _later(scoring: str, tables: Sequence[str]) -> str:
    """Return what a person is to fill in, behind number signs."""
    form = _FORMATS.get(PurePosixPath(scoring).suffix.lower(), "wfdb")
    first, *more = tables or ("subjects.csv",)
    text = _SCORING.format(format=form) + (_COLUMNS if form == "table" else "")
    others = "".join(f"# also there: {quoted(name)}\n" for name in more[:_MOST_PATTERNS])
    return text + _PERSONS.format(table=quoted(first)) + others
