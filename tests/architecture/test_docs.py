"""What a new reader is told: links lead somewhere, commands are real, tables say what the program says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import flows.cli
from pipeline.manifests.load import load_manifest, shipped_manifests
from schemas.findings import FINDINGS
from schemas.kinds import KINDS, kind_of_channel
from schemas.manifest import CohortManifest
from schemas.store import SPEC, SPEC_VERSION
from schemas.vocabulary import Modality

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "data" / "README.md"])
GUIDES = [page for page in PAGES if page.name not in {"CHANGELOG.md", "CONTRIBUTING.md"}]


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Links


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where Markdown is shown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _resolves(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and (not anchor or anchor in _anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link within the project has a file, and the heading that it names."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    inner = [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]
    assert [link for link in inner if not _resolves(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_named_pages_are_there(page: Path) -> None:
    """A page that is named in plain text exists, too."""
    named = re.findall(r"(?<![\w/])docs/[\w/-]+\.(?:md|yaml|json)", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_index_of_decisions_is_complete() -> None:
    """docs/adr/README.md lists every decision once, under its own title."""
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


# Commands


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every command line that a page shows; whoever pastes it gets what is parsed here."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*lines, *inline]:
        found = re.match(r"(?:\$ )?sleep2vec (.+)", line)
        if found and " | " not in line and line != SPEC:
            yield shlex.split(found.group(1).split(" > ")[0], comments=True)


def _wrong(arguments: list[str]) -> str | None:
    """Say what the command line would refuse, paths aside, or nothing."""
    command: click.Command = flows.cli.cli
    context = click.Context(command)
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest.pop(0))
        if found is None:
            return f"no such command: {arguments}"
        command, context = found, click.Context(found, parent=context)
    if not rest:  # a command that is only named
        return None
    try:
        values, left, _ = command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return f"{arguments}: {error.message}"
    lacking = [param.name for param in command.params if param.required and values.get(str(param.name)) is None]
    return f"{arguments}: lacks {lacking}, does not want {left}" if lacking or left else None


@pytest.mark.parametrize("page", GUIDES, ids=_id)
def test_command_lines_are_real(page: Path) -> None:
    """Commands, options and the number of arguments are those of the program."""
    assert [wrong for line in _commands(page.read_text("utf-8")) if (wrong := _wrong(line))] == []


def test_wrong_command_lines_are_noticed() -> None:
    """The check above does see a wrong command, a wrong option, a lacking and a superfluous argument."""
    lines = (
        "sleep2vec konvert",
        "sleep2vec status OUT --jsn",
        "sleep2vec convert shhs --root DIR",
        "sleep2vec status A B",
    )
    assert [bool(_wrong(arguments)) for line in lines for arguments in _commands(f"`{line}`")] == [True] * 4


def _leaves(group: click.Group, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every command with its arguments, and its one line."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{name}{word} ")
        else:
            arguments = [
                param.make_metavar(context) for param in command.params if param.param_type_name == "argument"
            ]
            line = flows.cli._COMMANDS.get(word) if not name else command.get_short_help_str(limit=1000)
            yield " ".join([f"{name}{word}", *arguments]), str(line)


def test_tree_of_commands_is_that_of_the_program() -> None:
    """README has each command with its arguments and its line of help, in the order of --help."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \|$", README, re.MULTILINE)
    assert [row for row in rows if row[0].split()[0] in flows.cli._COMMANDS] == list(_leaves(flows.cli.cli))


def test_exit_codes_are_those_of_the_program() -> None:
    """README and the command line's own page list the same codes."""
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    assert codes == [
        int(code) for code in re.findall(r"(\d+) (?=[a-z])", str(flows.cli.__doc__).split("codes:")[1])
    ]


# Tables


def _channels(manifest: CohortManifest, modality: Modality) -> str:
    """Return the channel of a modality that a manifest prefers, and how many more it knows."""
    names = [r.channel for r in manifest.montage if KINDS[kind_of_channel(r.channel)].modality == modality]
    first, *others = dict.fromkeys(names) or [""]
    return f"`{first}`" + (f" +{len(others)}" if others else "") if first else "–"


def cohort_table() -> str:
    """Return the table cohorts × modalities in Markdown, from the shipped manifests."""
    manifests = [load_manifest(name) for name in shipped_manifests()]
    kinds = [m for m in Modality if any(_channels(manifest, m) != "–" for manifest in manifests)]
    rows = [["cohort", "release", *kinds], ["---"] * (len(kinds) + 2)]
    for manifest in manifests:
        channels = [_channels(manifest, modality) for modality in kinds]
        rows.append([f"`{manifest.cohort}`", manifest.terms.release, *channels])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def test_cohorts_and_channels_are_those_of_the_manifests() -> None:
    """README's table is what the manifests say."""
    assert cohort_table() in README, f"README needs this table:\n{cohort_table()}"


def test_printed_dataset_is_a_store_of_this_version() -> None:
    """README shows the specification that is written now."""
    assert re.findall(r"spec_version: +(\d+)", README) == [str(SPEC_VERSION)]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_codes_of_findings_exist(page: Path) -> None:
    """Every code of a finding on a page is in the table."""
    named = set(re.findall(r"PSG-[A-Z]\d{3}", page.read_text("utf-8")))
    assert sorted(named - set(FINDINGS)) == []
