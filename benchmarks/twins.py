"""Nights that are there twice: how many second exports are found, and how many different nights are taken for one.

Synthetic nights of eight hours. A second export has the ECG at another rate, in another unit and with 8 bits, cut
at both ends by whole epochs; its beats are found anew by our detector. By stages alone and by the heart alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.evidence import Figures, Parameters, Progress
from pipeline.catalog.twins import NightMarks, find_twins, night_marks
from pipeline.derive.rpeaks import detect
from pipeline.synth.hypnogram import draw_hypnogram
from pipeline.synth.night import draw_night
from pipeline.synth.noise import stream
from pipeline.synth.recipe import load_recipe
from pipeline.synth.traits import draw_traits
from schemas.vocabulary import EPOCH_S

__all__ = ["twins"]

RATE_HZ, OTHER_HZ = 256, 200
COUNTS = 127  # of 8 bits
QRS_S = 0.015  # width of a made-up complex: one Gaussian
NO_BEATS = np.empty(0)
NO_STAGES = -1


def twins(progress: Progress, parameters: Parameters) -> Figures:
    """Count second exports that are found, and different nights that are taken for one."""
    return {
        "stages": progress.once("stages", lambda: _stages(parameters)),
        "heart": progress.once("heart", lambda: _heart(parameters)),
    }


def _stages(parameters: Parameters) -> Figures:
    """Hypnograms alone, of many persons; every tenth is there a second time, cut at its beginning."""
    recipe, cut = load_recipe("synthetic"), int(parameters["cut_epoch"])
    n_epoch = int(parameters["hours"] * 3600 / EPOCH_S)
    nights: dict[str, NightMarks] = {}
    for number in range(parameters["n_hypnogram"]):
        traits = draw_traits(recipe, parameters["seed"], number)
        stage = draw_hypnogram(stream(parameters["seed"], "twins", number), traits, n_epoch)
        nights[f"first/{number}"] = night_marks(stage, NO_BEATS)
        if number % 10 == 0:
            nights[f"second/{number}"] = night_marks(stage[cut:], NO_BEATS)
    return _counted(nights)


def _heart(parameters: Parameters) -> Figures:
    """ECGs, each recorded once and exported a second time; nobody scored them."""
    recipe, cut = load_recipe("synthetic"), int(parameters["cut_epoch"])
    n_second = int(parameters["hours"] * 3600)
    nights: dict[str, NightMarks] = {}
    for number in range(parameters["n_ecg"]):
        traits = draw_traits(recipe, parameters["seed"], number)
        night = draw_night(traits, n_second, seed=parameters["seed"], path=("twins", number))
        ecg = _ecg(night.beats.time_s, n_second, parameters["seed"] + number)
        nights[f"first/{number}"] = _unscored(detect(ecg, RATE_HZ), n_second)
        second = _exported(ecg, cut)
        nights[f"second/{number}"] = _unscored(detect(second, OTHER_HZ), n_second - 2 * cut * EPOCH_S)
    return _counted(nights)


def _unscored(beat_time_s: NDArray[np.float64], n_second: int) -> NightMarks:
    return night_marks(np.full(n_second // EPOCH_S, NO_STAGES, np.int8), beat_time_s)


def _ecg(beat_time_s: NDArray[np.float64], n_second: int, seed: int) -> NDArray[np.float64]:
    """Return complexes in noise of a twentieth of their height, in mV."""
    ecg = 0.05 * np.random.default_rng(seed).standard_normal(n_second * RATE_HZ)
    reach = np.arange(-16, 17)
    centre = np.round(beat_time_s * RATE_HZ).astype(np.int64)
    at = centre[:, None] + reach
    wave = np.exp(-0.5 * ((at / RATE_HZ - beat_time_s[:, None]) / QRS_S) ** 2)
    inside = (at >= 0) & (at < ecg.size)
    np.add.at(ecg, at[inside], wave[inside])
    return ecg


def _exported(ecg: NDArray[np.float64], cut_epoch: int) -> NDArray[np.float64]:
    """Cut both ends, resample, and keep 8 bits of it, in volts."""
    cut = cut_epoch * EPOCH_S * RATE_HZ
    wave = resample_poly(ecg[cut:-cut], OTHER_HZ // 8, RATE_HZ // 8)
    return np.asarray(np.clip(np.round(wave / 1.5 * COUNTS), -COUNTS, COUNTS) * 1e-3)


def _counted(nights: Mapping[str, NightMarks]) -> dict[str, Any]:
    found = {(pair.one, pair.other) for pair in find_twins(nights)}
    names = {name.partition("/")[2] for name in nights if name.startswith("second/")}
    true = {(f"first/{name}", f"second/{name}") for name in names}
    n = len(nights)
    return {
        "n_night": n,
        "n_pair": n * (n - 1) // 2,
        "n_second": len(true),
        "n_found": len(found & true),
        "n_missed": len(true - found),
        "n_false": len(found - true),
    }
