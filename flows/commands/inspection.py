"""``sleep2vec inspect``: one recording store, or the header of one file of signals."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from flows.parameters import ANY_PLACE
from pipeline.write.lock import LEDGER_FOLDER
from schemas.store import meanings_of

__all__ = ["command", "print_wide"]

_WIDE = 10_000  # columns; tables take what they need


@click.command("inspect")
@click.argument("path", type=ANY_PLACE)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(path: Path, as_json: bool) -> None:
    """Show what is in PATH: a recording store (a folder), or the header of an EDF, BDF or WFDB file.

    Patient and recording fields of a header are never shown.
    """
    from pipeline.files.places import is_remote

    _refuse_output(path)
    is_store = path.name.endswith(".zarr") if is_remote(path) else path.is_dir()
    facts = _store(path) if is_store else _header(path)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    rows = facts.pop("channels")
    findings = facts.pop("findings")
    for name, value in facts.items():
        click.echo(f"{name:16} {value}")
    _print_table(rows)
    for finding in findings:
        click.echo(f"{finding['code']} {finding.get('channel', '')}: {finding['message']}")


def _refuse_output(path: Path) -> None:
    """Say what an output is, rather than that it is a damaged store."""
    if not path.name.endswith(".zarr") and (path / LEDGER_FOLDER).is_dir():
        name = shlex.quote(str(path))
        raise click.UsageError(
            f"{path.name} is an output: name a store in it, {name}/COHORT/KEY.zarr;"
            f" 'sleep2vec status {name}' counts what it holds."
        )


def _store(path: Path) -> dict[str, Any]:
    import numpy as np

    from pipeline.api import open_recording

    ds = open_recording(path)
    usable = ds["usable_fraction"].mean("epoch").to_series()
    channels = []
    for name in ds["channel"].values:
        attrs = ds[name].attrs
        channels.append(
            {
                "channel": str(name),
                "modality": attrs["modality"] + (" *" if attrs["primary"] else ""),
                "from": attrs["source_label"],
                "Hz": f"{attrs['source_rate_hz']:g} -> {ds[name].shape[1] / 30:g}",
                "unit": attrs["units"],
                "band_hz": f"{attrs['band_low_hz'] or 0:g}-{attrs['band_high_hz']:g}"
                if attrs["band_high_hz"]
                else "",
                "polarity": attrs["polarity"],
                "usable": f"{usable[name]:.1%}",
            }
        )
    codes, counts = np.unique(ds["stage"].values, return_counts=True)
    names = meanings_of(ds["stage"].attrs)
    a = ds.attrs
    return {
        "recording": f"{a['cohort']}/{a['recording']}",
        "subject": f"{a['subject']} {a['visit']}".strip(),
        "age, sex": f"{a['age_years'] or 'unknown'}, {a['sex']}",
        "epochs": f"{ds.sizes['epoch']} of 30 s, {ds.sizes['epoch'] / 120:.2f} h",
        "stages": " ".join(f"{names[int(c)]}:{n}" for c, n in zip(codes, counts, strict=True))
        + f" ({a['stage_scheme']})",
        "events": ds.sizes["event"],
        "found": _found(ds),
        "terms": f"{a['terms']['agreement']}, redistribution {'yes' if a['terms']['redistribution'] else 'no'}",
        "channels": channels,
        "findings": list(a["findings"]),
    }


def _found(ds: Any) -> str:
    """Say what was found in the signals: both rules of desaturations list the deeper ones, so one is counted."""
    n_fall = int((ds["desaturation_rule_percent"] == 3).sum())
    return f"{ds.sizes['beat']} beats, {ds.sizes['breath']} breaths, {n_fall} desaturations by 3 %"


def _header(path: Path) -> dict[str, Any]:
    from pipeline.read.signal_file import peek

    header = peek(path)
    return {
        "file": path.name,
        "format": header.form,
        "records": header.extent,
        "channels": [
            {
                "label": info.label,
                "Hz": f"{float(info.rate_hz):g}",
                "unit": info.unit_text or "(blank)",
                "range": f"{info.physical_min:g} to {info.physical_max:g}",
                "usable": "yes" if info.usable else "no",
            }
            for info in header.infos
        ],
        "findings": [finding.to_json() for finding in header.findings],
    }


def print_wide(table: Any) -> None:
    """Print a table as wide as it is, on any terminal and into any file: a cut name cannot be copied.

    Texts are shown as they are: brackets and colons in a label are no markup.
    """
    from rich.console import Console

    Console(width=_WIDE, markup=False, emoji=False).print(table, soft_wrap=True)


def _print_table(rows: list[dict[str, str]]) -> None:
    from rich.table import Table

    table = Table(*(rows[0] if rows else ()), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row.values())
    print_wide(table)
