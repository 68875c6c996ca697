"""Convert a night as a worker of ``sleep2vec convert`` does: ``python -m benchmarks.ours TASK.json``.

The source is hashed, the night harmonised, the store written with all its checksums, made durable and named.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from benchmarks.clock import do_tasks
from pipeline.convert import convert_recording
from pipeline.discover import discover
from pipeline.manifests import load_manifest
from pipeline.write.store import publish, temporary_name

manifest_of = cache(load_manifest)  # a worker has it once


def convert(task: Path) -> None:
    job = json.loads(task.read_text())
    manifest = manifest_of(job["manifest"])
    (source,) = discover(manifest, Path(job["root"]))
    final = Path(job["out"])
    temporary = temporary_name(final)
    convert_recording(source, manifest, temporary)
    publish(temporary, final)


if __name__ == "__main__":
    do_tasks(convert)
