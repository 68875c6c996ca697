"""Find the files that a layout's pattern describes.

A pattern is a path below the root: ``{name}`` matches one or more characters but no slash, the fewest that
fit; ``{name:2}`` exactly two; ``*`` anything unnamed, also nothing. A field that occurs again must have the
same value. Matching respects case; names that begin with a dot are never found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.files.places import entries, storage_errors

__all__ = ["Folders", "fill"]

_FIELD = re.compile(r"\{(\w+)(?::(\d+))?\}")
_TOKEN = re.compile(r"(\{\w+(?::\d+)?\}|\*)")


def fill(pattern: str, fields: Mapping[str, str]) -> str:
    """Return a pattern with its known fields replaced by their values; unknown ones stay."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), pattern)


class Folders:
    """The folders below one root, each listed once and then remembered."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, list[tuple[str, bool]]] = {}

    def find(self, pattern: str, fields: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield every file that matches, as its path below the root and all its fields, sorted by path.

        Parameters
        ----------
        pattern : str
            A layout's pattern.
        fields : mapping of str to str
            Values that are known already.

        Raises
        ------
        StorageError
            When a folder cannot be listed.
        """
        yield from self._find("", pattern.split("/"), dict(fields))

    def _find(
        self, folder: str, segments: list[str], fields: dict[str, str]
    ) -> Iterator[tuple[str, dict[str, str]]]:
        head, *rest = segments
        for name, is_folder, found in self._matching(folder, head, fields):
            path = f"{folder}/{name}" if folder else name
            if rest and is_folder:
                yield from self._find(path, rest, fields | found)
            elif not rest and not is_folder:
                yield path, fields | found

    def _matching(
        self, folder: str, segment: str, fields: Mapping[str, str]
    ) -> Iterator[tuple[str, bool, dict[str, str]]]:
        prefix, expression = _expression(segment, fields)
        listed = self._entries(folder)
        for index in range(bisect_left(listed, (prefix,)), len(listed)):
            name, is_folder = listed[index]
            if not name.startswith(prefix):
                return
            if match := re.compile(expression).fullmatch(name, len(prefix)):
                yield name, is_folder, match.groupdict()

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        if folder not in self._listed:
            with storage_errors("a folder of the source cannot be listed", where=folder or "."):
                found = entries(self._root / folder)
            self._listed[folder] = [entry for entry in found if not entry[0].startswith(".")]
        return self._listed[folder]


def _expression(segment: str, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return what every match begins with, and an expression for the rest that names the unknown fields."""
    prefix, parts, seen = "", list[str](), set[str]()
    for token in _TOKEN.split(segment):
        field = _FIELD.fullmatch(token)
        if field and field[1] not in fields:
            parts.append(f"(?P={field[1]})" if field[1] in seen else _group(field))
            seen.add(field[1])
        elif token == "*":
            parts.append(".*")
        elif parts:
            parts.append(re.escape(fields[field[1]] if field else token))
        else:
            prefix += fields[field[1]] if field else token
    return prefix, "".join(parts)


def _group(field: re.Match[str]) -> str:
    width = f"{{{field[2]}}}" if field[2] else "+?"
    return f"(?P<{field[1]}>.{width})"
