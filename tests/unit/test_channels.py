"""Labels against montage: what is taken, what is refused, and what is remarked."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import pytest

from pipeline.channels import ChannelPlan, Lead, resolve
from schemas.errors import ChannelAmbiguous, NoUsableChannel, UnitMissing, UnitUnexpected
from schemas.manifest import CohortManifest
from schemas.recording import SignalInfo
from schemas.units import Unit
from schemas.vocabulary import Polarity

SOURCE = "the cohort's documentation"


def _manifest(*montage: dict[str, Any], **change: Any) -> CohortManifest:
    terms = {"agreement": "none", "redistribution": False, "commercial": False}
    return CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "study",
            "title": "A study",
            "terms": terms | {"citation": "Doe J 2020", "release": "1"},
            "layout": {"signals": "{subject}.edf"},
            "montage": montage,
        }
        | change
    )


def _rule(channel: str, *labels: str | dict[str, Any], **change: Any) -> dict[str, Any]:
    return {"channel": channel, "labels": list(labels)} | change


def _signals(*rows: str | tuple[Any, ...]) -> list[SignalInfo]:
    """Return headers from labels, or from (label, unit, rate, minimum, maximum, usable)."""
    infos = []
    for index, row in enumerate(rows):
        default = ("EEG", "uV", 256, -100.0, 100.0, True)
        row = (row,) if isinstance(row, str) else row
        label, unit, rate, low, high, usable = (*row, *default[len(row) :])
        infos.append(SignalInfo(index, label, unit, Fraction(rate), low, high, usable))
    return infos


def _resolve(
    manifest: CohortManifest, *rows: str | tuple[Any, ...], visit: str = ""
) -> tuple[dict[str, ChannelPlan], list[tuple[str, str | None]]]:
    plans, findings = resolve(manifest, visit, _signals(*rows))
    return {plan.channel: plan for plan in plans}, [(f.code, f.channel) for f in findings]


EEG = _rule("eeg_c4_m1", "C4-M1", "C4-A1")
ECG = _rule("ecg", "ECG")


def test_plain_match() -> None:
    """One label, one channel: index, unit, rate and band are those of the signal."""
    plans, findings = _resolve(_manifest(EEG), "x", "C4-M1")
    plan = plans["eeg_c4_m1"]
    assert (plan.leads, plan.source_label, plan.source_unit) == ((Lead(1, 1.0),), "C4-M1", Unit.MICROVOLT)
    assert (plan.rate_hz, plan.polarity, plan.primary, plan.masks) == (256, Polarity.AS_HEADER, True, ())
    assert plan.band is not None
    assert plan.band.low_hz == 0.3
    assert findings == [("PSG-C002", None)]


@pytest.mark.parametrize("label", [" C4-M1", "C4-M1   "])
def test_white_space_does_not_matter(label: str) -> None:
    """Labels are compared after folding."""
    assert "eeg_c4_m1" in _resolve(_manifest(EEG), label)[0]


@pytest.mark.parametrize("label", ["c4-m1", "C4-M1x", "C4 - M1", "EEG C4-M1"])
def test_nothing_is_matched_by_likeness(label: str) -> None:
    """A label that was not listed is not taken; the message shows it and what comes closest."""
    with pytest.raises(NoUsableChannel) as caught:
        _resolve(_manifest(EEG), label)
    assert repr(label) in str(caught.value)


def test_case_may_be_waived() -> None:
    """A manifest may say that case means nothing; two spellings that fold into one are one."""
    manifest = _manifest(_rule("ecg", "ECG", "Ecg"), match_case=False)
    plans, findings = _resolve(manifest, ("ecg", "mV"))
    assert (plans["ecg"].leads, findings) == ((Lead(0, 1.0),), [])


def test_order_of_labels_is_preference() -> None:
    """With two spellings in one file the earlier of the rule is taken, and said."""
    plans, findings = _resolve(_manifest(EEG), "C4-A1", "C4-M1")
    assert plans["eeg_c4_m1"].source_label == "C4-M1"
    assert findings == [("PSG-C009", "eeg_c4_m1")]


def test_channels_come_in_montage_order() -> None:
    """Files that list their signals in another order give the same plans."""
    plans, _ = _resolve(_manifest(EEG, ECG), ("ECG", "mV"), "C4-M1")
    assert list(plans) == ["eeg_c4_m1", "ecg"]
    assert [plan.leads[0].index for plan in plans.values()] == [1, 0]


def test_rules_of_other_visits_do_not_count() -> None:
    """A visit sees its own rules alone."""
    manifest = _manifest(_rule("ecg", "ECG", visits=["a"]), _rule("ecg", "EKG", visits=["b"]))
    plans, findings = _resolve(manifest, ("ECG", "mV"), ("EKG", "mV"), visit="b")
    assert (plans["ecg"].source_label, findings) == ("EKG", [("PSG-C002", None)])


def test_missing_channel_is_a_finding() -> None:
    """A channel that is not there is remarked by name, and so is a modality without any."""
    plans, findings = _resolve(_manifest(EEG, ECG), "C4-M1")
    assert list(plans) == ["eeg_c4_m1"]
    assert findings == [("PSG-C001", "ecg"), ("PSG-C010", None)]


def test_no_channel_at_all_is_an_error() -> None:
    """Nothing to convert: the message lists the labels and the nearest of the montage."""
    with pytest.raises(NoUsableChannel, match=r"'C4-M2', 'Flow' \(2\).*Closest in the montage: 'C4-M1'"):
        _resolve(_manifest(EEG), "C4-M2", "Flow")


def test_nearest_labels_of_derivations_are_shown_too() -> None:
    """A cohort recorded against a common reference gets the same help."""
    rule = {"channel": "eeg_c4_m1", "derivation": {"plus": "EEG C4", "minus": "EEG M1"}}
    with pytest.raises(NoUsableChannel, match="Closest in the montage: 'EEG C4', 'EEG M1'"):
        _resolve(_manifest(rule), "EEGC4", "EEGM1")


class TestPrimary:
    """One channel of each modality is primary, by the montage's order."""

    MANIFEST = _manifest(EEG, _rule("eeg_c3_m2", "C3-M2"), _rule("eeg_o2_m1", "O2-M1"))

    def test_first_is_primary(self) -> None:
        """With all there, the first one."""
        plans, findings = _resolve(self.MANIFEST, "O2-M1", "C3-M2", "C4-M1")
        assert [plan.primary for plan in plans.values()] == [True, False, False]
        assert findings == []

    def test_stand_in_is_marked(self) -> None:
        """With the first missing, the next one, and a finding that says so."""
        plans, findings = _resolve(self.MANIFEST, "O2-M1", "C3-M2")
        assert {channel: plan.primary for channel, plan in plans.items()} == {"eeg_c3_m2": True, "eeg_o2_m1": False}
        assert findings == [("PSG-C001", "eeg_c4_m1"), ("PSG-C006", "eeg_c3_m2")]

    def test_channels_without_modality_are_never_primary(self) -> None:
        """A pulse wave belongs to no modality of the model."""
        manifest = _manifest(ECG, _rule("pleth", "Pleth"))
        plans, _ = _resolve(manifest, ("ECG", "mV"), ("Pleth", "1", 256))
        assert [plan.primary for plan in plans.values()] == [True, False]


