"""The page of one recording: what the store says stands on it, whatever the night lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.report.night_heart import intervals, oxygen_and_rate
from pipeline.report.night_page import night_page
from pipeline.report.night_quality import checks, quality_raster, remarks
from pipeline.report.night_stages import event_counts, hypnogram, stage_minutes
from pipeline.report.night_tables import findings_parts, indices_table, processing_table
from pipeline.report.page import Table, Text, render
from pipeline.report.view import Night
from schemas.quality import QualityFlag
from tests.html_checks import Html

MakeNight = Callable[..., xr.Dataset]


def _with_hearts(ds: xr.Dataset) -> xr.Dataset:
    """Add intervals of one second, missing in the first epoch, and respiration."""
    n_epoch = ds.sizes["epoch"]
    ibi = np.ones((n_epoch, 120), np.float32)
    ibi[0] = np.nan
    base = ds["thor"].attrs
    names = [*map(str, ds["channel"].values), "ibi", "resp"]
    more = {
        "ibi": (("epoch", "slow_sample"), ibi, base | {"kind": "ibi", "modality": "ibi", "units": "s"}),
        "resp": (("epoch", "slow_sample"), ds["thor"].values, base | {"kind": "resp", "modality": "resp"}),
    }
    quality = np.zeros((n_epoch, len(names)), np.uint16)
    quality[0, names.index("ibi")] = QualityFlag.NO_INTERVAL
    usable = np.ones((n_epoch, len(names)), np.float32)
    usable[0, names.index("ibi")] = 0
    names_of_flags = " ".join(str(flag.name).lower() for flag in QualityFlag)
    flags = {"flag_masks": [flag.value for flag in QualityFlag], "flag_meanings": names_of_flags}
    tables = {"usable_fraction": (("epoch", "channel"), usable), "quality": (("epoch", "channel"), quality, flags)}
    without = ds.drop_vars(["usable_fraction", "quality", "channel"])
    return without.assign(more | tables).assign_coords(channel=names)


def _page(ds: xr.Dataset) -> Html:
    html = Html(render(night_page(Night(ds))))
    html.check()
    return html


@pytest.fixture(scope="module")
def made(make_night: MakeNight) -> xr.Dataset:
    """A night of five epochs with two findings and every derived channel."""
    night = _with_hearts(make_night(n_epoch=5))
    night["stage"].values[:] = [0, 1, 2, 4, -1]
    for name in ("pleth", "thor"):
        night[name].attrs["night_factor"] = 0.25
    for name in night["channel"].values:
        night[name].attrs["n_saturated"] = 0
    night["resp"].attrs["night_factor"] = 1.0
    found = [
        {"code": "PSG-S023", "severity": "info", "message": "polarity unknown", "channel": "resp"},
        {"code": "PSG-A002", "severity": "warning", "message": "two epochs", "epochs": [[1, 2], [3, 5]]},
    ]
    return night.assign_attrs(findings=found, spec="a specification", spec_version=1)


@pytest.fixture
def ds(made: xr.Dataset) -> xr.Dataset:
    """A copy that a test may change."""
    return made.copy(deep=True)


@pytest.fixture(scope="module")
def html(made: xr.Dataset) -> Html:
    """The night's page."""
    return _page(made)


def test_page_tells_what_the_store_says(html: Html) -> None:
    """Name, stages, events, findings, processing and provenance stand on it; it is marked as individual."""
    assert html.of("h1")[0].text == "Recording synthetic/night-1"
    for words in (
        "not for sharing",
        "W 0.5 min, REM 0.5 min, N1 0.5 min, N2 0.5 min, unscored 0.5 min (aasm)",
        "22:13:32",
        "61.5 years, female",
        "PSG-A002 warning two epochs 22:14:02–22:14:32, 22:15:02–22:16:02",
        "obstructive apnea 1",
        "night-1.edf",
        "1 warning, 1 info",
    ):
        assert words in html.words
    assert [e.text for e in html.of("h2")] == [
        *("Summary", "Findings", "Stages and events", "Spectrogram", "Oxygen and heart rate"),
        *("Heart beats and breathing as derived", "All channels", "Quality", "Processing", "Provenance"),
    ]
    assert len(html.of("div", role="img")) == 9
    assert "data-time" in html.of("div", role="img")[0].attrs


def test_every_channel_has_its_row(made: xr.Dataset, html: Html) -> None:
    """Each channel is drawn once in the overview, with its unit, and once in the table of processing."""
    titles = [
        note["text"]
        for number in range(1, 5)
        for note in html.figure(f"plot-channels-{number}")["layout"].get("annotations", ())
    ]
    assert sorted(title.split(" (")[0] for title in titles) == sorted(made["channel"].values)
    assert "eeg_c4_m1 (µV)" in titles
    assert [row[0] for row in processing_table(Night(made)).rows] == list(made["channel"].values)


