"""Guess a layout from the names of files alone: which part of a path is the person, which the visit.

Paths that differ in words with digits only are of one kind. Within a kind, whatever differs from file to file
becomes a field, and the field with most values is taken for the person. It is a proposal: a person reviews it.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.files.layout import fill

__all__ = ["Found", "Kind", "files_below", "kinds_of", "patterns_beside"]

_NAMES = ("subject", "visit", "third", "fourth", "fifth", "sixth", "seventh")  # of fields, the richest first
_NUMBERED = re.compile(r"[A-Za-z0-9]*\d[A-Za-z0-9]*")  # a word with a digit in it
_FIRST_MARK = 0xE000  # private characters stand for fields while a name is taken apart
_MOST_LOOKED_AT = 20  # recordings whose neighbours are looked at
_ENOUGH = 0.5  # share of the recordings that must have a file beside them

Found = tuple[PurePosixPath, Mapping[str, str]]


@dataclass(frozen=True)
class Kind:
    """Files that one pattern of a layout finds, each with the fields of its path."""

    pattern: str
    found: tuple[Found, ...]

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Paths below the root."""
        return tuple(path for path, _ in self.found)

    def narrowed(self, others: Iterable[PurePosixPath]) -> str:
        """Return the pattern; where it would find other files, too, the person's field gets its width."""
        widths = {len(fields["subject"]) for _, fields in self.found}
        found = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.pattern)))
        if len(widths) != 1 or not any(found.fullmatch(str(other)) for other in others):
            return self.pattern
        return self.pattern.replace("{subject}", f"{{subject:{widths.pop()}}}", 1)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, the person first."""
        return tuple(self.found[0][1])


def files_below(root: Path) -> list[PurePosixPath]:
    """Return every file below a folder, hidden ones left out, in order."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        inside = PurePosixPath(Path(folder).relative_to(root).as_posix())
        found += [inside / name for name in sorted(names) if not name.startswith(".")]
    return sorted(found)


def kinds_of(files: Iterable[PurePosixPath]) -> list[Kind]:
    """Sort files by the pattern that finds them."""
    alike: dict[object, list[PurePosixPath]] = defaultdict(list)
    for file in files:
        depth = len(file.parts)
        same_name = depth > 1 and not _NUMBERED.search(file.stem)  # the same name in a folder a person
        alike[(depth, file.name) if same_name else _NUMBERED.sub("#", str(file))].append(file)
    kinds: dict[str, list[Found]] = defaultdict(list)
    for members in alike.values():
        pattern, fields = _pattern(members)
        kinds[pattern] += zip(members, fields, strict=True)
    return [Kind(pattern, tuple(found)) for pattern, found in kinds.items()]


def patterns_beside(kind: Kind, others: Iterable[PurePosixPath]) -> dict[str, int]:
    """Return patterns of files that belong to recordings, and how many recordings have one; most first."""
    there = {str(path) for path in others}
    patterns: dict[str, None] = {}
    for _, fields in kind.found[:_MOST_LOOKED_AT]:
        for path in sorted(there):
            if fields["subject"] in path and "{subject}" in (pattern := _named(path, fields)):
                patterns[pattern] = None
    files = {p: [file for _, fields in kind.found if (file := fill(p, fields)) in there] for p in patterns}
    enough = [p for p in patterns if len(files[p]) >= _ENOUGH * len(kind.found)]
    kept: dict[str, int] = {}
    seen: set[str] = set()
    for pattern in sorted(enough, key=lambda p: (-len(files[p]), -p.count("{"))):
        if not seen.issuperset(files[pattern]):  # else it says less of the same files
            kept[pattern] = len(files[pattern])
            seen.update(files[pattern])
    return kept


def _pattern(files: Sequence[PurePosixPath]) -> tuple[str, list[dict[str, str]]]:
    """Return the pattern of files of one depth and the fields of each."""
    slots: list[tuple[str, ...]] = []  # of each field its value in every file
    parts = [_folder(names, slots) for names in zip(*(file.parts[:-1] for file in files), strict=True)]
    stems = [file.stem for file in files]
    if not slots and stems[0] in parts:  # one file, in a folder of the same name
        slots.append(tuple(stems))
        parts = [chr(_FIRST_MARK) if part == stems[0] else part for part in parts]
    parts.append(_stem(stems, slots))
    order = sorted(range(len(slots)), key=lambda k: -len(set(slots[k])))  # stable: of equals the first
    names = {k: _NAMES[place] if place < len(_NAMES) else f"field{place}" for place, k in enumerate(order)}
    text = "/".join(parts) + files[0].suffix
    for k, name in names.items():
        text = text.replace(chr(_FIRST_MARK + k), f"{{{name}}}")
    return text, [{names[k]: slots[k][row] for k in order} for row in range(len(files))]


def _folder(names: tuple[str, ...], slots: list[tuple[str, ...]]) -> str:
    if len(set(names)) == 1:
        return names[0]
    if names not in slots:
        slots.append(names)
    return chr(_FIRST_MARK + slots.index(names))


def _stem(stems: Sequence[str], slots: list[tuple[str, ...]]) -> str:
    """Put marks in place of what the folders say already, and one more in place of what still differs."""
    for k, values in enumerate(slots):
        marked = [_word(value).sub(chr(_FIRST_MARK + k), stem) for stem, value in zip(stems, values, strict=True)]
        if all(chr(_FIRST_MARK + k) in stem for stem in marked):
            stems = marked
    if len(set(stems)) == 1 and slots:
        return stems[0]
    head, tail = _around(stems)
    slots.append(tuple(stem[len(head) : len(stem) - len(tail)] for stem in stems))
    return head + chr(_FIRST_MARK + len(slots) - 1) + tail


def _around(stems: Sequence[str]) -> tuple[str, str]:
    """Return what stands before and after that which differs; of a single name, before and after its numbers."""
    if len(set(stems)) == 1:
        numbers = [match.span() for match in _NUMBERED.finditer(stems[0])] or [(0, len(stems[0]))]
        return stems[0][: numbers[0][0]], stems[0][numbers[-1][1] :]
    head = _common(stems)
    return head, _common([stem[len(head) :][::-1] for stem in stems])[::-1]


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with, words left whole."""
    low, high = min(texts), max(texts)
    n = next((k for k, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    common = low[:n]
    while common and common[-1].isalnum():
        common = common[:-1]
    return common


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])")


def _named(path: str, fields: Mapping[str, str]) -> str:
    """Put fields in place of their values, the longest value first."""
    for name, value in sorted(fields.items(), key=lambda item: -len(item[1])):
        path = _word(value).sub(f"{{{name}}}", path)
    return path
