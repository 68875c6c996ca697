"""Convert a night as a worker of ``sleep2vec convert`` does: ``python -m benchmarks.ours TASK.json``.

The source is hashed, the night harmonised, the store written with all its checksums, made durable and named. Like
a worker's, the libraries have one thread: BLAS on several only waits for itself here, and that is CPU time too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.clock import do_tasks
from benchmarks.measure import THREAD_SETTINGS


def converter() -> Callable[[Path], None]:
    """Import what a worker imports; return what it does with one task."""
    from pipeline.batch.convert import convert_recording
    from pipeline.files.discover import discover
    from pipeline.manifests.load import load_manifest
    from pipeline.write.publish import publish, temporary_name

    manifest_of = cache(load_manifest)  # a worker has it once

    def convert(task: Path) -> None:
        job = json.loads(task.read_text())
        manifest = manifest_of(job["manifest"])
        (source,) = discover(manifest, Path(job["root"]))
        final = Path(job["out"])
        temporary = temporary_name(final)
        convert_recording(source, manifest, temporary)
        publish(temporary, final)

    return convert


if __name__ == "__main__":
    os.environ.update({name: os.environ.get(name, "1") for name in THREAD_SETTINGS})  # before BLAS is loaded
    do_tasks(converter())
