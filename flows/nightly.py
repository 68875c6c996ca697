"""The nightly flow: everything that new recordings need, one line a step."""

from __future__ import annotations

from typing import Literal

from flows.conversion import Conversion, Converted
from flows.convert import convert
from flows.describe import catalog, evaluation, report
from flows.describe import shards as build_shards
from flows.flow_runs import claim
from flows.orchestration import flow
from flows.verify import verify

__all__ = ["nightly"]


@flow(name="nightly", flow_run_name="nightly {conversion.manifest}")
def nightly(
    conversion: Conversion,
    check: Literal["new", "all"] = "new",
    shards: str | None = None,
    evaluate: str | None = None,
) -> Converted:
    """Convert what is new, changed or damaged, verify, bring catalog, shards and report up to date, and evaluate.

    Parameters
    ----------
    check : {"new", "all"}
        Whether the stores of this night are verified, or every store of the output.
    shards : str, optional
        Folder of the training shards; none are built without.
    evaluate : str, optional
        Checkpoint of a fine-tuned model that is evaluated on the split test of the shards.
    """
    claim()
    done = convert(conversion)
    if done.new or check == "all":
        verify(conversion.out, workers=conversion.workers, only=list(done.new) if check == "new" else None)
    if done.report.n_converted or done.report.n_unchanged:
        catalog(conversion.out)
        if shards:
            build_shards(conversion.out, shards)
            if evaluate:
                evaluation(evaluate, shards)
    if done.report.outcomes:
        report(conversion.out)
    return done
