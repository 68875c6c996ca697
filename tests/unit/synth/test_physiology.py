"""The signals show what the truth says, found by independent means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sleepecg
from scipy import signal

from pipeline.synth.cardiac import AF, NORMAL, SUPRAVENTRICULAR, VENTRICULAR, Beats, ecg_wave, pulse_rate
from pipeline.synth.edf_writer import EdfSignal
from pipeline.synth.events import APNEAS
from pipeline.synth.hypnogram import draw_hypnogram
from pipeline.synth.night import draw_night
from pipeline.synth.noise import stream
from pipeline.synth.recipe import load_recipe
from pipeline.synth.respiration import flow_wave, volume_wave
from pipeline.synth.sensors import Loss, Sensor, record
from pipeline.synth.traits import draw_traits
from schemas.vocabulary import EPOCH_S, Stage

Night = Any


def epochs(night: Night, source: str) -> tuple[np.ndarray, float]:
    """One row an epoch."""
    value, rate_hz = night.physical(source)
    offset = round(float(night.truth["grid_offset_s"]) * rate_hz)
    n, width = night.truth["stage"].size, round(EPOCH_S * rate_hz)
    return value[offset : offset + n * width].reshape(n, width), rate_hz


def band_power(rows: np.ndarray, rate_hz: float, low: float, high: float) -> np.ndarray:
    f, density = signal.welch(rows, rate_hz, nperseg=int(4 * rate_hz), axis=-1)
    inside = (f >= low) & (f < high)
    return density[:, inside].mean(axis=1)


def median_by_stage(night: Night, value: np.ndarray) -> dict[Stage, float]:
    stage = night.truth["stage"]
    return {s: float(np.median(value[stage == s])) for s in Stage if s >= 0}


def amplitude(value: np.ndarray, rate_hz: float, start_s: float, end_s: float) -> float:
    return float(value[int(start_s * rate_hz) : int(end_s * rate_hz)].std())


def test_the_night_has_what_the_tests_need(night: Night) -> None:
    """All stages, all kinds of apnea, no sensor lost."""
    assert set(night.truth["stage"]) == {0, 1, 2, 3, 4}
    assert set(APNEAS) <= set(night.truth["event_type"])
    assert night.truth["loss_label"].size == 0


def test_a_peak_detector_finds_the_beats(night: Night) -> None:
    """sleepecg, which knows nothing of us, finds them with an F1 above 0.99, within 15 ms."""
    ecg, rate_hz = night.physical("ecg")
    found = sleepecg.detect_heartbeats(ecg, rate_hz) / rate_hz
    true = night.truth["beat_time_s"]
    right = np.searchsorted(true, found).clip(1, true.size - 1)
    miss = np.minimum(np.abs(found - true[right]), np.abs(found - true[right - 1]))
    hits = np.count_nonzero(miss < 0.015)
    assert 2 * hits / (found.size + true.size) > 0.99
    assert np.all(np.diff(true) > 0.2)


def test_spectra_differ_by_stage_as_they_should(night: Night) -> None:
    """Delta is largest in N3, alpha in wake, sigma in N2."""
    rows, rate_hz = epochs(night, "eeg_c4_m1")
    delta = median_by_stage(night, band_power(rows, rate_hz, 0.5, 4))
    alpha = median_by_stage(night, band_power(rows, rate_hz, 8, 11))
    sigma = median_by_stage(night, band_power(rows, rate_hz, 12, 15))
    assert delta[Stage.N3] > 3 * max(delta[s] for s in (Stage.W, Stage.N1, Stage.REM))
    assert alpha[Stage.W] > 3 * max(alpha[s] for s in (Stage.N2, Stage.N3, Stage.REM))
    assert sigma[Stage.N2] > 1.5 * sigma[Stage.REM]


def test_spindles_are_where_the_truth_puts_them(night: Night) -> None:
    """Sigma amplitude at spindle times is several times that of the same epochs elsewhere."""
    eeg, rate_hz = night.physical("eeg_c4_m1")
    sos = signal.butter(4, [11.5, 15.5], "bandpass", fs=rate_hz, output="sos")
    envelope = np.abs(signal.hilbert(signal.sosfiltfilt(sos, eeg)))
    at = np.round(night.truth["spindle_time_s"] * rate_hz).astype(int)
    at = at[at < eeg.size - 5 * rate_hz]
    assert at.size > 20
    assert np.median(envelope[at]) > 3 * np.median(envelope[at + int(4 * rate_hz)])


def test_slow_waves_go_down_sharply_and_up_gently(night: Night) -> None:
    """Averaged over their times, the trough is deep and narrow, the crest half as high and wider."""
    eeg, rate_hz = night.physical("eeg_c4_m1")
    at = np.round(night.truth["slow_wave_time_s"] * rate_hz).astype(int)
    at = at[(at > rate_hz) & (at < eeg.size - 2 * rate_hz)]
    span = np.arange(int(-0.4 * rate_hz), int(1.0 * rate_hz))
    mean = eeg[at[:, None] + span].mean(axis=0)
    down, up = mean.min(), mean.max()
    assert abs(span[mean.argmin()] / rate_hz) < 0.02
    assert 0.3 < span[mean.argmax()] / rate_hz < 0.55
    assert -down > 1.6 * up
    assert np.count_nonzero(mean < down / 2) < 0.8 * np.count_nonzero(mean > up / 2)


def test_a_flipped_channel_is_upside_down_and_its_header_is_silent(cohort: Any, open_written: Any) -> None:
    """Slow waves of a channel with sign -1 point up in the file, though its gain is positive."""
    report = cohort("mesa")
    opened = open_written(report.out, "mesa", report.recordings[0])
    index = list(opened.truth["label"]).index("EEG3")
    assert opened.truth["sign"][index] == -1
    written = opened.edf.signals[index]
    at = np.round(opened.truth["slow_wave_time_s"] * written.sampling_frequency).astype(int)
    assert at.size > 10
    assert written.data[at].mean() > 10


def test_eyes_move_opposite_ways_in_rem(night: Night) -> None:
    """Left and right EOG are anticorrelated below 2 Hz in REM, and not in N3."""
    (left, rate_hz), (right, _) = epochs(night, "eog_l"), epochs(night, "eog_r")
    sos = signal.butter(2, 2.0, fs=rate_hz, output="sos")
    left, right = signal.sosfiltfilt(sos, left, axis=1), signal.sosfiltfilt(sos, right, axis=1)
    together = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(left, right, strict=True)])
    by_stage = median_by_stage(night, together)
    assert by_stage[Stage.REM] < -0.4
    assert by_stage[Stage.N3] > 0.2


def test_muscle_tone_falls_from_wake_to_rem(night: Night) -> None:
    """Chin EMG above 10 Hz orders the stages."""
    rows, rate_hz = epochs(night, "emg_chin")
    sos = signal.butter(4, 10.0, "highpass", fs=rate_hz, output="sos")
    tone = median_by_stage(night, signal.sosfiltfilt(sos, rows, axis=1).std(axis=1))
    assert tone[Stage.W] > tone[Stage.N1] > tone[Stage.N2] > tone[Stage.N3] > tone[Stage.REM]


def test_flow_and_belts_show_what_kind_of_event_it_is(night: Night) -> None:
    """Flow stops in every apnea; belts stop in the central ones only; in hypopneas both are reduced."""
    truth = night.truth
    flow, flow_hz = night.physical("thermistor")
    thor, thor_hz = night.physical("thor")
    kinds = dict.fromkeys((*APNEAS, "hypopnea"))
    seen: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for kind, onset, length in zip(
        truth["event_type"], truth["event_onset_s"], truth["event_duration_s"], strict=True
    ):
        if kind in seen:
            inside, before = (onset + 2, onset + length - 1), (onset - 10, onset)
            seen[kind].append(
                tuple(
                    amplitude(x, hz, *inside) / amplitude(x, hz, *before)
                    for x, hz in ((flow, flow_hz), (thor, thor_hz))
                )
            )
    mean = {kind: np.median(ratios, axis=0) for kind, ratios in seen.items()}
    assert all(mean[kind][0] < 0.15 for kind in APNEAS)
    assert mean["central_apnea"][1] < 0.15
    assert mean["obstructive_apnea"][1] > 0.3
    assert 0.2 < mean["hypopnea"][0] < 0.75
    assert 0.3 < mean["hypopnea"][1] < 0.9


def test_belts_move_in_paradox_in_obstruction(night: Night) -> None:
    """Rib cage and abdomen are opposed in obstructive apneas and together elsewhere."""
    truth = night.truth
    (thor, rate_hz), (abdo, _) = night.physical("thor"), night.physical("abdo")
    together = []
    for onset, length in zip(truth["event_onset_s"], truth["event_duration_s"], strict=True):
        rows = slice(int((onset + 2) * rate_hz), int((onset + length - 1) * rate_hz))
        together.append(np.corrcoef(thor[rows], abdo[rows])[0, 1])
    together = np.array(together)
    assert np.median(together[truth["event_type"] == "obstructive_apnea"]) < -0.7
    assert np.median(together[truth["event_type"] == "hypopnea"]) > 0.9


def test_breaths_begin_where_the_truth_says(night: Night) -> None:
    """Belts turn upwards at the onsets of inspiration: they are lower there than a second later."""
    thor, rate_hz = night.physical("thor")
    at = np.round(night.truth["breath_time_s"] * rate_hz).astype(int)
    at = at[(at > rate_hz) & (at < thor.size - 2 * rate_hz)]
    nearby = thor[at[:, None] + np.arange(-10, 11)]
    assert abs(np.median(nearby.argmin(axis=1) - 10)) <= 1
    assert np.mean(thor[at + int(rate_hz)] > thor[at]) > 0.97


def test_saturation_falls_after_events_with_the_person_s_lag(night: Night) -> None:
    """The mean course around apneas falls after the lag, is lowest near event's end plus lag, and recovers."""
    truth, lag = night.truth, night.traits["spo2_lag_s"]
    spo2 = truth["spo2_percent"]
    apnea = np.isin(truth["event_type"], APNEAS)
    onset, length = truth["event_onset_s"][apnea].astype(int), truth["event_duration_s"][apnea].astype(int)
    before = spo2[onset + int(lag) - 2]
    lowest = np.array([spo2[a : a + n + int(lag) + 15].min() for a, n in zip(onset, length, strict=True)])
    at = np.array([spo2[a : a + n + int(lag) + 15].argmin() for a, n in zip(onset, length, strict=True)])
    assert np.median(before - lowest) > 2.0
    assert np.median(np.abs(at - (length + lag))) < 6
    assert np.abs(np.diff(spo2)).max() < 2.0


