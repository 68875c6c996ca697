"""Who may import what: one way down the packages, one door for each dependency, small budgets."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("schemas", "pipeline", "model", "flows")  # each may import those before it
FILES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))

# The doors: which modules may import a dependency. A dependency without a door here may not be imported at all.
DOORS: dict[str, tuple[str, ...]] = {
    "numpy": ("schemas", "pipeline", "model", "flows"),
    "pydantic": (
        "schemas",
        "pipeline.manifests.load",
        "pipeline.synth",
        "model.config",
        "model.checkpoint",
        "flows.conversion",
        "flows.verify",
    ),
    "xarray": ("pipeline", "model", "flows"),
    "scipy": ("pipeline",),
    "yaml": ("pipeline.manifests.load", "pipeline.synth", "flows.commands.experiment"),
    "edfio": ("pipeline.read", "pipeline.synth"),
    "pyedflib": ("pipeline.read", "pipeline.synth"),
    "mne": ("pipeline.read", "pipeline.synth", "model.experiments.baseline_yasa"),
    "yasa": ("model.experiments.baseline_yasa",),
    "defusedxml": ("pipeline.read",),
    "xlrd": ("pipeline.read",),
    "openpyxl": ("pipeline.read",),
    "h5py": ("pipeline.read",),
    "wfdb": ("pipeline.read",),
    "upath": ("pipeline.files.places",),
    "fsspec": ("pipeline.files.places",),
    "aiobotocore": ("pipeline.files.s3_session",),
    "zarr": ("pipeline.write", "pipeline.shards", "pipeline.verify.store", "pipeline.api"),
    "numcodecs": ("pipeline.write", "pipeline.shards"),
    "google_crc32c": ("pipeline.write", "pipeline.shards"),
    "polars": ("pipeline.catalog", "pipeline.drift", "pipeline.report", "pipeline.shards"),
    "neurokit2": ("pipeline.derive",),
    "sleepecg": ("pipeline.derive",),
    "matplotlib": ("pipeline.report", "model.experiments.result", "flows.figures"),
    "plotly": ("pipeline.report", "pipeline.opened"),
    "jinja2": ("pipeline.report",),
    "dask": ("pipeline.batch.dask_executor",),
    "distributed": ("pipeline.batch.dask_executor",),
    "prefect": ("flows.orchestration",),
    "click": ("flows",),
    "rich": ("flows",),
    "torch": ("model",),
    "safetensors": ("model",),
    "sklearn": ("model.experiments",),
}
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "upath": "universal-pathlib",
    "google_crc32c": "google-crc32c",
    "sklearn": "scikit-learn",
    "aiobotocore": "s3fs",  # which is built on it
}  # where the import has another name

# What importing a module must not bring with it: seconds of start-up, or a dependency that may be absent.
HEAVY = ("torch", "prefect", "neurokit2", "sleepecg", "mne", "pyedflib", "matplotlib", "plotly", "dask")
SIGNALS = ("scipy", "pandas", "xarray", "zarr", "edfio")  # xarray brings pandas
BUDGETS: dict[str, tuple[str, ...]] = {
    **{f"schemas.{path.stem}": (*HEAVY, *SIGNALS) for path in sorted((ROOT / "schemas").glob("[a-z]*.py"))},
    "pipeline.api": HEAVY,
    "pipeline.harmonise": HEAVY,
    "pipeline.manifests.load": (*HEAVY, *SIGNALS),
    "flows.cli": (*HEAVY, *SIGNALS),
}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Return every module that a file imports, those inside functions and those named as text included."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports go by full name"
            names.append(node.module or "")
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            names += [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return tuple(names)


def _inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    """A package imports itself and those below it, never one above."""
    above = LAYERS[LAYERS.index(layer) + 1 :]
    files = [path for path in FILES if _module(path).startswith(layer)]
    assert [(_module(p), name) for p in files for name in _imports(p) if _inside(name, above)] == []


def test_folders_of_the_pipeline_make_no_circle() -> None:
    """Each folder can be understood after those that it imports; a circle is named."""
    inside = [path for path in FILES if _module(path).startswith("pipeline.") and path.parent != ROOT / "pipeline"]
    below: dict[str, set[str]] = {_module(path).split(".")[1]: set() for path in inside}
    for path in inside:
        folder = _module(path).split(".")[1]
        named = {name.split(".")[1] for name in _imports(path) if name.startswith("pipeline.")}
        below[folder] |= named & below.keys() - {folder}
    assert set(TopologicalSorter(below).static_order()) == below.keys()


@pytest.mark.parametrize("dependency", DOORS)
def test_one_door_for_a_dependency(dependency: str) -> None:
    """A dependency is imported where its door is and nowhere else."""
    importers = {_module(p) for p in FILES if any(name.split(".")[0] == dependency for name in _imports(p))}
    assert sorted(m for m in importers if not _inside(m, DOORS[dependency])) == []


def test_every_dependency_has_a_door_and_a_declaration() -> None:
    """What is imported is in the table above and in pyproject.toml, so that an installation is complete."""
    names = {name.split(".")[0] for path in FILES for name in _imports(path) if name}
    foreign = names - set(sys.stdlib_module_names) - {*LAYERS, "data_manifests"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {line.split(">")[0].split("=")[0] for line in [*project["dependencies"], *extras]}
    assert foreign - set(DOORS) == set()
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} - declared == set()


@pytest.mark.parametrize("module", BUDGETS)
def test_import_budget(module: str) -> None:
    """A fresh interpreter that imports the module has loaded nothing heavy."""
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(set(done.stdout.split()) & set(BUDGETS[module])) == []


def test_help_of_the_command_line_is_light() -> None:
    """Asking for help runs the command line without the signal libraries."""
    code = (
        "import sys\nfrom flows.cli import main\nsys.argv = ['sleep2vec', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, _, loaded = done.stdout.partition("LOADED")
    assert "convert" in shown
    assert sorted(set(loaded.split()) & {*HEAVY, *SIGNALS}) == []