@pytest.mark.parametrize(
    "without",
    [["eeg_c4_m1", "spo2", "ibi"], ["ibi", "resp"], ["eeg_c4_m1", "pleth", "thor", "spo2", "position", "ibi"]],
    ids=["no EEG and no heart", "nothing derived", "respiration alone"],
)
def test_page_of_a_night_without_sensors(ds: xr.Dataset, without: list[str]) -> None:
    """What a night lacks is said or left out; the page is whole."""
    kept = [name for name in ds["channel"].values if name not in without]
    html = _page(ds.sel(channel=kept).drop_vars(without))
    for name in without:
        assert f"{name} (" not in html.words
    assert ("The night has no EEG." in html.words) == ("eeg_c4_m1" in without)
    assert ("neither inter-beat intervals nor respiration" in html.words) == ("resp" in without)


def test_page_of_a_night_that_nobody_scored(make_night: MakeNight) -> None:
    """Without stages, events, clock, age, falls of saturation or a single usable sample there is a page as well."""
    ds = _with_hearts(make_night(n_epoch=1, n_event=0))
    ds["stage"].values[:] = -1
    for name in ds["channel"].values:
        ds[name].attrs["n_saturated"] = 0
        if ds[name].dtype == np.float32:
            ds[name].values[:] = np.nan
    ds["position"].values[:] = -1
    ds = ds.isel(desaturation=slice(0), beat=slice(0), breath=slice(0))
    unknown = {"clock_start_s": None, "age_years": None, "stage_scheme": "none", "event_scored": {}}
    ds = ds.assign_attrs(unknown | {"spec": "s", "spec_version": 1})
    html = _page(ds)
    for words in (
        "unscored 0.5 min (none)",
        "time of day unknown",
        "unknown, female",
        "Nothing was found.",
        "0 beats",
        "eeg_c4_m1 is missing all night",
    ):
        assert words in html.words
    assert "Scored events" not in html.words


def test_hypnogram_is_the_stages(ds: xr.Dataset) -> None:
    """One line at the height of every epoch's stage, to the end of the last one; REM is marked once more."""
    figure = hypnogram(Night(ds))
    line, rem = figure.data[0], figure.data[1]
    assert list(line.y) == [4, 2, 1, 3, -1, -1]
    assert list(line.text) == ["W", "N1", "N2", "REM", "unscored", "unscored"]
    assert line.dx == 30_000
    np.testing.assert_array_equal(rem.x, [1000 * (80012.5 + 90), 1000 * (80012.5 + 120), np.nan])
    assert set(rem.y) == {3}
    assert stage_minutes(Night(ds)) == {"W": 0.5, "REM": 0.5, "N1": 0.5, "N2": 0.5, "unscored": 0.5}


def test_rem_is_marked_from_the_begin_of_a_run_to_its_end(ds: xr.Dataset) -> None:
    """A single epoch has its line, the last one of a run, too, and what lies between two runs has none."""
    ds["stage"].values[:] = [4, 0, 4, 4, 0]
    x = np.asarray(hypnogram(Night(ds)).data[1].x) / 1000 - 80012.5
    np.testing.assert_array_equal(x, [0, 30, np.nan, 60, 120, np.nan])
    ds["stage"].values[:] = 0
    assert len(hypnogram(Night(ds)).data[1].x) == 0


def test_each_scorer_has_a_hypnogram(ds: xr.Dataset) -> None:
    """Nights that were scored twice show both, by the scorers' numbers."""
    twice = ds.assign(stage_scorer3=ds["stage"] * 0)
    titles = [note.text for note in hypnogram(Night(twice)).layout.annotations]
    assert titles[:2] == ["stage, scorer 1", "stage, scorer 3"]


def test_events_are_drawn_where_they_are(ds: xr.Dataset) -> None:
    """Every event has its mark at its onset and its bar to its end, by type."""
    assert event_counts(Night(ds)) == {"obstructive_apnea": 1, "arousal": 1}
    figure = hypnogram(Night(ds))
    bar, mark = figure.data[2], figure.data[3]
    np.testing.assert_allclose(bar.x[:2], 1000 * (80012.5 + np.array([7.25, 19.75])))
    np.testing.assert_allclose(mark.x, [1000 * (80012.5 + 7.25)])
    assert figure.layout.annotations[1].text == "obstructive apnea: 1"


