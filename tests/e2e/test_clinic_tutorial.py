"""The tutorial on a made-up clinic, followed to the letter: its answers are real, its stores are the truth."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.api import open_recording
from pipeline.manifests.load import load_manifest, shipped_manifests
from tests.clinic import NIGHTS, write_clinic
from tests.cohorts.build import check
from tests.command_line import in_process

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial-clinic.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
MOST_COMMANDS = 10


@dataclass(frozen=True)
class Answer:
    """What a command says on the page, and what it said; for files, what is shown and what is in them."""

    shown: str
    real: str

    @property
    def holds(self) -> bool:
        """Whether the two are equal; an ellipsis on the page stands for any number of lines."""
        lines = [line.rstrip() for line in self.shown.splitlines()]
        pattern = "\n".join(".*" if line.endswith("…") else re.escape(line) for line in lines)
        return (
            re.fullmatch(pattern, "\n".join(line.rstrip() for line in self.real.splitlines()), re.DOTALL)
            is not None
        )


@dataclass(frozen=True)
class Followed:
    """The folder in which every step was done, and what was answered."""

    place: Path
    commands: list[list[str]]
    answers: list[Answer]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Do what the page says, from its first to its last block, beginning with what the clinic hands over."""
    place = tmp_path_factory.mktemp("place")
    write_clinic(place / "klinik")
    manifest = place / "waldblick.yaml"
    done = Followed(place, [], [])
    for language, text in BLOCKS:
        heading, _, body = text.partition("\n")
        if language == "console":
            words = shlex.split(heading.removeprefix("$ "))
            done.commands.append(words)
            ran = in_process(*words[1:], cwd=place)
            done.answers.append(Answer(body, ran.stdout if ran.returncode == 0 else ran.stdout + ran.stderr))
        elif heading == "# waldblick.yaml, as drafted":
            done.answers.append(Answer(f"…\n{body}…", manifest.read_text("utf-8")))
        elif heading == "# waldblick.yaml, the whole file":
            manifest.write_text(body, "utf-8")
        elif heading == "# waldblick.yaml, one line more":
            section = body.partition("\n")[0] + "\n"
            manifest.write_text(manifest.read_text("utf-8").replace(section, body), "utf-8")
    return done


def test_answers_are_those_on_the_page(followed: Followed) -> None:
    """Whoever follows the page sees what it shows, the draft included."""
    assert [answer for answer in followed.answers if not answer.holds] == []


def test_ten_commands_and_no_python(followed: Followed) -> None:
    """A new cohort takes an editor and a few commands of one program."""
    assert len(followed.commands) <= MOST_COMMANDS
    assert {words[0] for words in followed.commands} == {"sleep2vec"}


@pytest.mark.parametrize("name", NIGHTS)
def test_night_becomes_its_truth(followed: Followed, name: str) -> None:
    """Channels, stages, events, age and sex are those of the generator."""
    check(open_recording(followed.place / "stores" / "waldblick" / f"{name}.zarr"), NIGHTS[name].truth)


def test_files_are_those_on_the_page(followed: Followed) -> None:
    """The page shows the clinic's files as they are."""
    paths, scoring, persons = (text for language, text in BLOCKS if language == "text")
    assert [line for line in paths.splitlines() if not (followed.place / line.removesuffix("…")).exists()] == []
    klinik = followed.place / "klinik"
    night = (klinik / "Naechte/S014/Nacht1/Auswertung.csv").read_text("latin-1")
    assert Answer(f"{scoring}…", night).holds
    assert Answer(f"{persons}…", (klinik / "Stammdaten.csv").read_text("utf-8")).holds


def test_nothing_of_it_was_known(followed: Followed) -> None:
    """No shipped manifest has a label of the clinic: what was mapped, the page mapped."""
    known = {c.label for name in shipped_manifests() for rule in load_manifest(name).montage for c in rule.choices}
    mapped = load_manifest(str(followed.place / "waldblick.yaml")).montage
    assert known.intersection(choice.label for rule in mapped for choice in rule.choices) == set()