class TestDerivation:
    """A minus B, for cohorts recorded against a common reference."""

    RULE: ClassVar = {"channel": "eeg_c4_m1", "derivation": {"plus": ["C4", "EEG C4"], "minus": ["M1", "A1"]}}

    def test_signs_units_and_rates(self) -> None:
        """The second lead is subtracted, each in its own unit, at the lower of the two rates."""
        plans, findings = _resolve(_manifest(self.RULE), ("A1", "mV", 100), ("EEG C4", "uV", 200))
        plan = plans["eeg_c4_m1"]
        assert plan.leads == (Lead(1, 1.0), Lead(0, pytest.approx(-1000.0)))
        assert (plan.source_label, plan.rate_hz) == ("EEG C4 - A1", 100)
        assert findings == [("PSG-S001", "eeg_c4_m1")]

    def test_ready_made_comes_first(self) -> None:
        """Files that ship the derivation are not derived again."""
        rule = self.RULE | {"labels": ["C4-M1"]}
        plans, _ = _resolve(_manifest(rule), "C4", "M1", "C4-M1")
        assert plans["eeg_c4_m1"].leads == (Lead(2, 1.0),)

    def test_half_a_pair_is_no_channel(self) -> None:
        """Without its reference an electrode is left out rather than shown as something else."""
        plans, findings = _resolve(_manifest(self.RULE, ECG), "C4", ("ECG", "mV"))
        assert list(plans) == ["ecg"]
        assert ("PSG-C001", "eeg_c4_m1") in findings

    def test_flip_turns_both(self) -> None:
        """A flipped derivation is B minus A."""
        rule = self.RULE | {"flip": {"source": SOURCE, "release": "1"}}
        plans, findings = _resolve(_manifest(rule), "C4", "M1")
        assert plans["eeg_c4_m1"].leads == (Lead(0, -1.0), Lead(1, 1.0))
        assert findings == [("PSG-C008", "eeg_c4_m1")]


