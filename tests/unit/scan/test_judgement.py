"""What a manifest makes of counted headers: the fate of every label, the share of files, and what looks odd."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.scan.census import Counted, LabelCount, Montage
from pipeline.scan.judgement import Judgement, Use, judge
from schemas.manifest import CohortManifest
from schemas.recording import SignalInfo
from tests.made_up_terms import TERMS

MANIFEST = CohortManifest.model_validate(
    {
        "manifest_version": 1,
        "cohort": "lab",
        "title": "A lab",
        "terms": dict(TERMS),
        "layout": {"signals": "{visit}/{subject}.edf", "visit": "{visit}"},
        "match_case": False,
        "montage": [
            {
                "channel": "eeg_c4_m1",
                "labels": ["C4-M1"],
                "derivation": {"plus": "C4", "minus": "M1"},
                "masked_by": [{"label": "C4 off", "bad": [1], "source": "made up"}],
            },
            {"channel": "eeg_c3_m2", "derivation": {"plus": "C3", "minus": "M2"}},
            {"channel": "ecg", "labels": ["ECG"]},
            {
                "channel": "airflow",
                "visits": ["first"],
                "labels": ["Thermistor", {"label": "Flow", "nth": 1}],
                "unit_when_blank": {"unit": "1", "source": "made up"},
            },
            {
                "channel": "nasal_pressure",
                "visits": ["second"],
                "labels": ["Flow"],
                "unit_when_blank": {"unit": "1", "source": "made up"},
            },
            {"channel": "spo2", "labels": ["SpO2"]},
        ],
        "ignore_labels": ["Battery"],
    }
)


def montage(*labels: str | tuple[str, str], n: int = 1, visit: str | None = "first") -> Montage:
    """Files with these labels, in microvolt unless a pair says otherwise; in a range that suits any channel."""
    pairs = [(label, "uV") if isinstance(label, str) else label for label in labels]
    infos = (SignalInfo(i, label, unit, Fraction(128), -3000.0, 3000.0) for i, (label, unit) in enumerate(pairs))
    return Montage(n, tuple(infos), visit)


def fates(judgement: Judgement) -> list[tuple[str, Use | None, tuple[str, ...]]]:
    return [(row.label, row.use, row.channels) for row in judgement.labels]


def test_every_signal_has_a_fate() -> None:
    """Used, spare, ignored or left over; case means nothing here, and neither does white space."""
    labels = ("c4-m1", "C4", "M1", "C4  off", "Thermistor", ("Flow", ""), "BATTERY", "Flo", "C3")
    found = judge(MANIFEST, Counted((montage(*labels),), ()))
    assert fates(found) == [
        ("c4-m1", Use.USED, ("eeg_c4_m1",)),
        ("C4", Use.SPARE, ("eeg_c4_m1",)),
        ("M1", Use.SPARE, ("eeg_c4_m1",)),
        ("C4  off", Use.USED, ("eeg_c4_m1",)),
        ("Thermistor", Use.USED, ("airflow",)),
        ("Flow", Use.SPARE, ("airflow",)),
        ("BATTERY", Use.IGNORED, ()),
        ("Flo", Use.LEFT_OVER, ()),
        ("C3", Use.LEFT_OVER, ()),
    ]
    flo, c3 = found.labels[-2:]
    assert (flo.nearest, flo.remarks) == ("Flow", ())
    assert (c3.nearest, c3.remarks) == ("", ("a rule names it, yet this file cannot give eeg_c3_m2",))


def test_shares_count_files() -> None:
    """A label of a montage counts once a file; what is ignored is in no share."""
    found = judge(MANIFEST, Counted((montage("ECG", "Battery", n=97), montage("ECG", "Fuß", n=3)), ()))
    shares = found.shares()
    assert (shares["n_label"], shares["n_used"], shares["n_left_over"], shares["n_ignored"]) == (200, 100, 3, 97)
    assert shares["share_mapped"] == pytest.approx(100 / 103, abs=1e-6)
    assert shares["left_over"] == [{"label": "Fuß", "n": 3}]
    assert shares["ignored"] == [{"label": "Battery", "n": 97}]


def test_files_that_would_fail_are_counted_by_reason() -> None:
    """As a conversion would: a blank unit, two signals for one rule, nothing known; and what cannot be read."""
    montages = (
        montage("ECG", n=90),
        montage(("ECG", ""), n=5),
        montage("ECG", "ECG", n=3),
        montage("what", n=2),
        Montage(4, reason="edf_truncated"),
    )
    found = judge(MANIFEST, Counted(montages, ()))
    facts = found.to_json()
    assert (facts["n_files"], facts["n_would_convert"], found.n_failing) == (104, 90, 14)
    assert {reason: (rows["n"], rows["montages"]) for reason, rows in facts["would_fail"].items()} == {
        "unit_missing": (5, [2]),
        "channel_ambiguous": (3, [3]),
        "no_usable_channel": (2, [4]),
        "edf_truncated": (4, [5]),
    }
    assert facts["would_fail"]["unit_missing"]["first"].startswith("montage 2: 'ECG' has a blank unit")
    assert facts["channels"] == {"ecg": 90}


def test_rules_are_those_of_the_visit() -> None:
    """One label, two sensors: the visit decides, and where nobody knows it, the one that fits best."""
    first, second = (montage(("Flow", ""), "ECG", visit=visit) for visit in ("first", "second"))
    found = judge(MANIFEST, Counted((first, second), ()))
    assert [judged.channels for judged in found.montages] == [("ecg", "airflow"), ("ecg", "nasal_pressure")]
    unknown = montage(("Thermistor", ""), "ECG", visit=None)
    assert judge(MANIFEST, Counted((unknown,), ())).montages[0].channels == ("ecg", "airflow")


def test_counts_of_labels_alone() -> None:
    """Named or not is all that they tell; the second of one name is not the one that a rule asks for by number."""
    counts = (
        LabelCount("Flow", 50, visit="first"),
        LabelCount("Flow", 4, nth=2, visit="first"),
        LabelCount("Flow", 30, visit="second"),
        LabelCount("flow", 6),
        LabelCount("Battery", 5),
        LabelCount("Thermister", 1),
    )
    found = judge(MANIFEST, Counted((), counts))
    assert fates(found) == [
        ("Flow", Use.USED, ("airflow",)),
        ("Flow", Use.USED, ("nasal_pressure",)),
        ("flow", Use.USED, ("airflow", "nasal_pressure")),
        ("Battery", Use.IGNORED, ()),
        ("Flow", Use.LEFT_OVER, ()),
        ("Thermister", Use.LEFT_OVER, ()),
    ]
    second, near = found.labels[-2:]
    assert (second.nth, second.remarks) == (2, ("the rule wants another signal of that name",))
    assert near.nearest == "Thermistor"
    assert set(found.to_json()) == {"cohort", "label_use"}


def test_without_a_manifest_nothing_is_judged() -> None:
    """Labels are counted, headers remarked upon."""
    found = judge(None, Counted((montage("ECG", ("EEG", "furlong"), n=2),), ()))
    assert [(row.label, row.n, row.use, row.remarks) for row in found.labels] == [
        ("ECG", 2, None, ()),
        ("EEG", 2, None, ("its unit is in no table",)),
    ]


def test_several_units_of_one_label_are_told() -> None:
    """Spellings of one unit are one; another unit, or none, may be a mistake in some of the headers."""
    units = {"uV": 90, "\u00b5V": 5, "mV": 3, "": 2}
    counted = Counted(tuple(montage(("ECG", unit), ("SpO2", "%"), n=n) for unit, n in units.items()), ())
    assert judge(None, counted).mixed_units() == {"ECG": {"uV": 95, "mV": 3, "": 2}}


def test_a_unit_that_the_manifest_explains_is_not_odd() -> None:
    """Where a rule says what a spelling means, nobody need look at it; where none does, somebody must."""
    explained = MANIFEST.model_dump(mode="json", exclude_defaults=True)
    explained["montage"][-1]["unit_override"] = {"when": "Prozent", "unit": "%", "source": "made up"}
    counted = Counted((montage(("SpO2", "Prozent")),), ())
    assert judge(MANIFEST, counted).labels[0].remarks == ("its unit is in no table",)
    assert judge(CohortManifest.model_validate(explained), counted).labels[0].remarks == ()


ODD = {  # label, unit, range: what is said
    ("ECG", "mV", 5.0, -5.0): "its range is the wrong way round",
    ("ECG", "uV", -5.0, 5.0): "its range spans 0.01 mV, too little for electrocardiogram: is the unit right?",
    ("C4-M1", "mV", -0.03, 0.03): "its range spans 60 uV, too little for electroencephalogram: is the unit right?",
    ("C4-M1", "V", -500.0, 500.0): "its range spans 1e+09 uV, more than any amplifier takes: is the unit right?",
    ("SpO2", "%", 0.0, 1.0): "its range ends at 1 %, below any healthy oxygen saturation (pulse oximetry): "
    "is the unit right?",
}


@pytest.mark.parametrize("header", ODD, ids=str)
def test_odd_headers_are_remarked(header: tuple[str, str, float, float]) -> None:
    """A reversed range, and a range that cannot hold what the channel is: the mark of a wrong unit."""
    label, unit, low, high = header
    odd = SignalInfo(0, label, unit, Fraction(128), low, high)
    (row,) = judge(MANIFEST, Counted((Montage(1, (odd,), "first"),), ())).labels
    assert (row.use, row.remarks) == (Use.USED, (ODD[header],))


@pytest.mark.parametrize(
    ("label", "unit", "low", "high"),
    [("ECG", "mV", -1.25, 1.25), ("C4-M1", "uV", -125, 125), ("C4-M1", "mV", -1, 1), ("SpO2", "%", 0, 100)],
)
def test_ordinary_headers_are_not(label: str, unit: str, low: float, high: float) -> None:
    """Ranges that cohorts really have."""
    info = SignalInfo(0, label, unit, Fraction(128), low, high)
    (row,) = judge(MANIFEST, Counted((Montage(1, (info,), "first"),), ())).labels
    assert row.remarks == ()


def test_an_unusable_signal_is_left_over() -> None:
    """Named by a rule, but its range gives no gain: nothing can be made of it."""
    dead = SignalInfo(0, "SpO2", "%", Fraction(1), 0.0, 0.0, usable=False)
    alive = SignalInfo(1, "ECG", "mV", Fraction(128), -5.0, 5.0)
    found = judge(MANIFEST, Counted((Montage(1, (dead, alive), "first"),), ()))
    assert found.labels[0].use is Use.LEFT_OVER
    assert found.labels[0].remarks == (
        "its range gives no gain",
        "a rule names it, yet this file cannot give spo2",
    )
