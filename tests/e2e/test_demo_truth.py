"""What the demo shows of a synthetic night: figures near the truth, and a picture of an apnea that can be read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from flows.commands.demo_truth import PICTURE, TrueNight, show_truth
from pipeline.api import open_recording
from pipeline.report import apnea_picture
from pipeline.report.apnea_picture import SIZE_PX, Truth, draw_apnea, find_apnea
from pipeline.score.truth import score_night
from pipeline.synth import synthesise
from pipeline.synth.truth import read_truth
from tests.command_line import in_process


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> TrueNight:
    """A converted night of half an hour with obstructive apneas; the seed was chosen for them."""
    place = tmp_path_factory.mktemp("demo")
    report = synthesise(place / "in", recipe="shhs", nights=1, hours=0.5, seed=7)
    done = in_process("convert", "shhs", "--root", "in", "--out", "out", cwd=place)
    assert done.returncode == 0, done.stderr
    return TrueNight(place / "out" / "shhs", place / "in", report.recordings[0])


@pytest.fixture(scope="module")
def truth(night: TrueNight) -> Truth:
    return read_truth(night.truth)


@pytest.fixture
def ds(night: TrueNight) -> Iterator[xr.Dataset]:
    with open_recording(night.store) as opened:
        yield opened


def test_figures_of_a_clean_night(night: TrueNight) -> None:
    """Beats, intervals and breaths as they are asked for: F1 0.993, 2 ms, 0.95."""
    score = score_night(night.store, night.truth)
    assert score.beats.score.f1 >= 0.993
    assert score.beats.covered >= 0.98
    assert score.ibi_error_s <= 0.002
    assert score.breaths.sensitivity >= 0.95
    assert score.breaths.ppv >= 0.95


def test_the_apnea_is_a_true_one_that_is_whole(ds: xr.Dataset, truth: Truth) -> None:
    """It is in the truth, an obstructive one, and nothing of the picture is missing around it."""
    apnea = find_apnea(ds, truth)
    assert apnea is not None
    at = np.flatnonzero(truth["event_onset_s"] - ds.attrs["grid_offset_s"] == apnea.onset_s)
    assert "obstructive_apnea" in truth["event_type"][at]
    epochs = slice(int(apnea.span_s[0] // 30), int(apnea.span_s[1] // 30) + 1)
    assert all(np.isfinite(ds[name].values[epochs]).all() for name in ("ecg", "thor", "resp"))


def test_no_apnea_where_something_is_missing(ds: xr.Dataset, truth: Truth) -> None:
    """A lost belt, a night of turning over, a night without apnea, no belt at all: nothing to show."""
    lost = ds.assign(thor=ds["thor"].load().where(ds["thor"] > np.inf))
    moving = {"movement_onset_s": np.zeros(1), "movement_duration_s": np.full(1, 1e5)}
    calm = {"event_type": np.full(truth["event_type"].size, "hypopnea")}
    unbelted = ds.assign_coords(channel=[name if name != "thor" else "other" for name in ds["channel"].values])
    assert find_apnea(lost, truth) is None
    assert find_apnea(ds, {**truth, **moving}) is None
    assert find_apnea(ds, {**truth, **calm}) is None
    assert find_apnea(unbelted, truth) is None


def test_the_picture_says_what_it_shows(ds: xr.Dataset, truth: Truth) -> None:
    """Title, units, legends; an axis for each signal, the apnea shaded in all, one mark for every stored beat."""
    apnea = find_apnea(ds, truth)
    assert apnea is not None
    figure = draw_apnea(ds, truth, apnea)
    assert figure.get_suptitle().startswith(f"shhs/{ds.attrs['recording']}: ")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "ECG (mV)",
        "IBI (s)",
        "belts (arbitrary unit)",
        "RESP (arbitrary unit)",
        "SpO₂ (%)",
    ]
    assert figure.axes[-1].get_xlabel().endswith("(s)")
    assert figure.axes[0].get_title() == "obstructive apnea"
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert [words[0] for words in legends] == ["ECG", "true interval", "thorax", "RESP from belts", "SpO₂"]
    assert {"obstructed effort", "breath", "true breath"} <= set(legends[3])
    assert all(len(axes.patches) == 1 for axes in figure.axes)
    begin_s, end_s = apnea.span_s
    beat_s = ds["beat_time_s"].values
    marks = [line for line in figure.axes[0].lines if str(line.get_label()).endswith(" beat")]
    n_drawn = sum(len(line.get_xdata()) for line in marks if line.get_label() != "true beat")
    assert n_drawn == np.sum((beat_s >= begin_s) & (beat_s <= end_s))


def test_the_demo_prints_figures_and_writes_one_picture(
    night: TrueNight, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row a night, and a PNG of the size that is promised."""
    show_truth([night], tmp_path)
    _, head, row, last = capsys.readouterr().out.splitlines()
    assert "beats: true" in head
    assert row.startswith(night.name)
    assert last.endswith(str(tmp_path / PICTURE))
    content = (tmp_path / PICTURE).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == SIZE_PX


def test_without_matplotlib_the_demo_says_how_to_get_it(
    night: TrueNight, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures are printed all the same, and nothing is written."""
    monkeypatch.setattr(apnea_picture, "find_spec", lambda name: None)
    show_truth([night], tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].endswith("pip install 'sleep2vec[plots]'")
    assert list(tmp_path.iterdir()) == []


def test_without_an_apnea_the_demo_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No night, no picture."""
    show_truth([], tmp_path)
    assert "no picture" in capsys.readouterr().out.splitlines()[-1]