class TestDuplicates:
    """Two signals under one label are never guessed at."""

    def test_unsaid_is_an_error(self) -> None:
        """Without an occurrence the recording fails, and the message says how to choose."""
        with pytest.raises(ChannelAmbiguous, match=r"2 signals are labelled 'ECG': expected one .*nth: 1"):
            _resolve(_manifest(ECG), ("ECG", "mV"), ("ECG", "mV"))

    @pytest.mark.parametrize(("nth", "index"), [(1, 0), (2, 2)])
    def test_occurrence_chooses(self, nth: int, index: int) -> None:
        """Occurrences count from one, in file order."""
        plans, _ = _resolve(
            _manifest(_rule("ecg", {"label": "ECG", "nth": nth})), ("ECG", "mV"), "x", ("ECG", "mV")
        )
        assert plans["ecg"].leads == (Lead(index, 1.0),)

    def test_occurrence_that_is_not_there(self) -> None:
        """The third of two is missing, not the last of them."""
        manifest = _manifest(_rule("ecg", {"label": "ECG", "nth": 3}), EEG)
        assert ("PSG-C001", "ecg") in _resolve(manifest, ("ECG", "mV"), ("ECG", "mV"), "C4-M1")[1]

    def test_duplicates_that_nobody_names_do_no_harm(self) -> None:
        """Only what a rule wants can be ambiguous."""
        assert list(_resolve(_manifest(EEG), "C4-M1", "Aux", "Aux")[0]) == ["eeg_c4_m1"]


