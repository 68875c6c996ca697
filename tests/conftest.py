"""Options and fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"

# There is a process of tests a core: threads of BLAS and torch would burn their time waiting for each other.
# Set before either is loaded; processes that a test starts inherit it.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data-root",
        type=Path,
        default=None,
        help="folder of the real recordings (see tests/data/README.md); tests marked 'system' need it",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "system: needs servers or the real recordings; run by make test-system")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep system tests out of the plain run: they are not collected rather than skipped."""
    if "system" in (config.option.markexpr or ""):
        return
    system = [item for item in items if item.get_closest_marker("system")]
    config.hook.pytest_deselected(items=system)
    items[:] = [item for item in items if item not in system]


@pytest.fixture(scope="session")
def data() -> Path:
    """Small real recordings that are part of the project."""
    return DATA


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let Ctrl-C interrupt this process and those it starts, also where a shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def data_root(pytestconfig: pytest.Config) -> Path:
    """Real recordings that are not part of the project."""
    root = pytestconfig.getoption("--data-root")
    if root is None or not Path(root).is_dir():
        pytest.fail("give --data-root FOLDER; tests/data/README.md says where to get the recordings")
    return Path(root)