def test_the_file_s_saturation_is_the_rounded_truth(night: Night) -> None:
    """Readings are whole numbers; they and the truth differ by rounding alone."""
    spo2, rate_hz = night.physical("spo2")
    assert rate_hz == 1
    np.testing.assert_allclose(spo2, np.round(night.truth["spo2_percent"]), atol=1e-6)


def test_desaturations_tell_baseline_and_nadir(night: Night) -> None:
    """At least 3 % between the two, and the nadir is the lowest reading within the event."""
    truth = night.truth
    rows = np.flatnonzero(truth["event_type"] == "desaturation")
    assert rows.size > 5
    for i in rows:
        a, n = int(truth["event_onset_s"][i]), int(truth["event_duration_s"][i])
        assert truth["event_baseline_percent"][i] - truth["event_nadir_percent"][i] >= 3
        assert np.round(truth["spo2_percent"][a : a + n + 1]).min() == truth["event_nadir_percent"][i]


def test_most_respiratory_events_end_in_an_arousal(night: Night) -> None:
    """More than half of them, within three seconds of their end."""
    truth = night.truth
    respiratory = np.isin(truth["event_type"], (*APNEAS, "hypopnea"))
    end = (truth["event_onset_s"] + truth["event_duration_s"])[respiratory]
    arousal = truth["event_onset_s"][truth["event_type"] == "arousal"]
    assert np.mean([np.abs(arousal - e).min() < 3 for e in end]) > 0.5


