"""Round trips: what lies in the stores against the source as an independent reader decodes it, and against tones.

Nights in the style of two cohorts are converted for real, some signals turned by the manifest and some written
with a negative gain. What they should hold is decoded by pyedflib and brought to the grid by one Fourier
transform of the night. Tones have a closed form and need no reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pyedflib
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.api import continuous, open_recording
from pipeline.batch.convert import convert_recording
from pipeline.cohort import find_recordings
from pipeline.files.discover import discover
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.synth import synthesise
from schemas.kinds import KINDS, RateClass, Shape, kind_of_channel
from schemas.manifest import CohortManifest
from schemas.quality import QualityFlag

Floats = NDArray[np.float64]
RATE_HZ = {f"{rate}_sample": rate.rate_hz for rate in RateClass}
TO_STORED = {("uV", "mV"): 1e-3, ("mV", "uV"): 1e3, ("V", "uV"): 1e6, ("V", "mV"): 1e3}
LAG_S = {128: 1e-4, 32: 1e-3, 4: 5e-3}

# --- nights in the style of a cohort -----------------------------------------------------------------------

FLIPPED = {"shhs": ["eeg_c3_m2", "ecg"], "mesa": ["eeg_fz_cz", "eeg_cz_oz", "eeg_c4_m1"]}
NEGATIVE = {"shhs": ["EEG(sec)", "EMG", "THOR RES"], "mesa": ["EEG2", "EOG-L", "Pleth", "Abdo"]}


@dataclass(frozen=True)
class Trip:
    """A store, its source's header and samples, and the truth that the synthesis kept."""

    ds: xr.Dataset
    edf: Path
    truth: Mapping[str, Any]
    flipped: Sequence[str]
    negative: Sequence[str]

    def channels(self, shape: Shape) -> list[str]:
        """Return the channels of a shape that are signals of the source, those that are derived left out."""
        recorded = [str(c) for c in self.ds["channel"].values if self.ds[c].attrs["resampler"] != "derived"]
        return [channel for channel in recorded if KINDS[kind_of_channel(channel)].shape is shape]

    def source(self, channel: str) -> tuple[Floats, float, str]:
        """Return samples, rate and unit text of a channel's only signal."""
        label = self.ds[channel].attrs["source_label"]
        with pyedflib.EdfReader(str(self.edf)) as reader:
            index = reader.getSignalLabels().index(label)
            rate_hz = reader.samples_in_datarecord(index) / reader.datarecord_duration
            return reader.readSignal(index), rate_hz, reader.getPhysicalDimension(index).strip()

    def pair(self, channel: str) -> tuple[Floats, Floats, float, float]:
        """Return stored and expected wave inside the declared band, the output rate, and the lower edge."""
        attrs = self.ds[channel].attrs
        rate_hz = RATE_HZ[str(self.ds[channel].dims[1])]
        stored = continuous(self.ds, channel).values.astype(np.float64) * attrs.get("night_factor", 1.0)
        value, native_hz, unit = self.source(channel)
        target = attrs.get("source_unit", attrs["units"])
        factor = TO_STORED.get((unit, target), 1.0) * (-1 if channel in self.flipped else 1)
        expected = on_grid(value, native_hz, self.ds.attrs["grid_offset_s"], rate_hz, stored.size) * factor
        low_hz, high_hz = 2 * attrs["band_low_hz"], 0.9 * attrs["band_high_hz"]
        band = sps.butter(4, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
        known = np.isfinite(stored)
        return (*(sps.sosfiltfilt(band, np.where(known, x, 0.0)) for x in (stored, expected)), rate_hz, low_hz)


def on_grid(value: Floats, native_hz: float, start_s: float, rate_hz: int, n_sample: int) -> Floats:
    """Return a night of whole seconds at ``start_s + k / rate_hz``: Fourier interpolation of all of it at once."""
    n_second = round(value.size / native_hz)
    spectrum = np.fft.rfft(value - value.mean())
    spectrum *= np.exp(2j * np.pi * np.arange(spectrum.size) * start_s / n_second)
    bins = n_second * rate_hz // 2 + 1
    wave = np.fft.irfft(spectrum[:bins], n_second * rate_hz) * (rate_hz / native_hz)
    return np.asarray(wave[:n_sample])


def turned_header(edf: Path, labels: Sequence[str]) -> None:
    """Swap physical minimum and maximum of some signals: a legal negative gain."""
    content = bytearray(edf.read_bytes())
    n_signal = int(content[252:256])
    names = [content[at : at + 16].decode().strip() for at in range(256, 256 + 16 * n_signal, 16)]
    for label in labels:
        low, high = (256 + n * n_signal + 8 * names.index(label) for n in (104, 112))
        content[low : low + 8], content[high : high + 8] = content[high : high + 8], content[low : low + 8]
    edf.write_bytes(content)


def flipping(cohort: str) -> CohortManifest:
    """Return a shipped manifest that turns some channels."""
    raw = load_manifest(cohort).model_dump(mode="json", exclude_defaults=True)
    for rule in raw["montage"]:
        if rule["channel"] in FLIPPED[cohort]:
            rule.pop("polarity", None)
            rule["flip"] = {"source": "a test", "release": "1"}
    return CohortManifest.model_validate(raw)


def make_trip(folder: Path, cohort: str, hours: float) -> Trip:
    root, out = folder / "download", folder / "night.zarr"
    synthesise(root, recipe=cohort, nights=1, hours=hours, seed=11)
    manifest = flipping(cohort)
    (source,) = find_recordings(manifest, root)
    turned_header(source.signals[0], NEGATIVE[cohort])
    convert_recording(source, manifest, out)
    with np.load(root / "truth" / f"{source.key.name}.npz") as truth:
        kept = {name: truth[name] for name in truth.files}
    return Trip(open_recording(out).load(), source.signals[0], kept, FLIPPED[cohort], NEGATIVE[cohort])


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("shhs", 0.5), id="shhs-0.5h"),
        pytest.param(("mesa", 0.5), id="mesa-0.5h"),
        pytest.param(("shhs", 8), id="shhs-8h", marks=pytest.mark.system),  # both: docs/evidence/round-trip.json
    ],
)
def trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    """A synthetic night, converted, with signals turned by the manifest and by negative gains."""
    cohort, hours = request.param
    return make_trip(tmp_path_factory.mktemp(cohort), cohort, hours)


