"""The frame of every page: title, sections of text, tables and figures, rendered to one HTML file.

A page is data; templates below ``templates/`` turn it into HTML and escape every text, whatever it holds. It asks
for nothing beyond its folder (its own security policy forbids it), works from a disk, on paper, by keyboard and
with a screen reader. Figures are Plotly's; its program is one file that all pages share, see
`pipeline.report.assets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report.assets import BUNDLE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Facts",
    "Heading",
    "Link",
    "Page",
    "Part",
    "Plot",
    "Section",
    "Table",
    "Text",
    "render",
]

_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Link:
    """A cell or value that leads to another page, by a path relative to this one."""

    text: str
    href: str


Cell = str | int | float | Link | None


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Facts:
    """Names and what they are, e.g. of a recording: a short list, not a table."""

    rows: Sequence[tuple[str, Cell]]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Column:
    """A table's column; numbers stand to the right."""

    name: str
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it.

    Parameters
    ----------
    caption : str
        What is in it; read out before it.
    columns : sequence of Column or str
    rows : sequence of sequence of Cell
        Numbers as they shall be shown; None is an empty cell.
    id : str
        For scripts of the page; none without.
    row_data : sequence of mapping
        ``data-`` attributes of every row, for scripts that filter; none without.
    """

    caption: str
    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Cell]]
    id: str = ""
    row_data: Sequence[Mapping[str, str]] = ()
    kind: str = field(default="table", init=False)

    @property
    def heads(self) -> list[Column]:
        """The columns, all of the same type."""
        return [column if isinstance(column, Column) else Column(column) for column in self.columns]


@dataclass(frozen=True)
class Plot:
    """A figure.

    Parameters
    ----------
    id : str
        Unique on the page; letters, digits and hyphens.
    figure : plotly.graph_objects.Figure
        With its height; the width is the page's.
    label : str
        What a person is told who cannot see it: what it shows, and its main numbers.
    caption : str
        How to read it.
    is_time : bool
        Whether its x axis is the night's time: such figures of a page are zoomed together.
    """

    id: str
    figure: Figure
    label: str
    caption: str = ""
    is_time: bool = False
    kind: str = field(default="plot", init=False)

    @property
    def height_px(self) -> int:
        """The figure's height, so that nothing moves when it is drawn."""
        return int(self.figure.layout.height or 450)

    @property
    def spec(self) -> str:
        """The figure as JSON that may stand within a script element."""
        text: str = self.figure.to_json(validate=False)
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@dataclass(frozen=True)
class Block:
    """Anything else: a template below ``templates/`` and the values that it shows."""

    template: str
    values: Mapping[str, Any]
    kind: str = field(default="block", init=False)


Part = Text | Heading | Facts | Table | Plot | Block


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Parameters
    ----------
    id : str
        The anchor; letters, digits and hyphens.
    """

    id: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """One page.

    Parameters
    ----------
    title : str
        Also its heading.
    lead : str
        One or two sentences below it.
    sections : sequence of Section
    is_individual : bool
        Whether it shows single persons; it then says on top that it is not to be shared.
    up : str
        The way from the page's folder to that of the report, e.g. ``../..``; empty where it lies there.
    home : Link, optional
        The page above this one.
    script : str
        More JavaScript, run after the figures have been asked for.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    is_individual: bool
    up: str = ""
    home: Link | None = None
    script: str = ""

    @property
    def has_time(self) -> bool:
        """Whether there is a night's time to move in."""
        return any(isinstance(part, Plot) and part.is_time for s in self.sections for part in s.parts)


def render(page: Page) -> str:
    """Return a page as HTML."""
    bundle = f"{page.up}/{BUNDLE}" if page.up else BUNDLE
    template = _environment().get_template("page.html")
    return template.render(page=page, bundle=bundle)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["link"] = lambda value: isinstance(value, Link)
    return environment
