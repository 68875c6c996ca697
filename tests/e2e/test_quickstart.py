"""The quickstart of README.md, command by command, as a new user would paste it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from tests.command_line import environment, sleep2vec
from tests.notebooks import run_notebook

DOCS = Path(__file__).parents[2] / "docs"
README = (DOCS.parent / "README.md").read_text("utf-8")
QUICKSTART = README.split("## Quickstart")[1].split("\n## ")[0]
(COMMANDS,) = re.findall(r"```bash\n(.*?)```", QUICKSTART, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", QUICKSTART, re.DOTALL)
SHOWN = re.search(r"```\n(<xarray.Dataset>.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """The folder in which every command of the quickstart was run, and their exit codes."""
    folder = tmp_path_factory.mktemp("quickstart")
    lines = [shlex.split(line)[1:] for line in COMMANDS.strip().splitlines()]
    return folder, [sleep2vec(*line, cwd=folder).returncode for line in lines]


def test_every_command_ends_well(done: tuple[Path, list[int]]) -> None:
    """Nothing on the first page fails."""
    assert set(done[1]) == {0}


def test_five_lines_print_what_the_page_shows(done: tuple[Path, list[int]]) -> None:
    """The last line on the page, a figure, is the one that comes out; xarray is all that is imported."""
    assert SHOWN is not None
    code = ["-W", "error", "-c", PYTHON]
    shown = subprocess.run(
        [sys.executable, *code], cwd=done[0], env=environment(), capture_output=True, text=True, check=True
    )
    assert re.findall(r"^import (\w+)", PYTHON, re.MULTILINE) == ["xarray"]
    assert shown.stdout.splitlines()[-1] == SHOWN.group(1).splitlines()[-1]


def test_examples_for_readers_run(done: tuple[Path, list[int]]) -> None:
    """Every piece of docs/read-the-stores.md runs after the others on the quickstart's output."""
    pieces = re.findall(r"```python\n(.*?)```", (DOCS / "read-the-stores.md").read_text("utf-8"), re.DOTALL)
    told = (
        "print(n3.sizes['epoch'] > 0, lost.any().item(), len(events) > 0, n_apnea is not None, eeg, clock_s.size)"
    )
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:Consolidated metadata", "-c", "\n".join([*pieces, told])],
        cwd=done[0],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.stderr, shown.stdout) == ("", "True False True True eeg_c4_m1 60\n")


def test_printed_dataset_is_the_real_one(done: tuple[Path, list[int]]) -> None:
    """Dimensions, types and sizes of the arrays on the page are those of the store."""
    assert SHOWN is not None
    (path,) = re.findall(r'open_zarr\("([^"]+)"', PYTHON)
    ds = xr.open_zarr(done[0] / path, chunks=None)
    rows = re.findall(r"^ +(?:\* )?(\w+) +\(([\w, ]+)\) ([\w()]+) ", SHOWN.group(1), re.MULTILINE)
    arrays = {name: (str(ds[name].dims[0]), *map(str, ds[name].dims[1:])) for name, _, _ in rows}
    assert len(rows) > 12
    assert {name: tuple(dims.split(", ")) for name, dims, _ in rows} == arrays
    assert {name: dtype for name, _, dtype in rows} == {name: str(ds[name].dtype) for name, _, _ in rows}
    assert dict(ds.sizes) == {name: int(n) for name, n in re.findall(r"(\w+): (\d+)[,)]", SHOWN.group(1))}


def test_notebook_runs(done: tuple[Path, list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of docs/notebooks/look-at-a-night.ipynb runs and shows something; it is kept without outputs."""
    path = DOCS / "notebooks" / "look-at-a-night.ipynb"
    monkeypatch.chdir(done[0])
    night, whole, part, spread, usable, found, indices = run_notebook(path)
    assert night._repr_html_().startswith("<p><strong>synthetic/synthetic-visit1-0001</strong> 0.50 h in 60 epochs")
    assert {trace.type for trace in whole.data} == {"scatter", "heatmap"}
    assert part.layout.xaxis.range == whole.layout.xaxis.range
    assert 1 < float(spread) < 100
    assert (usable.size, found[0][0][:4]) == (23, "PSG-")
    assert indices["tst_min"] <= 30
    assert [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell.get("outputs")] == []
