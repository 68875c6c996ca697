"""The whole night in one figure, for notebooks: stages, events, power of the EEG, saturation and heart rate."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from pipeline.report.night_heart import oxygen_rows
from pipeline.report.night_spectrum import spectrogram_row
from pipeline.report.night_stages import stage_rows
from pipeline.report.plotting import rows
from pipeline.report.view import Night

__all__ = ["night_figure"]


def night_figure(ds: xr.Dataset) -> go.Figure:
    """Return the figure of a recording, or of a slice of its epochs.

    Raises
    ------
    SelectionError
        When arrays or epochs between are missing.
    """
    night = Night(ds)
    eeg = night.primary("eeg")
    content = [*stage_rows(night), *([spectrogram_row(night, eeg)] if eeg else []), *oxygen_rows(night)]
    figure = rows(night, content, legend=True)
    figure.layout.title = {
        "text": f"{ds.attrs['cohort']}/{ds.attrs['recording']}",
        "x": 0,
        "y": 1,
        "yanchor": "top",
    }
    figure.layout.margin.t = 60  # px: title and legend
    figure.layout.height += 30
    return figure
