"""One picture of what is derived: ECG with beats, intervals, belts, respiration and saturation around an apnea.

matplotlib is imported when a picture is drawn, and used without its global state: no window, no chosen backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.api import continuous
from schemas.vocabulary import EPOCH_S, BeatType

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Apnea", "can_draw", "draw_apnea", "find_apnea", "save_picture"]

SIZE_PX = (1500, 1200)
_DPI = 100
_BEFORE_S, _AFTER_S = 20.0, 40.0  # around the apnea: quiet breathing, and the saturation's fall, which comes later
_KINDS = ("obstructive_apnea", "mixed_apnea", "central_apnea")
_NEEDED = ("ecg", "ibi", "thor", "abdo", "resp", "spo2")
_UNITS = {"1": "arbitrary unit", "percent": "%"}
# Colours that the colour-blind tell apart, too: Okabe & Ito 2008.
_BLACK, _GREY, _ORANGE, _SKY = "#000000", "#7F7F7F", "#E69F00", "#56B4E9"
_GREEN, _BLUE, _RED, _PURPLE = "#009E73", "#0072B2", "#D55E00", "#CC79A7"
_TRUE = _PURPLE  # whatever was not measured but is known

Truth = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Apnea:
    """An apnea of a night's truth; the onset in seconds from the grid's origin."""

    kind: str
    onset_s: float
    duration_s: float

    @property
    def span_s(self) -> tuple[float, float]:
        """What the picture shows, from the grid's origin."""
        return self.onset_s - _BEFORE_S, self.onset_s + self.duration_s + _AFTER_S


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def find_apnea(ds: xr.Dataset, truth: Truth) -> Apnea | None:
    """Return an apnea that can be shown: an obstructive one if there is any, and the longest of these; or None.

    It can be shown where every channel of the picture is stored without a gap and nobody turns over.

    Parameters
    ----------
    ds : xr.Dataset
        An opened recording.
    truth : mapping
        Of the synthetic night, see `pipeline.synth.truth.read_truth`; seconds from the start of the recording.
    """
    if not set(_NEEDED) <= set(ds["channel"].values):
        return None
    present = _recorded(ds, truth)
    apneas = [
        Apnea(str(kind), float(onset_s) - ds.attrs["grid_offset_s"], float(duration_s))
        for kind, onset_s, duration_s in zip(
            truth["event_type"], truth["event_onset_s"], truth["event_duration_s"], strict=True
        )
        if kind in _KINDS
    ]
    shown = [apnea for apnea in apneas if _is_whole(present, apnea.span_s)]
    return max(shown, key=lambda apnea: (apnea.kind == _KINDS[0], apnea.duration_s), default=None)


def _recorded(ds: xr.Dataset, truth: Truth) -> NDArray[np.bool_]:
    """Return the seconds in which every channel is there and nobody turns over; shape (n_second,), bool."""
    n_second = ds.sizes["epoch"] * EPOCH_S
    present = np.ones(n_second, np.bool_)
    for channel in _NEEDED:
        present &= np.isfinite(ds[channel].values.reshape(n_second, -1)).all(axis=1)
    begin_s = truth["movement_onset_s"] - ds.attrs["grid_offset_s"]
    for begin, length in zip(begin_s, truth["movement_duration_s"], strict=True):
        present[max(0, int(begin)) : max(0, int(begin + length) + 1)] = False
    return present


def _is_whole(present: NDArray[np.bool_], span_s: tuple[float, float]) -> bool:
    begin, end = int(np.floor(span_s[0])), int(np.ceil(span_s[1]))
    return begin >= 0 and end <= present.size and bool(present[begin:end].all())


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, 1500 pixels wide."""
    figure.savefig(path, format="png", dpi=_DPI)


def draw_apnea(ds: xr.Dataset, truth: Truth, apnea: Apnea) -> Figure:
    """Draw what is stored around an apnea, with true beats and breaths beneath.

    Parameters
    ----------
    ds : xr.Dataset
        An opened recording with the channels that `find_apnea` asks for.
    truth : mapping
        Of the same night.
    apnea : Apnea
        The instant 0 of the picture is its onset.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib; see `can_draw`.
    """
    from matplotlib.figure import Figure

    view = _View(ds, apnea)
    figure = Figure(figsize=(SIZE_PX[0] / _DPI, SIZE_PX[1] / _DPI), dpi=_DPI, layout="constrained")
    axes: Sequence[Axes] = figure.subplots(5, 1, sharex=True, height_ratios=[1.5, 1, 1.2, 1.5, 0.8])
    offset_s = ds.attrs["grid_offset_s"]
    _draw_ecg(axes[0], view, truth["beat_time_s"] - offset_s)
    _draw_ibi(axes[1], view, truth["beat_time_s"] - offset_s)
    _draw_belts(axes[2], view)
    _draw_resp(axes[3], view, truth["breath_time_s"] - offset_s)
    _draw_spo2(axes[4], view)
    for each in axes:
        _dress(each, apnea)
    axes[0].set_title(apnea.kind.replace("_", " "), x=_middle(view, apnea), fontsize=13, color=_BLUE)
    axes[-1].set_xlim(*view.limits_s)
    axes[-1].set_xlabel("time from the onset of the apnea (s)", fontsize=13)
    figure.align_ylabels()
    figure.suptitle(
        f"{ds.attrs['cohort']}/{ds.attrs['recording']}: beats and breathing around an apnea", fontsize=16
    )
    return figure


def _dress(axes: Axes, apnea: Apnea) -> None:
    """Shade the apnea and put everything into sizes that can be read."""
    axes.axvspan(0, apnea.duration_s, color=_SKY, alpha=0.2, linewidth=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=12)
    axes.yaxis.label.set_fontsize(13)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=12)


def _middle(view: _View, apnea: Apnea) -> float:
    """Return the middle of the apnea as a share of the picture's width."""
    begin_s, end_s = view.limits_s
    return (apnea.duration_s / 2 - begin_s) / (end_s - begin_s)


