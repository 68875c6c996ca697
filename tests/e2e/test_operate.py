"""docs/operate.md, command by command, as an operator would paste it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.commands.nightly_options import conversion_options
from tests.command_line import environment
from tests.prefect_server import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text("utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
SERVED = """until python -c "
from urllib.request import urlopen
urlopen('http://127.0.0.1:4200/api/deployments/name/nightly/synthetic')
" > served.log 2>&1; do sleep 0.2; done
"""
END = "trap 'kill $SERVICE 2> /dev/null || true; prefect server stop > /dev/null 2>&1 || true' EXIT\nSERVICE=0\n"


def test_every_command_is_in_a_block_that_is_run() -> None:
    """There is no other kind of block, so nothing on the page escapes the test below."""
    assert len(BLOCKS) == PAGE.count("```") / 2
    assert [
        command for command in ("nightly", "serve", "deploy") if f"sleep2vec {command} " not in "".join(BLOCKS)
    ] == []


def test_batch_size_is_the_one_on_the_page() -> None:
    """The page names the default."""
    (size,) = [p.default for p in conversion_options(_nothing).__click_params__ if p.name == "batch_size"]
    assert f"`--batch-size` recordings ({size})" in PAGE


def _nothing() -> None:
    pass


@pytest.mark.system
def test_the_page_runs(tmp_path: Path) -> None:
    """All blocks in one shell in an empty folder, on another port; the first command that fails ends it."""
    blocks = [block + (SERVED if "sleep2vec serve" in block else "") for block in BLOCKS]
    script = ("set -eux\n" + END + "".join(blocks)).replace("4200", str(free_port()))
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    with (tmp_path / "page.log").open("wb") as log:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment(
                PATH=path,
                NO_PROXY="127.0.0.1",
                PREFECT_HOME=str(tmp_path / "prefect"),
                PREFECT_RUNNER_POLL_FREQUENCY="1",  # seconds; a service looks for runs every 10 without
            ),
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=500,
            check=False,
        )
    told = (tmp_path / "page.log").read_text()
    assert done.returncode == 0, told[-3000:]
    assert told.count("2 stores verified, 0 problems") >= 3
