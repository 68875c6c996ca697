"""Read a page as a parser does: its elements, whether they nest, and what every page must have."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

__all__ = ["Element", "Html"]

_HIDDEN = {"head", "script", "noscript"}
_VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


@dataclass
class Element:
    """An element with the text directly and indirectly in it."""

    tag: str
    attrs: dict[str, str]
    text: str = ""
    inside: list[str] = field(default_factory=list)


class Html(HTMLParser):
    """All elements of a page in their order; wrong nesting is an assertion."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._words: list[str] = []
        self.feed(text)
        self.close()
        assert [element.tag for element in self._open] == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, inside=[e.tag for e in self._open])
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if not _HIDDEN.intersection(element.tag for element in self._open):
            self._words.append(f" {data} ")

    def of(self, tag: str, **attrs: str) -> list[Element]:
        """Return the elements of a kind with these attributes."""
        return [e for e in self.elements if e.tag == tag and attrs.items() <= e.attrs.items()]

    @property
    def words(self) -> str:
        """The text that people read."""
        return re.sub(r"\s+", " ", "".join(self._words)).strip()

    def figure(self, plot: str) -> dict[str, Any]:
        """Return a figure's JSON."""
        (script,) = self.of("script", id=f"{plot}-figure")
        spec: dict[str, Any] = json.loads(script.text)
        return spec

    def check(self) -> None:
        """Assert what holds for every page: one heading of each kind in order, names for all that needs one."""
        ids = [e.attrs["id"] for e in self.elements if "id" in e.attrs]
        assert len(ids) == len(set(ids))
        links = [e.attrs["href"] for e in self.of("a")]
        assert [link for link in links if link.startswith("#") and link[1:] not in ids] == []
        assert [link for link in links if "//" in link] == []
        levels = [int(e.tag[1]) for e in self.elements if re.fullmatch("h[1-6]", e.tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert [e.tag for e in self.of("th") if "scope" not in e.attrs] == []
        assert [
            e for e in self.elements if e.attrs.get("role") in ("img", "region") and not e.attrs["aria-label"]
        ] == []
        assert len(self.of("caption")) == len(self.of("table"))
        assert self.of("html")[0].attrs["lang"] == "en"
        assert self.of("title")[0].text.strip()