class _View:
    """What of a recording is in the picture; its clock begins with the apnea."""

    def __init__(self, ds: xr.Dataset, apnea: Apnea) -> None:
        self._ds, self._apnea = ds, apnea
        self.limits_s = (-_BEFORE_S, apnea.duration_s + _AFTER_S)
        self.source = str(ds["resp"].attrs["source"])

    def wave(self, channel: str) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return times and values of a channel."""
        first, last = (int(t // EPOCH_S) for t in self._apnea.span_s)
        piece = continuous(self._ds.isel(epoch=slice(first, last + 1)), channel)
        time_s = piece["time_s"].values - self._apnea.onset_s
        shown = (time_s >= self.limits_s[0]) & (time_s <= self.limits_s[1])
        return time_s[shown], piece.values[shown]

    def events(self, time_s: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the times of those events that are shown, and which these are."""
        away_s = time_s - self._apnea.onset_s
        shown = (away_s >= self.limits_s[0]) & (away_s <= self.limits_s[1])
        return away_s[shown], shown

    def table(self, *names: str) -> list[NDArray[Any]]:
        """Return the shown rows of a table of events, its first column being the time."""
        time_s, shown = self.events(self._ds[names[0]].values)
        return [time_s, *(self._ds[name].values[shown] for name in names[1:])]

    def axis_label(self, channel: str, name: str) -> str:
        """Return a name with the channel's unit."""
        unit = self._ds[channel].attrs["units"]
        return f"{name} ({_UNITS.get(unit, unit)})"


def _draw_ecg(axes: Axes, view: _View, true_s: NDArray[np.float64]) -> None:
    time_s, value = view.wave("ecg")
    axes.plot(time_s, value, color=_BLACK, linewidth=0.8, label="ECG")
    beat_s, kind, valid = view.table("beat_time_s", "beat_type", "beat_valid")
    top = float(value.max() + 0.12 * np.ptp(value))
    for name, shown, colour in (
        ("normal beat", (valid == 1) & (kind == BeatType.NORMAL), _GREEN),
        ("ectopic beat", (valid == 1) & (kind == BeatType.ECTOPIC), _ORANGE),
        ("doubtful beat", (valid != 1) | (kind == BeatType.UNCERTAIN), _GREY),
    ):
        if shown.any():
            axes.plot(beat_s[shown], np.full(shown.sum(), top), "v", color=colour, markersize=6, label=name)
    _mark_truth(axes, view.events(true_s)[0], "true beat")
    axes.set_ylabel(view.axis_label("ecg", "ECG"))


def _draw_ibi(axes: Axes, view: _View, true_s: NDArray[np.float64]) -> None:
    time_s, value = view.wave("ibi")
    shown_s, shown = view.events(true_s[:-1])
    axes.plot(shown_s, np.diff(true_s)[shown], "o", color=_TRUE, markersize=5, label="true interval")
    axes.step(time_s, value, where="post", color=_BLUE, linewidth=1.4, label="IBI")
    axes.set_ylabel(view.axis_label("ibi", "IBI"))


def _draw_belts(axes: Axes, view: _View) -> None:
    for channel, name, colour in (("thor", "thorax", _BLUE), ("abdo", "abdomen", _ORANGE)):
        axes.plot(*view.wave(channel), color=colour, linewidth=1.3, label=name)
    axes.set_ylabel(view.axis_label("thor", "belts"))


def _draw_resp(axes: Axes, view: _View, true_s: NDArray[np.float64]) -> None:
    time_s, value = view.wave("resp")
    axes.plot(time_s, value, color=_BLACK, linewidth=1.4, label=f"RESP from {view.source.replace('_', ' ')}")
    breath_s, obstructed = view.table("breath_time_s", "breath_obstructed")
    for name, kind, colour in (("breath", 0, _GREEN), ("obstructed effort", 1, _RED)):
        at_s = breath_s[obstructed == kind]
        if at_s.size:
            axes.plot(at_s, np.interp(at_s, time_s, value), "o", color=colour, markersize=6, label=name)
    _mark_truth(axes, view.events(true_s)[0], "true breath")
    axes.set_ylabel(view.axis_label("resp", "RESP"))


def _draw_spo2(axes: Axes, view: _View) -> None:
    time_s, value = view.wave("spo2")
    axes.step(time_s, value, where="post", color=_RED, linewidth=1.5, label="SpO₂")
    axes.set_ylabel(view.axis_label("spo2", "SpO₂"))
    axes.locator_params(axis="y", integer=True, nbins=4)


def _mark_truth(axes: Axes, time_s: NDArray[np.float64], label: str) -> None:
    """Draw a tick for each true event along the bottom."""
    bottom = np.full(time_s.size, 0.03)
    axes.plot(
        time_s,
        bottom,
        "|",
        color=_TRUE,
        markersize=10,
        markeredgewidth=2,
        transform=axes.get_xaxis_transform(),
        label=label,
    )