def lag_s(stored: Floats, expected: Floats, rate_hz: float) -> float:
    """Return the delay of one wave behind another, from the phase slope of their cross-spectrum."""
    window = np.hanning(stored.size)
    s, r = (np.fft.rfft((x - x.mean()) * window) for x in (stored, expected))
    omega = 2 * np.pi * np.fft.rfftfreq(stored.size, 1 / rate_hz)
    weight = np.abs(s * r) * omega
    return float(-np.sum(weight * np.angle(s * np.conj(r))) / np.sum(weight * omega))


@dataclass(frozen=True)
class Wave:
    """A stored wave beside the source's: correlation and amplitude without the edges, delays of both ends."""

    correlation: float
    slope: float
    first_s: float
    last_s: float
    rate_hz: int


@pytest.fixture(scope="module")
def waves(trip: Trip) -> dict[str, Wave]:
    """Every wave of the night, inside the band that the store declares."""
    return {channel: _wave(*trip.pair(channel)) for channel in trip.channels(Shape.WAVE)}


def _wave(stored: Floats, expected: Floats, rate_hz: float, low_hz: float) -> Wave:
    minute, edge = 60 * int(rate_hz), round(2 / low_hz * rate_hz)
    a, b = stored[edge:-edge], expected[edge:-edge]
    return Wave(
        correlation=float(np.corrcoef(a, b)[0, 1]),
        slope=float(a @ b / (b @ b)),
        first_s=lag_s(stored[:minute], expected[:minute], rate_hz),
        last_s=lag_s(stored[-minute:], expected[-minute:], rate_hz),
        rate_hz=int(rate_hz),
    )


def test_every_planted_trap_is_there(trip: Trip) -> None:
    """The night has its negative gains and its turned channels, and the store says which were turned."""
    with pyedflib.EdfReader(str(trip.edf)) as reader:
        labels = reader.getSignalLabels()
        negative = {
            label for i, label in enumerate(labels) if reader.getPhysicalMinimum(i) > reader.getPhysicalMaximum(i)
        }
    assert negative >= set(trip.negative)
    polarity = {c: trip.ds[c].attrs["polarity"] for c in trip.channels(Shape.WAVE)}
    assert {c for c, said in polarity.items() if said == "flipped_by_manifest"} == set(trip.flipped)


def test_waves_are_those_of_the_source(waves: dict[str, Wave]) -> None:
    """Every wave has correlation, sign and amplitude of the source, inside the band that the store declares."""
    assert len(waves) >= 8
    assert {c: w for c, w in waves.items() if w.correlation < 0.99 or abs(w.slope - 1) > 0.01} == {}


