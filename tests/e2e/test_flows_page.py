"""What a person sees of a night in Prefect's pages, through a headless Chromium; and the night of a work pool."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import environment, sleep2vec
from tests.e2e.flow_campaign import COHORT, many_nights, stores
from tests.page_checks import chromium_program
from tests.prefect_server import Server

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
N_LOOK = 5
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1500,1100"),
    "--virtual-time-budget=30000",
)


@pytest.fixture(scope="module")
def night(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The conversion of one night: two recordings converted and one failed."""
    folder = tmp_path_factory.mktemp("pages")
    many_nights(folder / "dl", 3)
    broken = next((folder / "dl").rglob("*-0002.edf"))
    broken.unlink()
    broken.write_bytes(b"no EDF")
    arguments = ("nightly", COHORT, "--root", "dl", "--out", "out")
    assert sleep2vec(*arguments, cwd=folder, **server.settings).returncode == 3
    return str(server.runs("convert")[-1]["id"])


def page(server: Server, path: str, folder: Path, name: str, awaited: str) -> str:
    """Return the text of a page once it has some words, and leave a picture of it in ``folder``.

    Its scripts ask the server again and again; how long that takes is not for the browser's clock to say.
    """
    for _ in range(N_LOOK):
        text = looked_at(server, path, folder, name)
        if awaited in text:
            return text
    raise AssertionError(f"{path} never said {awaited}: {text}")


def looked_at(server: Server, path: str, folder: Path, name: str) -> str:
    """Return the text of a page as it is when its scripts have run for a while."""
    picture = folder / f"{name}.png"
    command = [
        chromium_program(),
        *CHROMIUM,
        f"--user-data-dir={folder / 'profile'}",
        f"--screenshot={picture}",
        "--dump-dom",
    ]
    dumped = subprocess.run([*command, server.url + path], capture_output=True, text=True, timeout=120, check=True)
    assert picture.stat().st_size > 20_000
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(script|style).*?</\1>", "", dumped.stdout)))


def test_page_of_the_run(server: Server, night: str, tmp_path: Path) -> None:
    """The page of a conversion says how it ended, what its batches came to, and what to type next."""
    text = page(server, f"/runs/flow-run/{night}", tmp_path, "run", "next: sleep2vec ")
    assert f"convert {COHORT}" in text
    assert "Completed" in text
    assert "(3 of 3 done)" in text
    assert "2 written by this run, 0 unchanged" in text
    assert "failed: 1 x edf_corrupt" in text


def test_pages_of_the_artifacts(server: Server, night: str, tmp_path: Path) -> None:
    """Summary, failures with the next command, and progress are there to be opened."""
    text = page(server, "/artifacts", tmp_path, "artifacts", f"convert-{COHORT}")
    assert [key for key in ("convert", "failures", "progress") if f"{key}-{COHORT}" not in text] == []
    (failures,) = (made for made in server.artifacts(f"failures-{COHORT}") if made["flow_run_id"] == night)
    page(server, f"/artifacts/artifact/{failures['id']}", tmp_path, "failures", "edf_corrupt")


def test_pages_of_the_report(server: Server, night: str, tmp_path: Path) -> None:
    """The night's report is linked to, with what it says first; its pages are there."""
    summary = server.artifacts("report-summary")[-1]
    page(server, f"/artifacts/artifact/{summary['id']}", tmp_path, "summary", "With a store")
    links = {key: server.artifacts(key)[-1]["data"] for key in ("report", "report-recordings")}
    paths = {key: Path(re.findall(r"\(file://([^)]+)\)", data)[0]) for key, data in links.items()}
    assert "Numbers of fewer than 5 persons are withheld" in paths["report"].read_text("utf-8")
    assert "not for sharing" in paths["report-recordings"].read_text("utf-8")


def test_a_worker_of_a_pool_does_the_night(server: Server, tmp_path: Path) -> None:
    """Our command makes pool and deployment, prefect.yaml the same, and a worker makes the stores."""
    many_nights(tmp_path / "download", 2)
    deploy = ("deploy", COHORT, "--root", "download", "--out", "stores", "--cron", "0 2 * * *", "--workers", 2)
    assert sleep2vec(*deploy, cwd=tmp_path, **server.settings).returncode == 0
    ours = server.get(f"/deployments/name/nightly/{COHORT}")
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    prefect(server, tmp_path, "--no-prompt", "deploy", "--all")
    theirs = server.get(f"/deployments/name/nightly/{COHORT}")
    same = ("id", "entrypoint", "work_pool_name", "concurrency_options", "parameter_openapi_schema")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    run = server.trigger(COHORT)
    prefect(server, tmp_path, "worker", "start", "--pool", "sleep2vec", "--run-once")
    assert server.ended(run, 10)["type"] == "COMPLETED"
    assert len(stores(tmp_path / "stores")) == 2


def prefect(server: Server, folder: Path, *arguments: str) -> None:
    """Run one command of Prefect to its end."""
    command = [sys.executable, "-m", "prefect", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**server.settings),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
