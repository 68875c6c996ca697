"""The wheel, installed elsewhere and run from an empty folder.

An editable install exposes the whole checkout; only a real one shows what was forgotten.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.system


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a user's pip would, but without a download."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q", "-w")
    _run(sys.executable, "-m", "pip", "wheel", *options, folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; dependencies are lent by the present one, after it was installed."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    python = home / "bin" / "python"
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "-q")
    _run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=home.parent)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_metadata(wheel: Path) -> None:
    """Name, licence, command and supported versions stand in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode()
        commands = archive.read(f"{folder}/entry_points.txt").decode()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert {"Name: sleep2vec", "License-Expression: Apache-2.0", "Requires-Python: <3.14,>=3.11"} <= {
        *metadata.splitlines()
    }
    assert "sleep2vec = flows.cli:main" in commands


def test_packages_are_those_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Nothing is imported from the checkout."""
    packages = ("schemas", "pipeline", "model", "flows", "data_manifests")
    code = "\n".join(f"import {name}; print({name}.__file__)" for name in packages)
    shown = _run(installed / "python", "-c", code, cwd=tmp_path)
    assert [line for line in shown.splitlines() if not line.startswith(str(installed.parent))] == []


def test_help(installed: Path, tmp_path: Path) -> None:
    """The command is there and explains itself."""
    assert "convert" in _run(installed / "sleep2vec", "--help", cwd=tmp_path)


def test_manifests_are_found_by_name(installed: Path, tmp_path: Path) -> None:
    """Shipped manifests need no path."""
    shipped = (ROOT / "data_manifests" / "shhs.yaml").read_text("utf-8")
    assert shipped.strip() in _run(installed / "sleep2vec", "manifest", "show", "shhs", cwd=tmp_path)


def test_demo_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """The whole job, with data that the wheel brought along; nothing is left in the folder but the output."""
    options = ("--nights", "1", "--hours", "0.5", "--workers", "1", "--out", "made")
    shown = _run(installed / "sleep2vec", "demo", *options, cwd=tmp_path)
    assert "sleep_edf" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
