"""The frame of pages: whatever a text holds is shown as text, and nothing beyond the folder is asked for."""

from __future__ import annotations

import re

import pytest

from pipeline.report.assets import BUNDLE
from pipeline.report.page import Block, Column, Facts, Heading, Link, Page, Part, Plot, Section, Table, Text, render
from pipeline.report.plotting import blank
from tests.html_checks import Html

EVIL = "<script>alert(1)</script>\"'&<img src=http://x.example/y>"


def _page(*parts: Part, up: str = "", is_individual: bool = False, script: str = "", text: str = "Page") -> Html:
    page = Page(
        text,
        text,
        [Section("one", text, parts)],
        is_individual,
        up=up,
        home=Link(text, "index.html"),
        script=script,
    )
    html = Html(render(page))
    html.check()
    return html


def test_every_text_is_escaped() -> None:
    """Tags, quotes and ampersands in any text, cell, attribute or figure stay text."""
    figure = blank(title={"text": EVIL})
    html = _page(
        Text(EVIL),
        Heading(EVIL),
        Facts([(EVIL, EVIL)]),
        Table(EVIL, [EVIL, Column(EVIL)], [[EVIL, Link(EVIL, "a.html")]], row_data=[{"site": EVIL}]),
        Plot("plot", figure, EVIL, EVIL),
        Block("details.html", {"summary": EVIL, "text": EVIL}),
        text=EVIL,
    )
    assert html.of("img") == []
    assert [e.text for e in html.of("script") if "alert(1)" in e.text and "id" not in e.attrs] == []
    assert html.figure("plot")["layout"]["title"]["text"] == EVIL
    assert html.of("h1")[0].text == EVIL
    assert html.of("tr")[1].attrs["data-site"] == EVIL
    assert html.words.count("alert(1)") == 17  # each text once


def test_nothing_beyond_the_folder_is_asked_for() -> None:
    """The page's own policy forbids requests, and its only file lies below it."""
    html = _page(Text("a"), up="../..")
    (policy,) = html.of("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attrs["content"].startswith("default-src 'none'")
    assert not re.search(r"https?:|connect-src|\*", policy.attrs["content"])
    assert [e.attrs["src"] for e in html.of("script") if "src" in e.attrs] == [f"../../{BUNDLE}"]
    assert re.fullmatch(r"assets/plotly-[\d.]+\.min\.js", BUNDLE)


def test_individual_pages_say_so() -> None:
    """A page of a single person is marked on top; a shared one is not."""
    assert "not for sharing" in _page(Text("a"), is_individual=True).words
    assert "not for sharing" not in _page(Text("a")).words


@pytest.mark.parametrize("is_time", [True, False])
def test_buttons_of_time_are_there_with_plots_of_time(is_time: bool) -> None:
    """A page whose plots share an axis of time can be moved by buttons; each has a name."""
    html = _page(Plot("plot", blank(height=321), "What it shows", is_time=is_time))
    assert [button.text for button in html.of("button")] == (
        ["Whole night", "Zoom in", "Zoom out", "Earlier", "Later"] if is_time else []
    )
    (plot,) = html.of("div", id="plot")
    assert plot.attrs["style"] == "height: 321px"
    assert (plot.attrs["role"], plot.attrs["aria-label"]) == ("img", "What it shows")


def test_tables_have_heads_for_columns_and_rows() -> None:
    """The first cell of a row names it; numbers stand to the right; nothing is an empty cell."""
    html = _page(Table("Caption", ["name", Column("n", is_number=True)], [["a", 1], ["b", None]], id="rows"))
    assert [(e.text, e.attrs["scope"]) for e in html.of("th")] == [
        ("name", "col"),
        ("n", "col"),
        ("a", "row"),
        ("b", "row"),
    ]
    assert [(e.text, e.attrs) for e in html.of("td")] == [("1", {"class": "number"}), ("", {"class": "number"})]
    assert html.of("table")[0].attrs == {"id": "rows"}


def test_script_of_a_page_comes_last() -> None:
    """A page's own script follows the shared one."""
    html = _page(Text("a"), script="const own = 1 < 2 && 3;")
    assert html.of("script")[-1].text.rstrip().endswith("const own = 1 < 2 && 3;")
