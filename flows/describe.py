"""What others need of an output: catalog, report, training shards, and what a model is worth on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.flow_runs import claim
from flows.orchestration import create_link_artifact, create_table_artifact, flow, get_run_logger
from flows.patience import patient_task
from pipeline.catalog.build import Catalog, build_catalog
from pipeline.files.places import is_remote, place
from pipeline.report.assets import missing
from pipeline.report.cohort import CohortReport, write_cohort_report
from pipeline.shards.build import BuildReport, Recipe, build_set

__all__ = ["catalog", "evaluation", "report", "shards"]


@flow(name="catalog", flow_run_name="catalog of {out}")
def catalog(out: str) -> None:
    """Write the catalog of an output; only stores that changed are read."""
    claim()
    built = write_catalog(out)
    facts = {"recordings": built.recordings.height, "read now": built.n_read, "kept": built.n_kept}
    get_run_logger().info("catalog of %(recordings)d recordings, %(read now)d read now", facts)
    create_table_artifact([{"catalog": what, "n": n} for what, n in facts.items()], "catalog", f"Catalog of {out}.")


@patient_task("write catalog")
def write_catalog(out: str) -> Catalog:
    """Write it."""
    return build_catalog(place(out))


@flow(name="report", flow_run_name="report of {out}")
def report(out: str) -> None:
    """Write the pages of an output: the cohort, the list of its recordings, and the worst of them."""
    claim()
    if lacking := missing():
        get_run_logger().warning("no report without %s: pip install 'sleep2vec[report]'", " and ".join(lacking))
        return
    written = write_report(out)
    for line in written.lines():
        get_run_logger().info(line)
    for path, key, text in (
        (written.page, "report", "The cohort's page, which may be shared where its terms allow that."),
        (written.recordings, "report-recordings", "Every recording, worst first: not for sharing."),
    ):
        create_link_artifact(str(path) if is_remote(path) else path.absolute().as_uri(), path.name, key, text)
    rows = [{"what": what, "it is": value} for what, value in written.summary()]
    create_table_artifact(rows, "report-summary", f"What the report of {out} says first.")


@patient_task("write report")
def write_report(out: str) -> CohortReport:
    """Write it."""
    return write_cohort_report(place(out))


@flow(name="shards", flow_run_name="shards in {target}")
def shards(out: str, target: str) -> None:
    """Build training shards of all good recordings; the same recordings as before leave them alone.

    Persons are drawn into splits by seed 0. For other choices use ``sleep2vec shards build``.
    """
    claim()
    report = build_shards(out, target)
    rows = [{"split": split, **counts} for split, counts in report.splits.items()]
    create_table_artifact(rows, "shards", f"Training shards in {target}.")


@patient_task("build shards")
def build_shards(out: str, target: str) -> BuildReport:
    """Build them."""
    return build_set(place(out), place(target), Recipe())


@flow(name="evaluation", flow_run_name="evaluation on {shards}")
def evaluation(checkpoint: str, shards: str) -> None:
    """Evaluate a fine-tuned model on the split test, with all modalities that it knows."""
    claim()
    found = evaluate_model(checkpoint, shards)
    plain = {name: value for name, value in found.items() if isinstance(value, (int, float, str))}
    rows = [{"measure": name, "value": value} for name, value in plain.items()]
    create_table_artifact(rows, "evaluation", f"{found['task']} on the split test of {shards}. Research use only.")


@patient_task("evaluate model")
def evaluate_model(checkpoint: str, shards: str) -> dict[str, Any]:
    """Evaluate it."""
    from flows.evaluation import evaluated, without_nan

    found: dict[str, Any] = without_nan(evaluated(Path(checkpoint), Path(shards), "test"))
    return found
