"""``sleep2vec demo``: the whole job on three small cohorts, in minutes."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.demo_model import show_model
from flows.commands.demo_truth import TrueNight, show_truth
from flows.parameters import LOCAL_FOLDER

if TYPE_CHECKING:
    from pipeline.synth import PlantedFault, SynthReport
    from pipeline.write.ledger import Row

__all__ = ["command", "lay_out_sleep_edf"]

_EXAMPLE = """\
import xarray as xr
ds = xr.open_zarr({path!r})
print(ds)
deep = ds.eeg_fpz_cz.where(ds.stage == 3)  # N3
print("EEG in N3:", round(deep.std().compute().item(), 1), ds.eeg_fpz_cz.units)
"""


@click.command("demo")
@click.option("--out", type=LOCAL_FOLDER, help="Folder to fill; a new temporary one without.")
@click.option("--nights", type=click.IntRange(1), default=2, show_default=True, help="Plain nights a cohort.")
@click.option("--hours", type=click.FloatRange(0.2, 12), default=2.0, show_default=True, help="Length of a night.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
def command(out: Path | None, nights: int, hours: float, workers: int) -> int:
    """Make two synthetic cohorts with broken recordings, add a real one, convert, verify and show them.

    What was found of the synthetic nights' beats and breaths is compared with the truth and drawn. With torch
    installed, a tiny model is then pre-trained, fine-tuned for stages and evaluated on them.

    Exit code 0 when every planted fault was told and everything else was converted and verified.
    """
    folder = out or Path(tempfile.mkdtemp(prefix="sleep2vec-demo-"))
    if out is not None and out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty: name a new folder, so that nothing is lost.")
    stores = folder / "stores"
    surprises: list[str] = []
    n_planted = 0
    made: list[TrueNight] = []
    for recipe in ("shhs", "mesa"):
        root = folder / "downloads" / recipe
        click.echo(f"== {recipe}: {nights} synthetic nights of {hours:g} h, and broken ones")
        report = _synthesise(recipe, root, nights, hours, workers)
        faults = {fault.recording: fault for fault in report.faults}
        surprises += _judge(_convert(recipe, root, stores, workers), faults)
        n_planted += len(faults)
        made += [TrueNight(stores / recipe, root, name) for name in report.recordings]
    root = folder / "downloads" / "sleep_edf"
    click.echo("== sleep_edf: three hours of a real night (Kemp et al. 2000, PhysioNet, ODC-By)")
    lay_out_sleep_edf(root)
    surprises += _judge(_convert("sleep_edf", root, stores, workers), {})
    click.echo("== verify")
    from flows.commands.verify import verify_output

    code = verify_output(stores, workers=workers)
    show_truth([night for night in made if night.store.is_dir()], folder)
    _show(stores)
    show_model(stores, folder, real="sleep_edf")
    for line in surprises:
        click.echo(f"unexpected: {line}")
    if not surprises:
        click.echo(f"all {n_planted} broken recordings were told as they were planted, all others converted")
    click.echo(f"everything is in {folder}; next: sleep2vec inspect {stores}/sleep_edf/SC4001E0.zarr")
    return code or (3 if surprises else 0)


def _synthesise(recipe: str, root: Path, nights: int, hours: float, workers: int) -> SynthReport:
    from pipeline.synth import synthesise

    return synthesise(root, recipe=recipe, nights=nights, hours=hours, seed=7, faults=True, workers=workers)


def _convert(manifest: str, root: Path, out: Path, workers: int) -> list[Row]:
    """Convert and return the cohort's rows of the ledger."""
    from flows.commands.convert import convert_cohort, make_plan, print_report
    from pipeline.manifests.load import load_manifest
    from pipeline.write.ledger import read_ledger

    loaded = load_manifest(manifest)
    print_report(convert_cohort(make_plan(loaded, root, out), workers=workers, quiet=True))
    return [row for row in read_ledger(out).rows.values() if row.cohort == loaded.cohort]


@dataclass(frozen=True)
class _Expected:
    outcomes: tuple[str, ...]
    reason: str | None
    finding: str | None


_PLAIN = _Expected(("converted", "converted_with_findings"), None, None)


def _expected(fault: PlantedFault | None) -> _Expected:
    if fault is None:
        return _PLAIN
    outcomes = ("failed",) if fault.outcome == "failed" else _PLAIN.outcomes
    return _Expected(outcomes, fault.reason, fault.finding)


def _judge(rows: list[Row], faults: dict[str, PlantedFault]) -> list[str]:
    """Say where a recording did not end as planted; a plain one must convert."""
    wrong = []
    for row in rows:
        fault = faults.get(row.key)
        expected = _expected(fault)
        told = f"{row.outcome} {row.reason or ''}".strip()
        if row.outcome not in expected.outcomes or (expected.reason and row.reason != expected.reason):
            wrong.append(f"{row.key} ({fault.fault if fault else 'plain'}) ended as {told}, expected {expected}")
        elif expected.finding and expected.finding not in row.findings:
            wrong.append(f"{row.key} ({fault.fault if fault else 'plain'}) lacks finding {expected.finding}")
    for key in set(faults) - {row.key for row in rows}:
        wrong.append(f"{key} ({faults[key].fault}) has no outcome")
    return wrong


def lay_out_sleep_edf(root: Path) -> None:
    """Copy the excerpt to where the download would have it."""
    folder = root / "sleep-cassette"
    folder.mkdir(parents=True)
    for part, name in (("PSG", "SC4001E0-PSG.edf"), ("Hypnogram", "SC4001EC-Hypnogram.edf")):
        with resources.as_file(_excerpt() / f"SC4001E0_rec0960-1319-{part}.edf") as path:
            shutil.copyfile(path, folder / name)


def _excerpt() -> Any:
    """Return the excerpt's folder: packaged with an installation, among the tests' data in a checkout."""
    packaged = resources.files("flows") / "demo_data" / "sleep-edf"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "tests" / "data" / "sleep-edf"


def _show(stores: Path) -> None:
    """Print one recording and five lines that open it with nothing but xarray; run them, too."""
    path = stores / "sleep_edf" / "SC4001E0.zarr"
    code = _EXAMPLE.format(path=str(path))
    click.echo("== one store, in plain xarray")
    click.echo(code)
    exec(compile(code, "<example>", "exec"), {})