def test_waves_are_in_time_at_both_ends(waves: dict[str, Wave]) -> None:
    """In the first and in the last minute no wave is late or early: 0.1 ms at 128 Hz, 5 ms at 4 Hz."""
    assert {c: w for c, w in waves.items() if not max(abs(w.first_s), abs(w.last_s)) <= LAG_S[w.rate_hz]} == {}


def test_readings_are_held(trip: Trip) -> None:
    """Oximeter readings are the source's, each for its own second, and nothing lies outside their range."""
    for channel in trip.channels(Shape.STEP):
        value, native_hz, _ = trip.source(channel)
        stored = continuous(trip.ds, channel)
        native = np.floor((trip.ds.attrs["grid_offset_s"] + stored["time_s"].values) * native_hz + 1e-9)
        known = np.isfinite(stored.values)
        assert known.mean() > 0.8
        step = KINDS[kind_of_channel(channel)].scale
        np.testing.assert_allclose(stored.values[known], value[native[known].astype(int)], rtol=0, atol=step / 2)
        assert stored.values[known].min() >= value.min() - step / 2
        assert stored.values[known].max() <= value.max() + step / 2


def test_positions_are_translated(trip: Trip) -> None:
    """Body positions carry the project's codes, whatever the cohort's own."""
    stored = continuous(trip.ds, "position")
    words = trip.ds["position"].attrs["flag_meanings"].split()
    meaning = dict(zip(trip.ds["position"].attrs["flag_values"], words, strict=True))
    second = np.floor(trip.ds.attrs["grid_offset_s"] + stored["time_s"].values).astype(int)
    assert [meaning[code] for code in stored.values] == trip.truth["position"][second].tolist()


def test_stages_are_those_that_were_scored(trip: Trip) -> None:
    """Stages lie on the scorer's grid, which begins where the truth says."""
    assert trip.ds.attrs["grid_offset_s"] == float(trip.truth["grid_offset_s"])
    np.testing.assert_array_equal(trip.ds["stage"].values, trip.truth["stage"])


# --- tones -------------------------------------------------------------------------------------------------

TONE_HZ = {128: 10.3, 32: 1.37, 4: 0.27}
AMPLITUDE = {128: 80.0, 32: 0.7, 4: 0.7}
TONES = {  # channel: native rate; several in every rate class
    "eeg_c4_m1": 100,
    "eeg_c3_m2": 125,
    "eeg_f4_m1": 128,
    "eeg_o2_m1": 200,
    "eog_l": 256,
    "eog_r": 512,
    "pleth": 32,
    "snore": 50,
    "nasal_pressure_wave": 64,
    "airflow_wave": 200,
    "thor": 4,
    "abdo": 8,
    "effort_sum": 10,
    "airflow": 16,
    "nasal_pressure": 250,
}


def rate_of(channel: str) -> int:
    return KINDS[kind_of_channel(channel)].rate_class.rate_hz


def recording(
    root: Path, signals: Mapping[str, tuple[Floats, float]], *, origin_s: float = 0.0, n_epoch: int = 0
) -> xr.Dataset:
    """Write an EDF whose labels are channels, stages that begin at ``origin_s``, and harmonise them.

    A signal is (samples, rate); waves are EEG in µV or in arbitrary units; ``spo2`` is in per cent.
    """
    root.mkdir(exist_ok=True)
    units = {"spo2": "%"}
    edf = edfio.Edf(
        [
            edfio.EdfSignal(
                value,
                rate_hz,
                label=name[:16],
                physical_dimension=units.get(name, "uV" if rate_of(name) == 128 else ""),
                physical_range=physical_range(value),
            )
            for name, (value, rate_hz) in signals.items()
        ],
        data_record_duration=1,
    )
    edf.write(root / "night.edf")
    (root / "night.xml").write_text(stages_xml(origin_s, n_epoch))
    manifest = tone_manifest(signals)
    (source,) = discover(manifest, root)
    return harmonise(source, manifest)


def physical_range(value: Floats) -> tuple[float, float]:
    top = float(f"{max(1.0, 1.02 * np.abs(value).max()):.3g}")
    return -top, top


def stages_xml(origin_s: float, n_epoch: int) -> str:
    rows = "".join(
        f"<ScoredEvent><EventType>Stages|Stages</EventType><EventConcept>Stage {k % 2 + 1} sleep|{k % 2 + 1}"
        f"</EventConcept><Start>{origin_s + 30 * k:.2f}</Start><Duration>30.0</Duration></ScoredEvent>"
        for k in range(n_epoch)
    )
    return (
        '<?xml version="1.0"?><PSGAnnotation><EpochLength>30</EpochLength><ScoredEvents>'
        f"{rows}</ScoredEvents></PSGAnnotation>"
    )


