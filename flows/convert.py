"""The flow that converts a cohort: a run of `pipeline.batch`, seen through Prefect.

One task does the run and is tried again after a fault of storage; it then plans anew and does what is missing. A
task a batch says how far it is. Why so, and what it costs: docs/adr/0011-flows.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flows.conversion import Batch, Conversion, Converted, convert_in_batches
from flows.flow_runs import claim
from flows.orchestration import (
    create_progress_artifact,
    create_table_artifact,
    flow,
    get_run_logger,
    task,
    update_progress_artifact,
)
from flows.patience import patient_task
from flows.reporting import artifact_key, batch_line, failure_table, report_lines, summary_table
from pipeline.manifests.load import load_manifest

__all__ = ["convert"]


@flow(name="convert", flow_run_name="convert {conversion.manifest}")
def convert(conversion: Conversion) -> Converted:
    """Convert what is new, changed or damaged in one cohort.

    Ends well also when recordings failed: each has its reason in the ledger and in the table of failures.

    Raises
    ------
    PsgError
        When the run as a whole cannot go on; a second run on one output at once is `OutputBusy`.
    """
    claim()
    done = convert_recordings(conversion)
    report = done.report
    for line in report_lines(report):
        get_run_logger().info(line)
    create_table_artifact(
        summary_table(report), artifact_key("convert", done.cohort), f"Recordings of {done.cohort}."
    )
    if report.failed:
        create_table_artifact(
            failure_table(report),
            artifact_key("failures", done.cohort),
            f"Failed recordings of {done.cohort} by reason.",
        )
    return done


@patient_task("convert recordings")
def convert_recordings(conversion: Conversion) -> Converted:
    """Carry out the conversion, and show every batch as long as the server answers."""
    key = artifact_key("progress", load_manifest(conversion.manifest).cohort)
    progress = _Shown(create_progress_artifact(0.0, key, f"Conversion to {conversion.out}."))
    return convert_in_batches(conversion, progress.show)


@dataclass
class _Shown:
    """Progress on the server. Prefect tries for a minute to reach it; then the conversion goes on unseen."""

    artifact: UUID
    is_seen: bool = True

    def show(self, batch: Batch) -> None:
        if self.is_seen:
            percent = 100.0 * batch.n_done / batch.n_total
            state = show_batch(batch_line(batch), self.artifact, percent, return_state=True)
            self.is_seen = state.is_completed()


@task(name="batch", task_run_name="{line}")
def show_batch(line: str, artifact: UUID, percent: float) -> None:
    """Say what a batch came to."""
    get_run_logger().info(line)
    update_progress_artifact(artifact, percent)
