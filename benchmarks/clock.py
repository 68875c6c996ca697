"""What a measured program says of itself: its CPU time before the first task and after every task."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path


def do_tasks(convert: Callable[[Path], None]) -> None:
    """Convert the tasks that the command names, in order; print the process's CPU seconds so far as JSON."""
    clock_s = [time.process_time()]  # interpreter and imports
    for name in sys.argv[1:]:
        convert(Path(name))
        clock_s.append(time.process_time())
    print(json.dumps(clock_s))