def tone_manifest(channels: Mapping[str, object]) -> CohortManifest:
    blank = {"unit": "1", "source": "a test"}
    montage: list[dict[str, Any]] = []
    for channel in channels:
        rule: dict[str, Any] = {"channel": channel, "labels": [channel[:16]]}
        if KINDS[kind_of_channel(channel)].is_arbitrary:
            rule["unit_when_blank"] = blank
        if channel == "position":
            rule["value_meanings"] = dict(enumerate("abcdefghij"))
        montage.append(rule)
    terms = {"agreement": "none", "redistribution": True, "commercial": True, "citation": "made up", "release": "1"}
    return CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "tones",
            "title": "Tones",
            "terms": terms,
            "layout": {"signals": "{subject}.edf", "annotations": "{subject}.xml"},
            "annotations": {"format": "nsrr_xml", "scheme": "aasm"},
            "montage": montage,
        }
    )


def tone(channel: str, native_hz: float, n_second: int) -> Floats:
    t = np.arange(round(n_second * native_hz)) / native_hz
    rate_hz = rate_of(channel)
    return np.asarray(AMPLITUDE[rate_hz] * np.sin(2 * np.pi * TONE_HZ[rate_hz] * t + 0.7))


def fitted(ds: xr.Dataset, channel: str, part: slice) -> tuple[float, float]:
    """Return amplitude relative to the tone's, and delay in seconds, of a least-squares sine."""
    rate_hz = rate_of(channel)
    value = ds[channel].values.reshape(-1).astype(np.float64)
    t = ds.attrs["grid_offset_s"] + np.arange(value.size) / rate_hz
    omega = 2 * np.pi * TONE_HZ[rate_hz]
    design = np.stack([np.sin(omega * t[part] + 0.7), np.cos(omega * t[part] + 0.7)], axis=1)
    (a, b), *_ = np.linalg.lstsq(design, value[part], rcond=None)
    return float(np.hypot(a, b)) / AMPLITUDE[rate_hz], float(-np.arctan2(b, a) / omega)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Half an hour of tones at many native rates, scored from 12.34 s on to 18 s before the end."""
    signals = {name: (tone(name, rate, 1830), float(rate)) for name, rate in TONES.items()}
    return recording(tmp_path_factory.mktemp("tones"), signals, origin_s=12.34, n_epoch=60)


@pytest.fixture(scope="module")
def bare_tones(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The same without stages: from the first sample to the last."""
    signals = {name: (tone(name, rate, 1800), float(rate)) for name, rate in TONES.items()}
    return recording(tmp_path_factory.mktemp("bare"), signals)


def minute(name: str, rate_hz: int) -> slice:
    return {"first": slice(0, 60 * rate_hz), "last": slice(-60 * rate_hz, None), "all": slice(None)}[name]


@pytest.mark.parametrize("channel", TONES)
@pytest.mark.parametrize("when", ["first", "last", "all"])
def test_tones_keep_amplitude_and_time(tones: xr.Dataset, channel: str, when: str) -> None:
    """A noiseless tone keeps its amplitude to 0.1 % and its time to 0.1 ms, whatever its native rate."""
    amplitude, delay_s = fitted(tones, channel, minute(when, rate_of(channel)))
    assert abs(amplitude - 1) <= 1e-3
    assert abs(delay_s) <= 1e-4


@pytest.mark.parametrize("channel", TONES)
@pytest.mark.parametrize("when", ["first", "last", "all"])
def test_tones_keep_time_up_to_the_files_ends(bare_tones: xr.Dataset, channel: str, when: str) -> None:
    """Also at the file's ends, where a filter knows one side only: 0.1 ms, at 4 Hz 1 ms in that minute."""
    amplitude, delay_s = fitted(bare_tones, channel, minute(when, rate_of(channel)))
    at_an_end = rate_of(channel) == 4 and when != "all"
    assert abs(amplitude - 1) <= (2e-3 if at_an_end else 1e-3)
    assert abs(delay_s) <= (1e-3 if at_an_end else 1e-4)


