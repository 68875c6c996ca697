"""The command line from outside: exit codes, help, JSON, and what it says to wrong use."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.synth import synthesise
from pipeline.synth.faults import FAULTS
from pipeline.write.ledger import read_ledger
from tests.command_line import COMMAND, environment, in_process, sleep2vec

COMMANDS = (
    *("demo", "synth", "scan", "manifest", "convert", "report", "status", "quarantine", "gc", "inspect", "verify"),
    *("catalog", "splits", "shards", "pretrain", "finetune", "evaluate", "experiment", "embed", "stage"),
    *("nightly", "serve", "deploy"),
)
MANIFESTS = Path(__file__).parents[2] / "data_manifests"
MANIFEST_COMMANDS = ("check", "list", "new", "page", "schema", "show")


def answer(*arguments: object, cwd: Path, code: int = 0) -> Any:
    """Run a command with --json and return what it says."""
    done = in_process(*arguments, "--json", cwd=cwd)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    return json.loads(done.stdout)


# --- help ---------------------------------------------------------------------------------------------------


def test_the_group_lists_every_command(tmp_path: Path) -> None:
    """--help, -h and the version; without a command there is the help and the code for wrong use."""
    done = sleep2vec("--help", cwd=tmp_path)
    listed = re.findall(r"^  (\w+)", done.stdout.partition("Commands:")[2], re.MULTILINE)
    assert (done.returncode, tuple(listed)) == (0, COMMANDS)
    assert done.stdout == sleep2vec("-h", cwd=tmp_path).stdout
    assert sleep2vec("--version", cwd=tmp_path).stdout.startswith("sleep2vec 0.")
    assert sleep2vec(cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", [*((c,) for c in COMMANDS), *(("manifest", c) for c in MANIFEST_COMMANDS)])
def test_every_command_explains_itself(command: tuple[str, ...], tmp_path: Path) -> None:
    """--help says how it is called and, in whole sentences, what it does."""
    done = sleep2vec(*command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    usage, what, *_ = done.stdout.split("\n\n")
    assert usage.startswith(f"Usage: sleep2vec {' '.join(command)} [OPTIONS]")
    assert what.strip().endswith(".")
    assert os.listdir(tmp_path) == []


# --- a cohort with failures ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a download ``in`` of one sound and two broken recordings; commands run in it."""
    place = tmp_path_factory.mktemp("place")
    faults = ["missing_subject_row", "truncated", "blank_unit"]
    synthesise(place / "in", recipe="synthetic", nights=0, hours=0.05, seed=3, faults=faults)
    return place


@pytest.fixture(scope="module")
def converted_place(place: Path) -> Path:
    """The same, with the download converted to ``out``; it finishes although some failed, which is code 3."""
    done = sleep2vec("convert", "synthetic", "--root", "in", "--out", "out", cwd=place)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["failed edf_truncated", "failed unit_missing"]
    assert lines[-2:] == [
        "1 converted_with_findings, 2 failed (1 now, 0 unchanged)",
        "next: sleep2vec quarantine list out",
    ]
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["1/3", "2/3", "3/3"]
    return place


def test_a_dry_run_writes_nothing(place: Path, tmp_path: Path) -> None:
    """It says what would be done to each recording, and why."""
    done = answer("convert", "synthetic", "--root", place / "in", "--out", tmp_path / "o", "--dry-run", cwd=place)
    assert {row["recording"]: (row["decision"], row["why"]) for row in done} == {
        f"synthetic/synthetic-visit1-000{n}": ("convert", "not converted yet") for n in (1, 2, 3)
    }
    assert os.listdir(tmp_path) == []


def test_json_of_scan_and_check(place: Path) -> None:
    """A census with labels, and a readiness that tells what would fail: from headers alone, code 3."""
    census = answer("scan", "synthetic", "--root", "in", cwd=place)
    assert (census["n_recordings"], census["n_would_convert"]) == (3, 1)
    assert {"EEG C4-M1", "SpO2"} <= {row["label"] for row in census["labels"]}
    ready = answer("manifest", "check", "synthetic", "--root", "in", cwd=place, code=3)
    assert {reason: row["n"] for reason, row in ready["would_fail"].items()} == {
        "edf_truncated": 1,
        "unit_missing": 1,
    }
    assert answer("manifest", "check", "synthetic", cwd=place)["valid"] is True


def test_json_of_manifests(place: Path) -> None:
    """The list, one manifest, and the schema of them all."""
    listed = answer("manifest", "list", cwd=place)
    shipped = {path.stem for path in MANIFESTS.glob("[!_]*.yaml")}
    assert {"mesa", "shhs", "synthetic"} <= shipped == {row["name"] for row in listed}
    assert answer("manifest", "show", "mesa", cwd=place)["cohort"] == "mesa"
    schema = json.loads(in_process("manifest", "schema", cwd=place).stdout)
    assert {"cohort", "layout", "montage"} <= set(schema["properties"])


def test_json_of_status_inspect_and_verify(converted_place: Path) -> None:
    """What is in an output, in a store of it, in the header of an EDF; and that it is sound."""
    status = answer("status", "out", "--failed", cwd=converted_place)
    assert status["cohorts"] == {"synthetic": {"converted_with_findings": 1, "failed": 2}}
    assert [row["reason"] for row in status["failed"]] == ["edf_truncated", "unit_missing"]
    store = answer("inspect", "out/synthetic/synthetic-visit1-0001.zarr", cwd=converted_place)
    assert store["recording"] == "synthetic/synthetic-visit1-0001"
    assert "ecg" in {row["channel"] for row in store["channels"]}
    of_output = in_process("inspect", "out", cwd=converted_place)
    assert (of_output.returncode, "name a store in it, out/COHORT/KEY.zarr" in of_output.stderr) == (2, True)
    header = answer(
        "inspect",
        next((converted_place / "in").rglob("*0001.edf")).relative_to(converted_place),
        cwd=converted_place,
    )
    assert "ECG" in {row["label"] for row in header["channels"]}
    verified = answer("verify", "out", cwd=converted_place)
    assert (verified["n_stores"], verified["problems"]) == (1, [])