def test_hearts_beat_with_breathing() -> None:
    """Respiratory sinus arrhythmia: rate oscillates with the breath, more so with the trait."""
    recipe = load_recipe("synthetic")
    traits = [draw_traits(recipe, 3, subject) for subject in range(12)]
    traits = [t for t in traits if not t.af_burden]
    swing = []
    for i, person in enumerate(traits):
        made = draw_night(person, 3600, seed=3, path=("rsa", i))
        beats, breathing = made.beats, made.breathing
        phase = np.interp(beats.time_s[:-1], np.arange(3601), breathing.phase)
        rate = 60 / np.diff(beats.time_s)
        swing.append(2 * abs(np.mean((rate - rate.mean()) * np.exp(2j * np.pi * phase))))
    assert np.corrcoef(swing, [t.rsa_bpm for t in traits])[0, 1] > 0.9


def test_atrial_fibrillation_is_irregular_and_has_no_p_wave() -> None:
    """Intervals vary five times as much as in sinus rhythm, and nothing stands before the QRS."""
    recipe = load_recipe("mesa")
    person = next(t for t in (draw_traits(recipe, 1, i) for i in range(200)) if 0.4 < t.af_burden < 0.7)
    beats = draw_night(person, 3600, seed=1, path=("af",)).beats
    interval = np.diff(beats.time_s)
    in_af = beats.type[1:] == AF
    variation = [interval[rows].std() / interval[rows].mean() for rows in (in_af, ~in_af)]
    assert variation[0] > 2.5 * variation[1]
    rate_hz = 500
    p_wave = []
    for kind in (0, AF):
        out = np.zeros(2 * rate_hz, np.float32)
        ecg_wave(out, rate_hz, Beats(np.array([1.0]), np.array([kind], np.int8)), np.ones(1, np.float32))
        p_wave.append(out[int(0.80 * rate_hz) : int(0.86 * rate_hz)].max())
    assert p_wave[0] > 0.1
    assert p_wave[1] < 0.01


