"""Checks of the spectrum as recorded: hum of the mains, and an EMG that is only its envelope."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.process import Channel
from pipeline.quality.native import pieces
from pipeline.quality.view import LEAST_EPOCH, Measure, NightView, Remark, Said
from schemas.kinds import Kind
from schemas.vocabulary import EPOCH_S

__all__ = ["emg_envelope", "mains"]

Floats = NDArray[np.float32]
_MAINS_HZ = (50.0, 60.0)
_WIRED = (Kind.EEG, Kind.EOG, Kind.EMG, Kind.LEG_EMG, Kind.ECG)  # high impedance, so that hum gets in
_ECG_TIMES = 10.0  # an ECG is that much larger than an EEG, and bears that much more hum
_MILLI = 1e-3  # millivolt a microvolt
_N_PIECE, _PIECE_S = 60, 4.0  # a quarter of a hertz: mains keep to a tenth
_BESIDE_HZ = (1.5, 2.0, 2.5)  # on both sides, what is there without hum
_CLEAR = 4.0  # hum over background, in power
_MUSCLE_HZ = 10.0  # lower edge of an EMG
_DRIFT_HZ = 0.5  # below lies what electrodes do


def mains(night: NightView, limit: float) -> Said:
    """Keep frequency and amplitude of hum where it stands out, and remark on too much of it."""
    for channel in night.of_kind(*_WIRED):
        raw = _raw(night, channel)
        if raw is None:
            continue
        hum_hz, hum = _hum(raw, float(channel.plan.rate_hz))
        if not hum_hz:
            continue
        name, unit = channel.plan.channel, channel.plan.spec.unit.value
        yield Measure("mains_hz", hum_hz, name)
        yield Measure("mains_amplitude", hum, name)
        most = limit * (_ECG_TIMES * _MILLI if channel.plan.rule.kind is Kind.ECG else 1.0)
        if hum > most:
            yield Remark(f"hum of {hum:.3g} {unit} at {hum_hz:g} Hz", name)


def _raw(night: NightView, channel: Channel) -> Floats | None:
    """Return pieces of a channel as recorded that vary, or None without enough of them."""
    begin_s = night.offset_s
    found = pieces(
        channel.plan,
        night.night,
        n_piece=_N_PIECE,
        length_s=_PIECE_S,
        begin_s=begin_s,
        end_s=begin_s + night.n_epoch * EPOCH_S,
    )
    if found is None or night.n_epoch < LEAST_EPOCH:
        return None
    found = found[np.ptp(found, axis=1) > 0]
    return found if len(found) >= _N_PIECE // 3 else None


def _hum(raw: Floats, rate_hz: float) -> tuple[float, float]:
    """Return frequency and amplitude of the hum that stands out most, or zeros."""
    best = (0.0, 0.0)
    for hz in _MAINS_HZ:
        if hz + _BESIDE_HZ[-1] >= rate_hz / 2:
            continue
        beside = [hz + side * away for away in _BESIDE_HZ for side in (-1, 1)]
        power = np.median(_power(raw, rate_hz, [hz, *beside]), axis=0)
        background = float(power[1:].mean())
        if power[0] > _CLEAR * background and power[0] - background > best[1] ** 2:
            best = (hz, float(np.sqrt(power[0] - background)))
    return best


def _power(raw: Floats, rate_hz: float, hz: list[float]) -> NDArray[np.float64]:
    """Return the squared amplitude of a sine at some frequencies; shape (n_piece, n_frequency)."""
    n = raw.shape[1]
    window = np.hanning(n + 1)[:n]
    turn = np.exp(-2j * np.pi * np.outer(np.arange(n) / rate_hz, hz)) * (window / window.sum())[:, None]
    level = raw - raw.mean(axis=1, keepdims=True)
    return np.asarray(np.square(2 * np.abs(level @ turn.astype(np.complex64))), np.float64)


def emg_envelope(night: NightView, limit: float) -> Said:
    """Remark on an EMG without the frequencies of muscle that keeps to one side of zero."""
    for channel in night.of_kind(Kind.EMG, Kind.LEG_EMG):
        raw = _raw(night, channel)
        if raw is None:
            continue
        fast, one_sided = _muscle(raw, float(channel.plan.rate_hz))
        yield Measure("muscle_share", fast, channel.plan.channel)
        if fast < limit and one_sided:
            yield Remark(f"{fast:.1%} of its power is above {_MUSCLE_HZ:g} Hz", channel.plan.channel)


def _muscle(raw: Floats, rate_hz: float) -> tuple[float, bool]:
    """Return the share of power from the EMG's lower edge up, and whether zero is never crossed."""
    mean = raw.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft((raw - mean) * np.hanning(raw.shape[1]), axis=1)) ** 2
    hz = np.fft.rfftfreq(raw.shape[1], 1 / rate_hz)
    slow = spectrum[:, (hz >= _DRIFT_HZ) & (hz < _MUSCLE_HZ)].sum(axis=1)
    fast = spectrum[:, hz >= _MUSCLE_HZ].sum(axis=1)
    total = slow + fast
    crossing = (raw.min(axis=1) < 0) & (raw.max(axis=1) > 0)
    return float(np.median(fast / np.where(total > 0, total, 1.0))), bool(crossing.mean() < 0.5)
