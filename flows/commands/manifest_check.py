"""``sleep2vec manifest check``: a manifest against a download, or against what somebody counted in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.parameters import LOCAL_FILE_THAT_EXISTS, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from schemas.manifest import CohortManifest

__all__ = ["check"]


@click.command("check")
@click.argument("manifest")
@click.option("--root", type=PLACE_THAT_EXISTS, help="A download to try it on.")
@click.option("--scan", "counts", type=LOCAL_FILE_THAT_EXISTS, help="A table of scan, or one of labels and counts.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core without it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def check(
    ctx: click.Context, manifest: str, root: Path | None, counts: Path | None, workers: int | None, as_json: bool
) -> None:
    """Validate MANIFEST and say what share of files would convert, why not the others, and which labels are left.

    With --root the headers of a download are tried, with --scan what was counted elsewhere: the table that
    `sleep2vec scan --csv` writes, or one with the columns label and n (visit and nth if they are known).

    Exit code 4 when the manifest is invalid, 3 when some recordings would fail.
    """
    from pipeline.manifests.load import load_manifest, manifest_text

    if root is not None and counts is not None:
        raise click.UsageError("--root or --scan, not both: one of them says what the files hold.")
    loaded = load_manifest(manifest)
    lines = manifest_text(manifest)[0].splitlines()
    n_review = sum("REVIEW" in line and not line.startswith("#") for line in lines)
    if root is not None:
        facts, n_failing = _try_on_files(loaded, root, workers, as_json)
    elif counts is not None:
        facts, n_failing = _try_on_counts(loaded, counts, as_json)
    else:
        facts, n_failing = {"cohort": loaded.cohort, "valid": True, "rules": len(loaded.montage)}, 0
        facts["n_review"] = n_review
        if not as_json:
            click.echo(f"{loaded.cohort}: valid, {len(loaded.montage)} channel rules")
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    _remind(n_review, as_json)
    if n_failing:
        ctx.exit(3)


def _try_on_files(
    manifest: CohortManifest, root: Path, workers: int | None, as_json: bool
) -> tuple[dict[str, Any], int]:
    """Return what would become of a download, and how many of its recordings would fail; print it for people."""
    from flows.census_text import print_readiness
    from flows.commands.scan import default_workers
    from pipeline.scan.folder import scan

    census = scan(manifest, root, workers=workers or default_workers())
    if not as_json:
        print_readiness(census)
    return census.readiness(), census.n_failing


def _try_on_counts(manifest: CohortManifest, counts: Path, as_json: bool) -> tuple[dict[str, Any], int]:
    """Return what would become of what was counted, and how many files would fail; print it for people."""
    from flows.census_text import print_judgement
    from pipeline.scan.census import read_counts
    from pipeline.scan.judgement import judge

    judgement = judge(manifest, read_counts(counts))
    if not as_json:
        print_judgement(judgement, by_visit=any(rule.visits for rule in manifest.montage))
    return judgement.to_json(), judgement.n_failing


def _remind(n_review: int, as_json: bool) -> None:
    if n_review and not as_json:
        click.echo(f"{n_review} places still say REVIEW: settle them before anybody relies on it")