@pytest.mark.parametrize("kind", [NORMAL, VENTRICULAR, SUPRAVENTRICULAR, AF])
def test_the_time_of_a_beat_is_the_time_of_its_peak(kind: int) -> None:
    """For every type of beat, to a millisecond."""
    rate_hz = 2000
    out = np.zeros(2 * rate_hz, np.float32)
    ecg_wave(out, rate_hz, Beats(np.array([1.0]), np.array([kind], np.int8)), np.ones(1, np.float32))
    assert abs(out.argmax() / rate_hz - 1.0) <= 0.001
    assert out.max() == pytest.approx(1.0, abs=0.2)


def test_pulse_rate_is_sixty_over_the_interval() -> None:
    """A beat every 0.8 s is 75 a minute."""
    beats = Beats(np.arange(0.0, 100.0, 0.8), np.zeros(125, np.int8))
    np.testing.assert_allclose(pulse_rate(beats, 90), 75.0, rtol=1e-6)


def test_flow_is_the_derivative_of_volume() -> None:
    """What goes in comes out: the two waves belong together."""
    phase = np.linspace(0, 1, 10001, dtype=np.float32)[:-1]
    slope = np.gradient(volume_wave(phase).astype(float))
    assert np.corrcoef(slope, flow_wave(phase))[0, 1] > 0.999
    assert abs(flow_wave(phase).mean()) < 1e-3


def test_a_lost_sensor_reads_zero_and_its_status_tells() -> None:
    """During a loss the signal is flat; the status signal that watches it is 1 then and 0 otherwise."""
    recipe = load_recipe("mesa")
    made = draw_night(draw_traits(recipe, 1, 0), 300, seed=1, path=("loss",))
    specs = {s.label: s for s in recipe.visits[0].signals}
    sensors = [
        Sensor(s, EdfSignal(s.label, s.rate_hz, s.unit, s.physical, s.digital), loss=loss)
        for s, loss in ((specs["EEG1"], Loss(100, 160)), (specs["EEG1_Off"], None), (specs["EEG2_Off"], None))
    ]
    eeg, status, other = record(made, sensors)
    assert np.ptp(eeg[100 * 256 : 160 * 256]) == 0
    assert eeg[:25600].std() > 10
    np.testing.assert_array_equal(np.flatnonzero(status), np.arange(100, 160))
    assert not other.any()


def test_sites_differ_in_gain_noise_and_mains(night: Night) -> None:
    """The hum of the site's mains stands out of the EEG by its amplitude."""
    eeg, rate_hz = night.physical("eeg_c4_m1")
    mains_hz = night.traits["mains_hz"]
    f, density = signal.welch(eeg, rate_hz, nperseg=int(4 * rate_hz))
    assert density[f == mains_hz] > 5 * density[f == mains_hz + 3]


def test_deep_sleep_shrinks_with_age() -> None:
    """Old people's nights hold less N3 than young people's."""
    recipe = load_recipe("synthetic")
    people = [draw_traits(recipe, 2, subject) for subject in range(120)]
    n3 = [np.mean(draw_hypnogram(stream(i), p, 960) == Stage.N3) for i, p in enumerate(people)]
    assert np.corrcoef(n3, [p.age_years for p in people])[0, 1] < -0.4


@pytest.mark.parametrize("recipe", ["mesa", "shhs", "synthetic"])
def test_truth_and_files_fit_together(cohort: Any, open_written: Any, recipe: str) -> None:
    """Labels in order, stages for every whole epoch, all times within the night."""
    report = cohort(recipe)
    for stem in report.recordings:
        opened = open_written(report.out, recipe, stem)
        truth = opened.truth
        assert list(truth["label"]) == [s.label for s in opened.edf.signals]
        assert truth["stage"].size == int((720 - truth["grid_offset_s"]) // 30)
        for name in ("beat_time_s", "breath_time_s", "event_onset_s", "movement_onset_s"):
            assert np.all((truth[name] >= 0) & (truth[name] <= 720))
        negative = [s.physical_min > s.physical_max for s in opened.edf.signals]
        assert negative == list(truth["negative_gain_header"])
