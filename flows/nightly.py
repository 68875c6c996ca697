"""The nightly flow: everything that new recordings need, one line a step."""

from __future__ import annotations

from typing import Literal

from flows.conversion import Conversion, Converted
from flows.convert import convert
from flows.flow_runs import claim
from flows.orchestration import flow
from flows.verify import verify

__all__ = ["nightly"]


@flow(name="nightly", flow_run_name="nightly {conversion.manifest}")
def nightly(conversion: Conversion, check: Literal["new", "all"] = "new") -> Converted:
    """Convert what is new, changed or damaged, then verify.

    Parameters
    ----------
    check : {"new", "all"}
        Whether the stores of this night are verified, or every store of the output.
    """
    claim()
    done = convert(conversion)
    if done.new or check == "all":
        verify(conversion.out, workers=conversion.workers, only=list(done.new) if check == "new" else None)
    return done
