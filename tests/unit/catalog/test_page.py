"""docs/catalog.md: every command and example on it runs, and its columns are those of the tables."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipeline.catalog.columns import TABLES
from tests.command_line import environment, in_process

PAGE = (Path(__file__).parents[3] / "docs" / "catalog.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def column_tables() -> str:
    """Return the part of the page that lists the columns."""
    text = ""
    for name, columns in TABLES.items():
        text += f"\n| `{name}.parquet` | type | unit | |\n|---|---|---|---|\n"
        text += "".join(f"| `{c}` | {row.type} | {row.unit} | {row.text} |\n" for c, row in columns.items())
    return text + "\n"


@pytest.fixture(scope="module")
def folder(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``stores``, in which the page's commands have run."""
    place = tmp_path_factory.mktemp("page")
    shutil.copytree(converted, place / "stores")
    for line in "".join(blocks("bash")).splitlines():
        done = in_process(*shlex.split(line)[1:], cwd=place)
        assert (line, done.returncode, done.stderr) == (line, 0, "")
    return place


def test_columns_are_those_of_the_tables() -> None:
    """The page lists every column with type, unit and meaning."""
    found = re.search(r"<!-- columns: begin -->\n(.*)<!-- columns: end -->", PAGE, re.DOTALL)
    assert found is not None
    assert found.group(1) == column_tables()


def test_files_are_those_of_the_page(folder: Path) -> None:
    """What a build leaves beside the cohorts is what the page lists."""
    listed = re.findall(r"`([\w.]+\.(?:parquet|md|tsv|json))`", PAGE.split("## The files")[1].split("All but")[0])
    assert sorted(listed) == sorted(path.name for path in (folder / "stores").iterdir() if path.is_file())


def test_examples_in_python_run(folder: Path) -> None:
    """Each piece runs by itself where the commands have run; only Polars, or our one module, is imported."""
    for code in blocks("python"):
        code = code.replace("synthetic/0001", (folder / "splits.tsv").read_text().split()[-1])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_example_in_sql_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB opens the catalog as the page says, and both tables join."""
    monkeypatch.chdir(folder)
    (query,) = blocks("sql")
    assert [row[:2] for row in duckdb.sql(query).fetchall()] == [("synthetic", 2)]
    joined = duckdb.sql(
        "SELECT count(*), count(DISTINCT recording) FROM 'stores/channels.parquet' JOIN 'stores/catalog.parquet' "
        "USING (recording)"
    )
    n_channel = duckdb.sql("SELECT sum(len(channels)) FROM 'stores/catalog.parquet'").fetchall()[0][0]
    assert joined.fetchall() == [(n_channel, 4)]


def test_pandas_opens_the_tables(folder: Path) -> None:
    """So does pandas, through pyarrow: the same rows and columns."""
    for name, columns in TABLES.items():
        table = pd.read_parquet(folder / "stores" / f"{name}.parquet")
        assert list(table.columns) == list(columns)
        assert table["recording"].nunique() == 4


def test_without_polars_the_command_says_what_to_install(tmp_path: Path) -> None:
    """Polars comes with an extra; the error names it."""
    code = (
        "import sys\n"
        "class NoPolars:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'polars':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoPolars())\n"
        "from flows.cli import main\n"
        "sys.argv = ['sleep2vec', 'catalog', 'query', '.', 'hours > 1']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "pip install 'sleep2vec[catalog]'" in done.stderr) == (2, True), done.stderr