@pytest.mark.system
def test_tones_stay_in_time_for_a_whole_night(tmp_path: Path) -> None:
    """Eight hours of tones in three rate classes are in time in the first and in the last minute."""
    rates = {"eeg_c3_m2": 125, "eog_l": 256, "pleth": 50, "thor": 10, "airflow": 32}
    signals = {name: (tone(name, rate, 28800), float(rate)) for name, rate in rates.items()}
    ds = recording(tmp_path, signals, origin_s=12.34, n_epoch=959)
    late = {
        (channel, when): delay_s
        for channel in rates
        for when in ("first", "last", "all")
        if abs(delay_s := fitted(ds, channel, minute(when, rate_of(channel)))[1]) > 1e-4
    }
    assert late == {}


ALIASES = [  # channel, native rate, tone at 1.1 times the output's Nyquist frequency, limit in dB
    ("eeg_c4_m1", 256, 70.4, -80),
    ("eeg_c4_m1", 200, 70.4, -80),
    ("ecg", 512, 70.4, -80),
    ("pleth", 64, 17.6, -60),
    ("thor", 10, 2.2, -60),
    ("airflow", 32, 2.2, -60),
]


@pytest.mark.parametrize(("channel", "native_hz", "tone_hz", "limit_db"), ALIASES)
def test_nothing_folds_back(tmp_path: Path, channel: str, native_hz: int, tone_hz: float, limit_db: float) -> None:
    """What lies above half the output rate is gone, and does not return at a wrong frequency.

    Judged half a minute away from the file's ends: a tone that is cut off is no longer a tone.
    """
    t = np.arange(300 * native_hz) / native_hz
    value = 200.0 * np.sin(2 * np.pi * tone_hz * t)
    unit = 1e-3 if channel == "ecg" else 1.0
    ds = recording(tmp_path, {channel: (value, float(native_hz))}, origin_s=30, n_epoch=8)
    left = ds[channel].values[:8].astype(np.float64) / unit
    level_db = 20 * np.log10(np.sqrt(np.mean(left**2)) / (200.0 / np.sqrt(2)))
    assert level_db <= limit_db


# --- oximetry and the grid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", [0.0, 55.0])
def test_a_dropout_is_masked_and_nothing_else(tmp_path: Path, dropped: float) -> None:
    """A minute without a finger is missing with a margin of seconds; the rest is as read, without overshoot."""
    saturation = 96.0 + np.round(np.sin(np.arange(1200) / 40.0))
    saturation[300:360] = dropped
    ds = recording(tmp_path, {"spo2": (saturation, 1.0)})
    stored = ds["spo2"].values.reshape(-1)
    held = np.repeat(saturation, 4)
    known = np.isfinite(stored)
    gone = np.flatnonzero(~known) / 4
    assert gone.min() >= 290
    assert gone.max() < 370
    assert not known[300 * 4 : 360 * 4].any()
    np.testing.assert_allclose(stored[known], held[known], atol=0.01)
    reasons = QualityFlag.MISSING_CODE | QualityFlag.TOO_FAST
    flagged = np.flatnonzero(ds["quality"].values[:, 0] & reasons)
    assert set(flagged) <= {9, 10, 11, 12}
    assert {10, 11} <= set(flagged)


def test_the_scoring_grid_decides_where_epochs_begin(tmp_path: Path) -> None:
    """With stages from 12.34 s on, second k of the store is what the device said 12.34 + k s after its start."""
    codes = np.arange(400) % 10
    ds = recording(tmp_path, {"position": (codes.astype(float), 1.0)}, origin_s=12.34, n_epoch=12)
    assert ds.attrs["grid_offset_s"] == pytest.approx(12.34)
    assert ds["stage"].values.tolist() == [1, 2] * 6
    stored = ds["position"].values.reshape(-1)
    expected = codes[np.floor(12.34 + np.arange(stored.size)).astype(int)]
    np.testing.assert_array_equal(stored, expected)


def test_a_burst_lies_in_the_epoch_that_it_was_scored_in(tmp_path: Path) -> None:
    """A burst that fills a scored epoch fills the same epoch of the store, at a grid between two samples."""
    native_hz, origin_s = 125.0, 12.34
    t = np.arange(round(300 * native_hz)) / native_hz
    inside = (t >= origin_s + 120) & (t < origin_s + 150)
    value = np.where(inside, 100.0, 1.0) * np.sin(2 * np.pi * 12.0 * t)
    ds = recording(tmp_path, {"eeg_c4_m1": (value, native_hz)}, origin_s=origin_s, n_epoch=9)
    middle = ds["eeg_c4_m1"].values[:, 64:-64]  # half a second from the epochs' ends
    loud = np.sqrt(np.mean(middle**2, axis=1)) > 10
    assert loud.tolist() == [k == 4 for k in range(9)]
