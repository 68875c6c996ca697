"""What the headers of a folder hold, counted: files whose headers say the same are one montage.

As a table it has one line a signal of each montage, so that sums of ``n`` over lines are counts of files. The same
table, or a shorter one of labels and their counts alone, is read back: whoever holds no files can still try a
manifest on what others counted.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from schemas.errors import SourceError
from schemas.recording import SignalInfo

__all__ = ["COLUMNS", "Counted", "LabelCount", "Montage", "group", "occurrences", "read_counts", "rows_of"]

# Of a table that scan writes. The last five are what a manifest makes of the signal; they are not read back.
COLUMNS = (
    *("montage", "n", "visit", "label", "nth", "rate_hz", "unit", "range_low", "range_high", "usable"),
    *("files", "unreadable", "reason", "becomes", "channels", "nearest", "remarks"),
)
_NEEDED = {"montage", "n", "label", "rate_hz", "unit"}  # to judge whole files
_NEEDED_OF_COUNTS = {"n", "label"}
_Header = tuple[str | None, tuple[SignalInfo, ...], str]  # visit, signals, why it cannot be read
_DELIMITERS = (",", ";", "\t")  # as spreadsheets of several countries save a CSV


@dataclass(frozen=True)
class Montage:
    """Files whose headers hold the same signals in the same order.

    Parameters
    ----------
    n : int
        How many files, or recordings where a manifest says what those are.
    visit : str or None
        The manifest's visit, which may be blank; None where no manifest was asked.
    reason : str
        Why these files cannot be read at all; they then have no signals.
    files : str
        Where they lie: a path with ``*`` for all that differs between files.
    """

    n: int
    infos: tuple[SignalInfo, ...] = ()
    visit: str | None = None
    reason: str = ""
    files: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in file order."""
        return tuple(info.label for info in self.infos)


@dataclass(frozen=True)
class LabelCount:
    """How many files have a label, where nothing else is known of them.

    ``nth`` is 2 for the second signal of that name in its file; ``visit`` may be blank.
    """

    label: str
    n: int
    nth: int = 1
    visit: str = ""


@dataclass(frozen=True)
class Counted:
    """What a table holds: montages, or labels alone."""

    montages: tuple[Montage, ...]
    labels: tuple[LabelCount, ...]


def group(
    seen: Iterable[tuple[str | None, Sequence[SignalInfo], str, str]],
) -> tuple[tuple[Montage, ...], list[int]]:
    """Put equal headers together.

    Parameters
    ----------
    seen : iterable of (visit, signals, reason, path)
        One a file or recording; ``path`` is relative, with forward slashes.

    Returns
    -------
    montages : tuple of Montage
        The most frequent first.
    which : list of int
        For every one that was seen, the index of its montage.
    """
    keys: list[_Header] = []
    paths: dict[_Header, list[str]] = defaultdict(list)
    for visit, infos, reason, path in seen:
        key = visit, tuple(infos), reason
        keys.append(key)
        paths[key].append(path)
    n = Counter(keys)
    order = {key: index for index, key in enumerate(sorted(n, key=lambda key: -n[key]))}
    common = _common_folders([path for found in paths.values() for path in found])
    montages = tuple(
        Montage(n[key], infos=key[1], visit=key[0], reason=key[2], files=_pattern(paths[key], common))
        for key in order
    )
    return montages, [order[key] for key in keys]


def _common_folders(paths: Sequence[str]) -> dict[int, set[str]]:
    """Return the names of folders at each depth: one that all files share tells nothing of any of them."""
    names: dict[int, set[str]] = defaultdict(set)
    for path in paths:
        for depth, name in enumerate(path.split("/")[:-1]):
            names[depth].add(name)
    return names


def _pattern(paths: Sequence[str], common: Mapping[int, set[str]]) -> str:
    """Return what the paths of a montage have in common, or nothing where they lie at several depths."""
    patterns = set()
    for path in paths:
        *folders, name = path.split("/")
        kept = [folder if len(common[depth]) == 1 else "*" for depth, folder in enumerate(folders)]
        patterns.add("/".join([*kept, "*" + Path(name).suffix]))
    return patterns.pop() if len(patterns) == 1 else ""


def occurrences(infos: Sequence[SignalInfo]) -> Iterator[tuple[int, SignalInfo]]:
    """Yield every signal with its number among those of its name, from 1."""
    seen: Counter[str] = Counter()
    for info in infos:
        seen[info.label] += 1
        yield seen[info.label], info


