"""What a wheel would carry, without building one: an editable install hides what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def carried() -> set[str]:
    """Paths in the wheel, as they will be installed."""
    builder = WheelBuilder(str(ROOT))
    forced = builder.config.get_force_include()
    included = [*builder.recurse_included_files(), *builder.recurse_forced_files(forced)]
    return {Path(file.distribution_path).as_posix() for file in included}


@pytest.mark.parametrize("package", ["schemas", "pipeline", "model", "flows", "data_manifests"])
def test_every_file_of_a_package_is_carried(carried: set[str], package: str) -> None:
    """Modules, manifests, recipes and type markers: whatever lies in a package is installed with it."""
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT).as_posix() for path in files} - carried == set()


def test_data_of_the_demo_is_carried(carried: set[str]) -> None:
    """The real excerpt lies with the tests in a checkout, and with the commands in an installation."""
    names = {path.name for path in (ROOT / "tests" / "data" / "sleep-edf").iterdir()}
    assert {Path(p).name for p in carried if p.startswith("flows/demo_data/sleep-edf/")} == names


def test_guide_is_carried(carried: set[str]) -> None:
    """The guide for new cohorts is a document in a checkout, and beside the manifests in an installation."""
    assert "data_manifests/add-a-cohort.md" in carried


def test_nothing_else_is_carried(carried: set[str]) -> None:
    """Tests, benchmarks and documents stay at home."""
    tops = {path.split("/")[0] for path in carried}
    assert tops == {"schemas", "pipeline", "model", "flows", "data_manifests"}


def test_typed_packages_say_so(carried: set[str]) -> None:
    """The packages that are checked strictly offer their types."""
    assert {path for path in carried if path.endswith("py.typed")} == {"schemas/py.typed", "pipeline/py.typed"}
