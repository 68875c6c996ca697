"""``sleep2vec verify``: every byte of an output against what was written, and against its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.parameters import PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.batch.audit import AuditReport
    from pipeline.score.beats import BeatReport

__all__ = ["command", "verify_output"]

_PROBLEMS, _REFUSED = 5, 3  # exit codes, see flows.cli


@click.command("verify")
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option(
    "--against-source",
    "source_root",
    type=PLACE_THAT_EXISTS,
    help="Also compare with the download below this folder, through an independent reader.",
)
@click.option("--beats", is_flag=True, help="Also score stored beats against those that the cohort publishes.")
@click.option("--root", type=PLACE_THAT_EXISTS, help="The download with the published beats, for --beats.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    out: Path, source_root: Path | None, beats: bool, root: Path | None, workers: int, as_json: bool
) -> int:
    """Check every recording store below OUT: specification, checksums, chunks, values.

    Names file and array of every problem. Exit code 5 when there is one, 3 when published beats cannot be read.
    """
    beats_root = root or source_root
    if beats and beats_root is None:
        raise click.UsageError("--beats needs the download: add --root FOLDER.")
    if root is not None and not beats:
        raise click.UsageError("--root is for --beats; --against-source FOLDER compares signals.")
    return verify_output(
        out, source_root, beats_root=beats_root if beats else None, workers=workers, as_json=as_json
    )


def verify_output(
    out: Path,
    source_root: Path | None = None,
    *,
    beats_root: Path | None = None,
    workers: int = 1,
    as_json: bool = False,
) -> int:
    """Verify an output, print what is wrong and how its beats score, and return the exit code."""
    from pipeline.batch.audit import audit

    report = audit(out, source_root, workers=workers)
    beats = _score(out, beats_root, workers) if beats_root else None
    if as_json:
        scored = {"beats": beats.to_json()} if beats else {}
        click.echo(json.dumps(report.to_json() | scored, indent=2))
    else:
        if beats:
            _print_beats(beats)
        _print(report)
    if report.problems:
        return _PROBLEMS
    return _REFUSED if beats and beats.refused else 0


def _score(out: Path, root: Path, workers: int) -> BeatReport:
    from pipeline.score.beats import score_beats

    return score_beats(out, root, workers=workers)


def _print(report: AuditReport) -> None:
    for problem in report.problems:
        click.echo(str(problem))
    for line in report.notes:
        click.echo(line)
    click.echo(f"{report.n_stores} stores verified, {len(report.problems)} problems")
    if report.problems:
        click.echo("next: run the same convert command again; it rewrites the damaged recordings only")


def _print_beats(report: BeatReport) -> None:
    """Print a row a recording, then all of them together."""
    from pipeline.score.beats import TOLERANCE_S

    if report.scored:
        width = max(len(row.recording) for row in report.scored)
        click.echo(f"{'recording':{width}}    beats  missed   false      F1  offset ms  covered")
        for row in report.scored:
            score = row.score
            counts = f"{score.found + score.missed:8} {score.missed:7} {score.false:7}"
            click.echo(
                f"{row.recording:{width}} {counts}  {score.f1:.4f}  {1e3 * row.offset_s:9.1f}  {row.covered:7.1%}"
            )
        click.echo(
            f"beats within {1e3 * TOLERANCE_S:.0f} ms of published ones in {len(report.scored)} recordings: "
            f"sensitivity {report.total.sensitivity:.4f}, PPV {report.total.ppv:.4f}, F1 {report.total.f1:.4f}"
        )
    for recording, why in report.refused:
        click.echo(f"not scored: {recording}: {why}")
    if report.n_without_truth:
        click.echo(
            f"{report.n_without_truth} recordings have no published beats where their manifest's layout.beats says"
        )
