"""The numbers of `pipeline.drift.measures`, from the catalog's two tables; no store is opened for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.drift.measures import MEASURES

__all__ = ["numbers", "scaled"]

_STAGES = ("w", "n1", "n2", "n3", "rem")
_STAGED = ("aasm", "rk")  # schemes that tell the stages of sleep apart
_PRIMARY = {"eeg_size": "eeg", "eog_size": "eog", "emg_size": "emg", "ecg_size": "ecg"}  # of a modality
_CHANNEL = ("thor", "abdo", "airflow", "nasal_pressure", "snore", "pleth")


def numbers(recordings: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Return a row a recording, in the catalog's order: its name and a column a measure; null where there is none.

    Parameters
    ----------
    recordings, channels : DataFrame
        The catalog's tables.
    """
    rows = recordings.select("recording", *_of_nights(recordings))
    for name, own in _of_channels(channels).items():
        rows = rows.join(own.rename({"value": name}), on="recording", how="left", maintain_order="left")
    return rows.select("recording", *MEASURES)


def scaled(rows: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the numbers as they are compared, by measure; shape (n,), NaN where there is none."""
    return {
        name: np.array([measure.scaled(value) for value in rows[name].to_list()], np.float64)
        for name, measure in MEASURES.items()
    }


def _of_nights(recordings: pl.DataFrame) -> list[pl.Expr]:
    scored = pl.sum_horizontal(f"n_{stage}" for stage in _STAGES)
    is_staged = pl.col("stage_scheme").is_in(_STAGED) & (scored > 0)
    shares = [
        pl.when(is_staged).then(100 * pl.col(f"n_{stage}") / scored).alias(f"{stage}_percent") for stage in _STAGES
    ]
    coverage = [name for name in recordings.columns if name.endswith("_coverage")]
    usable = (100 * pl.mean_horizontal(coverage)).alias("usable_percent")
    return [*(pl.col(name) for name in MEASURES if name in recordings.columns), usable, *shares]


def _of_channels(channels: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """Return tables of recording and value by measure, each recording once."""
    primary = channels.filter(pl.col("primary"))
    eeg = pl.col("modality") == "eeg"
    return {
        **{name: _column(primary, pl.col("modality") == of, "amplitude") for name, of in _PRIMARY.items()},
        **{f"{name}_size": _column(channels, pl.col("channel") == name, "night_factor") for name in _CHANNEL},
        "mains_hz": _column(primary, eeg, "mains_hz"),
        "hum_uv": _column(primary, eeg, "mains_amplitude"),
        "eeg_asymmetry": _column(primary, eeg, "slow_wave_asymmetry"),
    }


def _column(channels: pl.DataFrame, which: pl.Expr, column: str) -> pl.DataFrame:
    return channels.filter(which).select("recording", pl.col(column).alias("value"))
