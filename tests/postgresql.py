"""A PostgreSQL server of a test's own on loopback, for one database of Prefect."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.prefect_server import free_port

USER = "nobody"  # PostgreSQL refuses to run as root


def binaries() -> Path:
    """Return the folder of the newest installed server, which is not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "install PostgreSQL: apt-get install postgresql"
    return found[-1]


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of an empty database, as Prefect wants it; the server ends afterwards, and its files go."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:  # not below pytest's, which only root enters
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        with _started(Path(folder), free_port()) as url:
            yield url


@contextmanager
def _started(folder: Path, port: int) -> Iterator[str]:
    data = folder / "data"
    _run("initdb", "-D", data, "-U", "prefect", "--auth=trust", "-E", "UTF8", "--no-sync")
    listen = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    _run("pg_ctl", "-D", data, "-w", "-o", listen, "-l", folder / "log", "start")
    try:
        _run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "prefect", "prefect")
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
    finally:
        _run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def _run(program: str, *arguments: object) -> None:
    command: Sequence[str] = [str(binaries() / program), *map(str, arguments)]
    if os.getuid() == 0:
        command = ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)
