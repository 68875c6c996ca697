"""The flow that verifies an output: `pipeline.batch.audit`, seen through Prefect."""

from __future__ import annotations

from pydantic import PositiveInt

from flows.flow_runs import claim
from flows.orchestration import create_table_artifact, flow, get_run_logger, task
from flows.reporting import problem_table
from pipeline.batch.audit import AuditReport, audit
from pipeline.files.places import place
from schemas.errors import StoreCorrupt

__all__ = ["verify"]


@flow(name="verify")
def verify(
    out: str, root: str | None = None, workers: PositiveInt = 1, only: list[str] | None = None
) -> AuditReport:
    """Verify the stores of an output, byte by byte.

    Parameters
    ----------
    root : str, optional
        The download: what is still there is compared with its store, too.
    only : list of str, optional
        Recordings, as ``cohort/key``; all without.

    Raises
    ------
    StoreCorrupt
        When anything is wrong; the table of problems says what.
    """
    claim()
    report = verify_stores(out, root, workers, only)
    get_run_logger().info("%d stores verified, %d problems", report.n_stores, len(report.problems))
    if report.problems:
        create_table_artifact(problem_table(report), "problems", f"What is wrong with stores of {out}.")
        raise StoreCorrupt(
            "stores are not what was written",
            saw=f"{len(report.problems)} problems in {report.n_stores} stores, the first: {report.problems[0]}",
            do="Run the conversion again: it rewrites the damaged recordings only.",
        )
    return report


@task(name="verify stores")
def verify_stores(out: str, root: str | None, workers: int, only: list[str] | None) -> AuditReport:
    """Verify them."""
    return audit(place(out), place(root) if root else None, workers=workers, only=only)