def rows_of(number: int, montage: Montage, judged: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """Yield a montage's lines of the table: one a signal, or one alone where it has none.

    Parameters
    ----------
    number : int
        What the table calls the montage.
    judged : sequence of mapping
        For every signal the last columns; empty where no manifest was asked.
    """
    head = {"montage": number, "n": montage.n, "visit": montage.visit or "", "files": montage.files}
    if not montage.infos:
        yield head | {"unreadable": montage.reason, "reason": montage.reason}
    for index, (nth, info) in enumerate(occurrences(montage.infos)):
        yield {
            **head,
            "label": info.label,
            "nth": nth,
            "rate_hz": f"{float(info.rate_hz):.10g}",
            "unit": info.unit_text,
            "range_low": f"{info.physical_min:.10g}",
            "range_high": f"{info.physical_max:.10g}",
            "usable": "yes" if info.usable else "no",
            **(judged[index] if judged else {}),
        }


# --- reading -----------------------------------------------------------------------------------------------


def read_counts(path: Path) -> Counted:
    """Read a table that ``scan --csv`` wrote, or one of labels and counts.

    The latter needs the columns ``label`` and ``n``; ``visit`` and ``nth`` may be there; others are not looked at.

    Raises
    ------
    SourceError
        When it is another table, or a line of it cannot be understood.
    """
    try:
        return _read(path)
    except SourceError as error:
        raise error.at(path.name) from None
    except (UnicodeDecodeError, csv.Error):
        raise _other("bytes that are no text in UTF-8, or no table").at(path.name) from None


def _other(saw: str) -> SourceError:
    return SourceError(
        "not a table of counted labels",
        saw=saw,
        expected="the columns label and n, or the table that scan writes",
        do="Write one with: sleep2vec scan --root DOWNLOAD --csv scan.csv.",
    )


def _read(path: Path) -> Counted:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        head = stream.readline()
        stream.seek(0)
        table = csv.DictReader(stream, delimiter=max(_DELIMITERS, key=head.count))
        columns = set(table.fieldnames or ())
        if not columns >= _NEEDED_OF_COUNTS:
            raise _other(f"{len(columns)} columns without {' and '.join(sorted(_NEEDED_OF_COUNTS - columns))}")
        lines = [_Line(number, row) for number, row in enumerate(table, 2)]
    if not lines:
        raise _other("a heading and no line below it")
    if "montage" not in columns:
        return Counted((), tuple(line.label_count() for line in lines))
    if lacking := _NEEDED - columns:
        raise _other(f"a column montage, and no {' and '.join(sorted(lacking))}")
    return Counted(tuple(_montages(lines)), ())


@dataclass(frozen=True)
class _Line:
    """One line of a table, and its number for those who look for it."""

    number: int
    row: Mapping[str, str | None]

    def text(self, column: str) -> str:
        return (self.row.get(column) or "").strip()

    def whole(self, column: str, default: int | None = None) -> int:
        text = self.text(column)
        if not text and default is not None:
            return default
        if not text.isdecimal() or int(text) < 1:
            raise self.wrong(column, "a whole number from 1 on")
        return int(text)

    def real(self, column: str, default: str | None = None) -> Fraction:
        try:
            return Fraction(self.text(column) or default or "")
        except (ValueError, ZeroDivisionError):
            raise self.wrong(column, "a number with a point") from None

    def wrong(self, column: str, expected: str) -> SourceError:
        return SourceError(f"line {self.number}, column {column} cannot be read", expected=expected)

    def label_count(self) -> LabelCount:
        if not self.text("label"):
            raise self.wrong("label", "a label")
        return LabelCount(self.text("label"), self.whole("n"), self.whole("nth", 1), self.text("visit"))

    def info(self, index: int) -> SignalInfo:
        low, high = float(self.real("range_low", "0")), float(self.real("range_high", "0"))
        usable = self.text("usable") != "no"
        return SignalInfo(index, self.text("label"), self.text("unit"), self.real("rate_hz"), low, high, usable)


def _montages(lines: Sequence[_Line]) -> Iterator[Montage]:
    by_number: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        by_number[line.text("montage")].append(line)
    for members in by_number.values():
        first = members[0]
        for line in members:
            if (line.text("n"), line.text("visit")) != (first.text("n"), first.text("visit")):
                raise line.wrong("n", f"n and visit of line {first.number}, which is of the same montage")
        signals = [line for line in members if line.text("label") or line.text("rate_hz")]
        infos = tuple(line.info(index) for index, line in enumerate(signals))
        yield Montage(
            first.whole("n"), infos, first.text("visit") or None, first.text("unreadable"), first.text("files")
        )
