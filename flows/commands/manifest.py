"""``sleep2vec manifest``: draft, check and show cohort manifests."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.commands.manifest_check import check
from flows.parameters import LOCAL_FILE, LOCAL_FILE_THAT_EXISTS, LOCAL_FOLDER, LOCAL_THAT_EXISTS

__all__ = ["command"]


@click.group("manifest")
def command() -> None:
    """Draft, check and show cohort manifests.

    A MANIFEST is the name of a shipped one, or the path of a YAML file.
    """


command.add_command(check)


@command.command()
@click.argument("manifest")
@click.option("--json", "as_json", is_flag=True, help="The validated content as JSON, defaults included.")
def show(manifest: str, as_json: bool) -> None:
    """Print MANIFEST, after it has been validated."""
    from pipeline.manifests.load import load_manifest, manifest_text

    loaded = load_manifest(manifest)
    click.echo(loaded.model_dump_json(indent=2) if as_json else manifest_text(manifest)[0].rstrip())


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_shipped(as_json: bool) -> None:
    """List the manifests that come with sleep2vec."""
    from pipeline.manifests.load import load_manifest, shipped_manifests

    rows = [(name, load_manifest(name)) for name in shipped_manifests()]
    if as_json:
        click.echo(
            json.dumps([{"name": n, "title": m.title, "release": m.terms.release} for n, m in rows], indent=2)
        )
    else:
        for name, loaded in rows:
            click.echo(f"{name:12} {loaded.title} ({loaded.terms.release})")


@command.command()
@click.argument("cohort")
@click.option("--root", type=LOCAL_THAT_EXISTS, help="A download to draft from.")
@click.option(
    "--from", "census", type=LOCAL_FILE_THAT_EXISTS, metavar="CSV", help="Labels, as scan --csv wrote them."
)
@click.option("--out", type=LOCAL_FILE, help="File to write; standard output without.")
def new(cohort: str, root: Path | None, census: Path | None, out: Path | None) -> None:
    """Draft a manifest for COHORT from the files below --root: layout, channels, units.

    With --from the labels come from a census, and --root may be left out. Everything marked REVIEW was concluded
    from names of files, headers and the shipped manifests, and waits for a person.
    """
    from pipeline.draft import draft_manifest

    if out is not None and out.exists():
        raise click.UsageError(f"{out} exists already: name another file, so that nothing is lost.")
    text = draft_manifest(cohort, root, census)
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, "utf-8")
    click.echo(
        f"wrote {out}; next: edit it (sleep2vec manifest guide describes every key), then "
        f"sleep2vec manifest check {out}" + (f" --root {root}" if root else "")
    )


@command.command()
@click.argument("manifest")
def page(manifest: str) -> None:
    """Print what MANIFEST says as a page for people: access, channels, scoring, persons, quirks."""
    from pipeline.manifests.load import load_manifest
    from pipeline.manifests.page import cohort_page

    click.echo(cohort_page(load_manifest(manifest)), nl=False)


@command.command()
@click.argument("folder", type=LOCAL_FOLDER)
def pages(folder: Path) -> None:
    """Write the pages of all manifests that come with sleep2vec, and their index, to FOLDER."""
    from pipeline.manifests.load import load_manifest, shipped_manifests
    from pipeline.manifests.page import cohort_index, cohort_page

    manifests = [load_manifest(name) for name in shipped_manifests()]
    folder.mkdir(parents=True, exist_ok=True)
    for manifest in manifests:
        (folder / f"{manifest.cohort}.md").write_text(cohort_page(manifest), "utf-8")
    (folder / "README.md").write_text(cohort_index(manifests), "utf-8")
    click.echo(f"wrote {len(manifests)} pages and README.md to {folder}")


@command.command()
def guide() -> None:
    """Print the guide for new cohorts: every key, every channel, every type of event."""
    from pipeline.manifests.load import guide as text

    click.echo(text().rstrip())


@command.command()
def schema() -> None:
    """Print the JSON Schema that lets editors complete and check manifests."""
    from pipeline.manifests.load import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
