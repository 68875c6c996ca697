"""What ``sleep2vec demo`` shows of beats and breaths: figures against the truth, and one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

__all__ = ["PICTURE", "TrueNight", "show_truth"]

PICTURE = "apnea.png"


@dataclass(frozen=True)
class TrueNight:
    """One synthetic night: the folder of its cohort's stores, its download, its name."""

    stores: Path
    download: Path
    name: str

    @property
    def store(self) -> Path:
        """The recording store."""
        return self.stores / f"{self.name}.zarr"

    @property
    def truth(self) -> Path:
        """What really happened."""
        return self.download / "truth" / f"{self.name}.npz"


def show_truth(nights: Sequence[TrueNight], folder: Path) -> None:
    """Print figures of every converted night, and draw one of them into ``folder``."""
    click.echo("== beats and breaths against the truth")
    _print_figures(nights)
    _draw(nights, folder / PICTURE)


def _print_figures(nights: Sequence[TrueNight]) -> None:
    from pipeline.score.truth import score_night

    width = max((len(night.name) for night in nights), default=0)
    click.echo(f"{'':{width}}  beats: true      F1  covered  IBI off by | breaths: true  sensitivity    PPV")
    for night in nights:
        score = score_night(night.store, night.truth)
        beats, breaths = score.beats.score, score.breaths
        click.echo(
            f"{night.name:{width}}  {beats.found + beats.missed:11}  {beats.f1:.4f}  {score.beats.covered:7.1%}  "
            f"{1e3 * score.ibi_error_s:7.2f} ms | {breaths.found + breaths.missed:13}  "
            f"{breaths.sensitivity:11.3f}  {breaths.ppv:.3f}"
        )


def _draw(nights: Sequence[TrueNight], path: Path) -> None:
    """Draw the first night that has an apnea to show."""
    from pipeline.api import open_recording
    from pipeline.report.apnea_picture import can_draw, draw_apnea, find_apnea, save_picture
    from pipeline.synth.truth import read_truth

    if not can_draw():
        click.echo("no picture without matplotlib: pip install 'sleep2vec[plots]'")
        return
    for night in nights:
        truth = read_truth(night.truth)
        with open_recording(night.store) as ds:
            apnea = find_apnea(ds, truth)
            if apnea is not None:
                save_picture(draw_apnea(ds, truth, apnea), path)
                click.echo(f"ECG with beats, intervals, belts and respiration around an apnea: {path}")
                return
    click.echo("no picture: none of these nights has an apnea while every sensor works; try more --hours")
