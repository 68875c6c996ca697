"""What it costs to make up a night: ``python -m benchmarks.synthesis RECIPE NIGHTS HOURS`` prints JSON.

CPU is the process's own without its imports, everything that lies in the folder included.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from pipeline.synth import synthesise

SEED = 1


def speed(recipe: str, n_night: int, hours: float) -> dict[str, float]:
    """Return CPU seconds a night and the size of its EDF in MB (10^6 bytes), means over ``n_night``."""
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.process_time()
        synthesise(Path(folder), recipe=recipe, nights=n_night, hours=hours, seed=SEED)
        spent_s = time.process_time() - begun_s
        n_byte = sum(path.stat().st_size for path in Path(folder).rglob("*.edf"))
    return {"cpu_s": spent_s / n_night, "edf_mb": n_byte / 1e6 / n_night}


if __name__ == "__main__":
    print(json.dumps(speed(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
