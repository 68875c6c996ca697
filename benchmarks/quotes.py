"""Figures that documents quote from the evidence: a figure is followed by a comment that a reader does not see.

``1.36 <!-- evidence: decoding.over_fromfile.ours -->`` names docs/evidence/decoding.json and a path among its
figures. Examples in backquotes do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.evidence import EVIDENCE, ROOT, look_up, read

__all__ = ["documents", "figures", "n_mark", "quoted", "renew", "renewed"]

_EXAMPLE = r"`[^`\n]*`"
_QUOTED = re.compile(_EXAMPLE + r"|(?<![\d.,])([-−]?\d[\d,]*(?:\.\d+)?)( <!-- evidence: ([\w-]+)\.([\w.-]+) -->)")
_MARK = re.compile(_EXAMPLE + r"|(<!--\s*evidence)")


def quoted(text: str) -> list[str]:
    """Return the marked figures of a document as they stand there."""
    return [match[1] for match in _QUOTED.finditer(text) if match[1]]


def n_mark(text: str) -> int:
    """Count the marks of a document, those without a figure before them included."""
    return sum(bool(match[1]) for match in _MARK.finditer(text))


def renewed(text: str, figures: Mapping[str, Any]) -> str:
    """Return a document with its marked figures as they were measured, at the precision that they are quoted with.

    Parameters
    ----------
    figures : mapping
        Of every campaign by its name.

    Raises
    ------
    KeyError
        When a mark names a figure that is not there.
    """

    def measured(match: re.Match[str]) -> str:
        if not match[1]:
            return match[0]
        return _like(look_up(figures[match[3]], match[4]), match[1]) + match[2]

    return _QUOTED.sub(measured, text)


def _like(value: float, quoted: str) -> str:
    """Return a value with the decimals, the thousands' commas and the minus sign of a quoted one."""
    decimals = len(quoted.partition(".")[2])
    text = f"{value:,.{decimals}f}" if "," in quoted else f"{value:.{decimals}f}"
    return text if "-" in quoted else text.replace("-", "−")


def figures() -> dict[str, Any]:
    """Return the figures of every campaign that has evidence."""
    return {path.stem: read(EVIDENCE, path.stem)["figures"] for path in sorted(EVIDENCE.glob("*.json"))}


def documents() -> dict[str, str]:
    """Return the text of every document that may quote, by its path in the checkout."""
    paths = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def renew() -> list[str]:
    """Bring the figures of all documents up to date; return the paths of those that changed."""
    known = figures()
    changed = {path: new for path, text in documents().items() if (new := renewed(text, known)) != text}
    for path, text in changed.items():
        (ROOT / path).write_text(text, "utf-8")
    return list(changed)