def test_a_second_run_has_nothing_to_do_but_the_failures(converted_place: Path) -> None:
    """What is good is kept, what failed is tried again, and the code stays 3."""
    report = answer("convert", "synthetic", "--root", "in", "--out", "out", cwd=converted_place, code=3)
    assert (report["n_converted"], report["n_unchanged"]) == (0, 1)
    assert [row["reason"] for row in report["failed"]] == ["edf_truncated", "unit_missing"]


def test_damage_is_code_5(converted_place: Path, tmp_path: Path) -> None:
    """verify names recording, rule and file, and what to do."""
    shutil.copytree(converted_place / "out", tmp_path / "out")
    (tmp_path / "out" / "synthetic" / "synthetic-visit1-0001.zarr" / "thor" / "c" / "0" / "0").unlink()
    done = sleep2vec("verify", "out", cwd=tmp_path)
    assert done.returncode == 5
    first, *_, last = done.stdout.splitlines()
    assert first == "synthetic/synthetic-visit1-0001: V2 thor/c/0/0: the file is missing"
    assert last.startswith("next: ")


def test_synth_counts_the_broken_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds broken recordings is told how many lie there, and how many of them are broken."""
    monkeypatch.setattr("pipeline.synth.cohort.FAULTS", {name: FAULTS[name] for name in ("odd_time", "truncated")})
    done = in_process("synth", "new", "--nights", "1", "--hours", "0.05", "--faults", cwd=tmp_path)
    assert done.stdout.startswith("1 recordings and 2 broken ones below new;"), done.stdout
    assert len(list((tmp_path / "new").rglob("*.edf"))) == 3


# --- wrong use ----------------------------------------------------------------------------------------------

WRONG = {  # arguments: (code, what the last line of stderr says)
    "convert shhs --root in": (2, "Missing option '--out'"),
    "convert shhs --root nowhere --out o": (2, "'nowhere' does not exist"),
    "convert shhs --root in --out o --workers 0": (2, "is not in the range x>=1"),
    "convert synthetic --root in --out o --only zz*": (2, "no recording matches 'zz*'"),
    "convert mesa --root in --out o": (2, "no file fits the layout"),
    "convert shss --root in --out o": (4, "Did you mean 'shhs'?"),
    "convert broken.yaml --root in --out o": (4, "not valid YAML"),
    "scan typo.yaml --root in": (4, "unknown key 'layuot'; did you mean 'layout'?"),
    "convert synthetic --root in --out file/o": (1, "the output folder cannot be used"),
    "verify in": (2, "no recording stores here"),
    "status in": (2, "no ledger here"),
    "inspect in": (2, "no recording store here"),
    "inspect file": (2, "file: the file is empty"),
    "synth in": (2, "not empty"),
    "synth new --cohort nobody": (2, "choose from mesa, shhs, synthetic"),
    "demo --out in": (2, "not empty"),
    "covert": (2, "No such command 'covert'"),
    "status in --jsn": (2, "Did you mean '--json'?"),
}


@pytest.mark.parametrize("command", WRONG)
def test_wrong_use_is_told_in_words(place: Path, command: str) -> None:
    """The code is that of the kind of mistake, the text names it, and there is no traceback and nothing written."""
    (place / "file").touch()
    (place / "broken.yaml").write_text("cohort: [")
    (place / "typo.yaml").write_text("manifest_version: 1\nlayuot: {}\n")
    before = set(os.listdir(place))
    done = in_process(*command.split(), cwd=place)
    code, words = WRONG[command]
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert set(os.listdir(place)) == before


def test_an_internal_error_is_code_1_and_keeps_its_text_to_itself(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places and class are shown, because they help; what the exception says could be about a person."""

    def fail(*_: object) -> None:
        raise ValueError("Jane Doe is not a number")

    monkeypatch.setattr("pipeline.scan.folder.find_recordings", fail)
    done = in_process("scan", "synthetic", "--root", "in", cwd=place)
    assert done.returncode == 1
    assert done.stderr.endswith("sleep2vec: internal error (ValueError): please report the lines above\n")
    assert "test_cli.py" in done.stderr
    assert "Doe is" not in done.stderr.replace('raise ValueError("Jane Doe is not a number")', "")


# --- Ctrl-C -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_code_130_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Interrupted after the first recording, a run leaves whole stores only and says how to go on."""
    synthesise(tmp_path / "in", recipe="shhs", nights=5, hours=0.1, seed=3)
    arguments = ("convert", "shhs", "--root", "in", "--out", "out")
    running = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/5 ")
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told.splitlines()[-1] == "sleep2vec: interrupted; run the same command again to go on"
    done = len(read_ledger(tmp_path / "out").rows)
    assert 1 <= done < 5
    assert len(os.listdir(tmp_path / "out" / "shhs")) == done
    report = answer(*arguments, cwd=tmp_path)
    assert (5 - done, done, 0) == (report["n_converted"], report["n_unchanged"], report["n_leftover"])
