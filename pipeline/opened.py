"""An opened recording: an `xr.Dataset` that says first what night it is, and can draw it."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from schemas.findings import Severity
from schemas.vocabulary import EPOCH_S, Stage

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Recording"]


class Recording(xr.Dataset):  # type: ignore[no-untyped-call]
    """One night, opened.

    Everything that xarray does with a Dataset it does with this; what has lost the night's attributes on the way is
    shown as xarray shows it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        lines = list(_summary(self))
        if not lines:
            return super().__repr__()
        (title, text), *others = lines
        return "\n".join([f"{title} {text}", *(f"  {name:9} {what}" for name, what in others), super().__repr__()])

    def _repr_html_(self) -> str:
        lines = list(_summary(self))
        if not lines:
            return str(super()._repr_html_())
        (title, text), *others = [(html.escape(name), html.escape(what)) for name, what in lines]
        cells = "".join(f"<tr><th style='text-align:left'>{name}</th><td>{what}</td></tr>" for name, what in others)
        return f"<p><strong>{title}</strong> {text}</p><table>{cells}</table>{super()._repr_html_()}"

    def plot_night(self) -> Figure:
        """Draw the night: stages, events, power of the EEG, saturation and heart rate.

        Returns
        -------
        plotly.graph_objects.Figure
            Shown by notebooks where it is the last line; ``.show()`` and ``.write_html(path)`` do elsewhere.

        Raises
        ------
        PsgError
            When Plotly is not installed.
        SelectionError
            When this is a part of a recording other than a slice of its epochs.
        """
        from pipeline.report.assets import check_installed

        check_installed()
        from pipeline.report.night_figure import night_figure

        return night_figure(self)


def _summary(ds: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Yield what can be told of a recording, or of what is left of it; nothing where its name is gone."""
    a = ds.attrs
    if not {"cohort", "recording", "findings"} <= set(a) or "epoch" not in ds.sizes:
        return
    n_epoch = ds.sizes["epoch"]
    night = f"{n_epoch * EPOCH_S / 3600:.2f} h in {n_epoch} epochs"
    yield f"{a['cohort']}/{a['recording']}", night
    if "channel" in ds.variables:
        primaries = [str(name) for name in ds["channel"].values if name in ds and ds[name].attrs.get("primary")]
        yield "channels", f"{ds.sizes['channel']}, of them primary: {', '.join(primaries) or 'none'}"
    if "stage" in ds:
        codes, counts = np.unique(ds["stage"].values, return_counts=True)
        minutes = (f"{Stage(c).name} {n * EPOCH_S / 60:g} min" for c, n in zip(codes.tolist(), counts, strict=True))
        yield "stages", ", ".join(minutes).replace("UNSCORED", "unscored")
    found = [f"{ds.sizes[name]} {name}s" for name in ("event", "beat", "breath") if name in ds.sizes]
    if found:
        yield "found", ", ".join(found)
    severities = Counter(row["severity"] for row in a["findings"])
    yield (
        "findings",
        ", ".join(f"{severities[kind]} {kind}" for kind in reversed(Severity) if severities[kind]) or "none",
    )