class TestUnits:
    """Units come from the header or, with a source, from the manifest; they are never guessed."""

    @pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("uV", 1e-3), ("V", 1000.0), ("\u00b5V", 1e-3)])
    def test_factor(self, unit: str, factor: float) -> None:
        """ECG is stored in millivolts whatever the header uses."""
        plan = _resolve(_manifest(ECG), ("ECG", unit))[0]["ecg"]
        assert plan.leads[0].factor == pytest.approx(factor)
        assert plan.source_unit is Unit.MILLIVOLT

    def test_blank_is_an_error(self) -> None:
        """A blank unit without a word in the manifest fails the recording."""
        with pytest.raises(UnitMissing, match=r"'ECG' has a blank unit.*unit_when_blank for ecg.*by 1000"):
            _resolve(_manifest(ECG), ("ECG", " "))

    def test_every_blank_unit_is_named_at_once(self) -> None:
        """Whoever repairs a manifest sees all that is to be repaired, and the first reason stays the reason."""
        manifest = _manifest(EEG, ECG, _rule("thor", "Thorax"), _rule("abdo", "Abdomen"))
        rows = ("C4-M1", ("ECG", ""), ("Thorax", ""), ("Abdomen", ""))
        with pytest.raises(UnitMissing, match=r"'ECG' has a blank.* 2 more: 'Thorax' has a blank.*; 'Abdomen' has"):
            _resolve(manifest, *rows)

    def test_blank_with_a_source(self) -> None:
        """The manifest's unit is used, and said."""
        rule = ECG | {"unit_when_blank": {"unit": "uV", "source": SOURCE}}
        plans, findings = _resolve(_manifest(rule), ("ECG", ""))
        assert plans["ecg"].leads[0].factor == pytest.approx(1e-3)
        assert findings == [("PSG-C003", "ecg")]

    def test_unit_when_blank_does_not_override(self) -> None:
        """Where the header has a unit, the header counts."""
        rule = ECG | {"unit_when_blank": {"unit": "uV", "source": SOURCE}}
        plans, findings = _resolve(_manifest(rule), ("ECG", "mV"))
        assert (plans["ecg"].leads[0].factor, findings) == (1.0, [])

    def test_override_applies_to_what_it_names(self) -> None:
        """A documented error of the header is mended where it occurs, and only there."""
        rule = ECG | {"unit_override": {"when": "MV", "unit": "mV", "source": SOURCE}}
        plans, findings = _resolve(_manifest(rule), ("ECG", "MV"))
        assert (plans["ecg"].leads[0].factor, findings) == (1.0, [("PSG-C011", "ecg")])
        assert _resolve(_manifest(rule), ("ECG", "uV"))[0]["ecg"].leads[0].factor == pytest.approx(1e-3)

    @pytest.mark.parametrize(("unit", "words"), [("MV", "not in the closed table"), ("%", "different dimensions")])
    def test_unfit_unit_is_an_error(self, unit: str, words: str) -> None:
        """The message names label, channel and the way out."""
        with pytest.raises(UnitUnexpected, match=f"signal 'ECG' for channel ecg: .*{words}.*unit_override"):
            _resolve(_manifest(ECG), ("ECG", unit))

    def test_arbitrary_channels_keep_the_source_unit(self) -> None:
        """A belt in millivolts stays in millivolts: its amplitude means nothing beyond the night."""
        plan = _resolve(_manifest(_rule("thor", "Thor")), ("Thor", "mV", 32))[0]["thor"]
        assert (plan.source_unit, plan.leads[0].factor) == (Unit.MILLIVOLT, 1.0)

    @pytest.mark.parametrize("unit", ["", "furlong"])
    def test_codes_need_no_unit(self, unit: str) -> None:
        """Body positions are numbers without a dimension."""
        rule = _rule("position", "Pos", value_meanings={0: "supine"})
        plan = _resolve(_manifest(rule), ("Pos", unit, 1))[0]["position"]
        assert (plan.source_unit, plan.leads[0].factor, plan.band) == (Unit.ARBITRARY, 1.0, None)


class TestUsability:
    """A signal whose header gives no gain, or whose rate cannot carry the channel, is left out."""

    BROKEN = ("C4-M1", "uV", 256, 5.0, 5.0, False)

    def test_unusable_is_present_but_left_out(self) -> None:
        """It is not called missing."""
        plans, findings = _resolve(_manifest(EEG, ECG), self.BROKEN, ("ECG", "mV"))
        assert list(plans) == ["ecg"]
        assert [f for f in findings if f[1] == "eeg_c4_m1"] == [("PSG-C014", "eeg_c4_m1")]

    def test_next_label_takes_its_place(self) -> None:
        """A usable spelling later in the rule is taken."""
        plans, findings = _resolve(_manifest(EEG), self.BROKEN, "C4-A1")
        assert plans["eeg_c4_m1"].source_label == "C4-A1"
        assert findings == [("PSG-C014", "eeg_c4_m1")]

    def test_envelope_is_not_passed_off(self) -> None:
        """One sample a second is no electromyogram, whatever its label."""
        plans, findings = _resolve(_manifest(EEG, _rule("emg_chin", "EMG")), "C4-M1", ("EMG", "uV", 1))
        assert list(plans) == ["eeg_c4_m1"]
        assert findings == [("PSG-C007", "emg_chin"), ("PSG-C010", None)]

    def test_slow_but_sufficient_rate_is_said(self) -> None:
        """A native rate below ours narrows the band, and the finding says so."""
        plans, findings = _resolve(_manifest(EEG), ("C4-M1", "uV", 100))
        band = plans["eeg_c4_m1"].band
        assert band is not None
        assert band.high_hz < 50
        assert findings == [("PSG-S001", "eeg_c4_m1")]

    def test_high_pass_of_the_manifest(self) -> None:
        """A manifest may override the lower edge, with its source."""
        plans, _ = _resolve(_manifest(EEG | {"high_pass_hz": 0.5, "high_pass_source": SOURCE}), "C4-M1")
        band = plans["eeg_c4_m1"].band
        assert band is not None
        assert band.low_hz == 0.5