def test_heart_rate_is_that_of_the_intervals(ds: xr.Dataset) -> None:
    """Intervals of a second are 60 beats a minute; where they are missing there is no line."""
    figure = oxygen_and_rate(Night(ds))
    assert figure is not None
    rate = np.asarray(figure.data[-1].y)
    assert np.isnan(rate[: rate.size // 5]).all()
    assert set(rate[rate.size // 5 :].tolist()) == {60.0}


def test_the_deepest_nadir_is_in_the_frame(ds: xr.Dataset) -> None:
    """A nadir lies below the means that are drawn, and the axis reaches it."""
    ds["desaturation_nadir_percent"].values[:] = 61.5
    figure = oxygen_and_rate(Night(ds))
    assert figure is not None
    assert figure.layout.yaxis.range[0] == 59.5


def test_masks_are_drawn_below_what_they_hide(ds: xr.Dataset) -> None:
    """Every reason that holds has a row with the number of its epochs; one that never holds has none."""
    figure = intervals(Night(ds))
    assert figure is not None
    titles = [note.text for note in figure.layout.annotations]
    assert "ibi: no interval that can be trusted, 1 epochs" in titles
    assert [title for title in titles if "sensor missing" in title] == []


def test_raster_has_a_class_for_every_epoch(ds: xr.Dataset) -> None:
    """Unusable, partly usable, remarked on and plain epochs differ; the table counts the remarks."""
    ds["usable_fraction"].values[1, 0] = 0.5
    ds["quality"].values[2, 0] = QualityFlag.CLIPPED
    raster = np.asarray(quality_raster(Night(ds)).data[0].z)[::-1]
    assert raster[0].tolist() == [0, 2, 1, 0, 0]
    assert raster[list(ds["channel"].values).index("ibi")].tolist() == [3, 0, 0, 0, 0]
    table = remarks(Night(ds))
    assert [head.name for head in table.heads] == [
        *("channel", "usable", "amplitude", "hum", "hum (Hz)", "clipped", "no interval")
    ]
    assert list(table.rows[0]) == ["eeg_c4_m1", "90.0%", None, None, None, 1, None]


def test_what_checks_measured_is_told(ds: xr.Dataset) -> None:
    """Amplitude and hum stand with their units, every check with its limit; older stores have none."""
    (text,) = checks(Night(ds))
    assert isinstance(text, Text)
    ds["eeg_c4_m1"].attrs["quality_measures"] = {"amplitude": 12.34, "mains_hz": 50.0, "mains_amplitude": 0.5}
    ds["thor"].attrs["quality_measures"] = {"amplitude": 7.0}
    rows = {str(row[0]): list(row[2:5]) for row in remarks(Night(ds)).rows}
    assert rows["eeg_c4_m1"] == ["12.3 µV", "0.5 µV", "50"]
    assert rows["thor"] == ["7 mV", None, None]
    found = [*ds.attrs["findings"], {"code": "PSG-Q006", "severity": "warning", "message": "hum"}]
    limits = {"mains": 10.0, "flat": 0.0, "of a later version": 1.0}
    night = Night(ds.assign_attrs(findings=found, quality_limits=limits, quality_measures={"beat_coverage": 0.5}))
    table, measured = checks(night)
    assert isinstance(table, Table)
    assert isinstance(measured, Table)
    assert [(row[0], row[2], row[3]) for row in table.rows] == [
        ("mains", "10 µV", "remarked on"),
        ("flat", "0", "no remark"),
    ]
    assert measured.rows == [["beat coverage", "0.5"]]


def test_findings_come_worst_first_and_later_codes_are_shown(ds: xr.Dataset) -> None:
    """Severity orders them; a code that this version does not know has no fix; many runs are summed up."""
    runs = [[2 * i, 2 * i + 1] for i in range(9)]
    found: list[dict[str, Any]] = [
        {"code": "PSG-S023", "severity": "info", "message": "a"},
        {"code": "PSG-X999", "severity": "severe", "message": "b", "epochs": runs},
    ]
    (table,) = findings_parts(Night(ds.assign_attrs(findings=found)))
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["PSG-X999", "PSG-S023"]
    assert str(table.rows[0][4]).endswith("and 3 more")
    assert table.rows[0][5] == ""
    assert table.rows[1][4] == "whole night"


def test_indices_stand_beside_the_published(ds: xr.Dataset) -> None:
    """Computed and published numbers share a row; what was not computed says why; without indices there is none."""
    assert indices_table(Night(ds)) is None
    indices = {
        "tst_min": {"value": 402.0, "unit": "min"},
        "tib_min": {"value": None, "why": "lights are not known"},
    }
    table = indices_table(Night(ds.assign_attrs(indices=indices, published_indices={"tst_min": 400.0})))
    assert table is not None
    assert [[*row[:3], row[4]] for row in table.rows] == [
        ["tst_min", "402 min", "400", None],
        ["tib_min", "not computed", "", "lights are not known"],
    ]