class TestExpectations:
    """What the cohort documents is checked and never corrected."""

    RULE = EEG | {"expect": {"rate_hz": [128, 256], "unit": "uV", "range": [-100, 100]}}

    @pytest.mark.parametrize(
        ("signal", "codes"),
        [
            (("C4-M1",), []),
            (("C4-M1", "uV", 128), []),
            (("C4-M1", "uV", 200), ["PSG-C004"]),
            (("C4-M1", "mV"), ["PSG-C013"]),
            (("C4-M1", "uV", 256, -1.0, 1.0), ["PSG-C005"]),
            (("C4-M1", "uV", 256, -101.0, 101.0), []),
            (("C4-M1", "uV", 256, 100.0, -100.0), []),  # a negative gain has the same range
            (("C4-M1", "mV", 200, 0.0, 1.0), ["PSG-C004", "PSG-C013", "PSG-C005"]),
        ],
    )
    def test_differences_are_findings(self, signal: tuple[Any, ...], codes: list[str]) -> None:
        """Rate, unit and range each have a code of their own."""
        plans, findings = _resolve(_manifest(self.RULE), signal)
        assert [code for code, _ in findings] == codes
        assert len(plans) == 1


class TestPolarity:
    """Nothing is turned unless a manifest says so with source and release."""

    @pytest.mark.parametrize(
        ("change", "factor", "polarity", "codes"),
        [
            ({}, 1.0, Polarity.AS_HEADER, []),
            ({"polarity": {"value": "unknown", "source": SOURCE}}, 1.0, Polarity.UNKNOWN, []),
            (
                {"flip": {"source": SOURCE, "release": "1"}},
                -1.0,
                Polarity.FLIPPED_BY_MANIFEST,
                [("PSG-C008", "eeg_c4_m1")],
            ),
        ],
        ids=["as_header", "unknown", "flipped"],
    )
    def test_sign(
        self, change: dict[str, Any], factor: float, polarity: Polarity, codes: list[tuple[str, str]]
    ) -> None:
        """The factor carries the sign, the plan carries the knowledge."""
        plans, findings = _resolve(_manifest(EEG | change), "C4-M1")
        plan = plans["eeg_c4_m1"]
        assert (plan.leads[0].factor, plan.polarity, findings) == (factor, polarity, codes)


class TestMasks:
    """Status signals say when a sensor was off."""

    RULE = EEG | {"masked_by": [{"label": "C4_Off", "bad": [1, 3], "source": SOURCE}]}

    def test_status_is_found_and_not_left_over(self) -> None:
        """A status signal is used, so that it is not counted as unknown."""
        plans, findings = _resolve(_manifest(self.RULE), "C4-M1", ("C4_Off", "", 1))
        assert (plans["eeg_c4_m1"].masks, findings) == (((1, frozenset({1, 3})),), [])

    def test_files_without_status_have_no_mask(self) -> None:
        """Not every release ships it."""
        assert _resolve(_manifest(self.RULE), "C4-M1")[0]["eeg_c4_m1"].masks == ()

    def test_unusable_status_does_not_fail_the_night(self) -> None:
        """A status signal whose header gives no gain masks nothing, and that is said."""
        plans, findings = _resolve(_manifest(self.RULE), "C4-M1", ("C4_Off", "", 1, 0.0, 0.0, False))
        assert (plans["eeg_c4_m1"].masks, findings) == ((), [("PSG-C014", "eeg_c4_m1")])


def test_ignored_labels_are_not_counted() -> None:
    """Signals that the manifest leaves out knowingly are no finding; the others are counted, never named."""
    manifest = _manifest(EEG, ignore_labels=["DHR", " Ox  Stat"])
    assert _resolve(manifest, "C4-M1", "DHR", "Ox Stat")[1] == []
    _, findings = resolve(manifest, "", _signals("C4-M1", "DHR", "Jane Doe", "Aux"))
    assert [(f.code, f.message) for f in findings] == [("PSG-C002", "2 signals are not in the montage")]
