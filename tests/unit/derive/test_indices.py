"""Indices against nights counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.derive.desaturations import desaturations
from pipeline.derive.indices import Index, ScoredNight, night_indices
from schemas.event_terms import EventClass
from schemas.indices import INDICES
from schemas.vocabulary import Scored, Stage, StageScheme

W, N1, N2, N3, REM, NONE = (*(int(s) for s in (Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.REM)), -1)
HOUR = 120  # epochs
NIGHT = [W] * 20 + [N2] * HOUR + [NONE] * 10 + [W] * 10  # asleep from 600 s to 4200 s, unscored to 4500 s
YES = dict.fromkeys(EventClass, Scored.YES)
A, H, AR = "obstructive_apnea", "hypopnea", "arousal"
Event = tuple[str, float, float]  # type, onset, duration


def night(
    *events: Event, falls: Sequence[tuple[float, float]] = (), stage: Sequence[int] = NIGHT, **changes: Any
) -> ScoredNight:
    """Return a night with these events, whose saturation of 97 % falls by so much for 20 s from some seconds on."""
    stages = np.array(stage, np.int8)
    spo2 = np.full(stages.size * 120, 97.0, np.float32)
    for onset_s, depth in falls:
        spo2[round(onset_s * 4) : round((onset_s + 20) * 4)] -= depth
    spo2 = changes.pop("spo2", spo2)
    rows = sorted(events, key=lambda row: row[1])
    return ScoredNight(
        **{
            "stage": stages,
            "asleep": np.where(stages < 0, -1, stages > 0).astype(np.int8),
            "in_bed": np.ones(stages.size, np.int8),
            "scheme": StageScheme.AASM,
            "onset_s": np.array([row[1] for row in rows], float),
            "duration_s": np.array([row[2] for row in rows], float),
            "type": np.array([row[0] for row in rows], str),
            "scored": YES,
            "falls": {rule: desaturations(spo2, drop_percent=rule) for rule in (3, 4)} if spo2 is not None else {},
            "spo2": spo2,
            **changes,
        }
    )


def ahi(*events: Event, **more: Any) -> tuple[float | None, ...]:
    found = night_indices(night(*events, **more))
    return tuple(found[name].value for name in ("ahi_hp3r_aasm15", "ahi_hp3u", "ahi_hp4u_aasm15"))


LEG: Event = ("plm", 700, 2)  # somebody scored this night

CASES: dict[str, tuple[tuple[Event, ...], list[tuple[float, float]], tuple[int, int, int]]] = {
    "nothing": ((LEG,), [], (0, 0, 0)),
    "an apnea counts without anything": (((A, 1000, 20),), [], (1, 1, 1)),
    "a hypopnea alone counts nowhere": (((H, 1000, 20),), [], (0, 0, 0)),
    "a fall of 3 %": (((H, 1000, 20),), [(1025, 3)], (1, 1, 0)),
    "a fall of 4 %": (((H, 1000, 20),), [(1025, 4)], (1, 1, 1)),
    "a fall of 2 %": (((H, 1000, 20),), [(1025, 2)], (0, 0, 0)),
    "an arousal alone": (((H, 1000, 20), (AR, 1019, 5)), [], (1, 0, 0)),
    "an arousal 5 s after": (((H, 1000, 20), (AR, 1025, 5)), [], (1, 0, 0)),
    "an arousal too late": (((H, 1000, 20), (AR, 1025.1, 5)), [], (0, 0, 0)),
    "an arousal before": (((H, 1000, 20), (AR, 999, 5)), [], (0, 0, 0)),
    "fall and arousal count once": (((H, 1000, 20), (AR, 1019, 5)), [(1025, 5)], (1, 1, 1)),
    "a late fall still linked": (((H, 1000, 20),), [(1050, 4)], (1, 1, 1)),
    "a fall too late": (((H, 1000, 20),), [(1051, 4)], (0, 0, 0)),
    "a fall during a long event": (((H, 1000, 60),), [(1020, 4)], (1, 1, 1)),
    "a fall before": (((H, 1000, 20),), [(960, 4)], (0, 0, 0)),
    "one fall, the event before it": (((H, 1000, 20), (H, 1036, 20)), [(1030, 4)], (1, 1, 1)),
    "in wake": (((A, 100, 20), (H, 300, 20)), [(325, 4)], (0, 0, 0)),
    "across sleep onset, begun awake": (((A, 590, 20),), [], (0, 0, 0)),
    "begun in the first second of sleep": (((A, 600, 20),), [], (1, 1, 1)),
    "across the end of sleep, begun asleep": (((A, 4190, 20),), [], (1, 1, 1)),
    "in an unscored span": (((A, 4300, 20),), [], (0, 0, 0)),
    "after the last epoch": (((A, 4795, 20), (A, 4900, 20)), [], (0, 0, 0)),
    "before the first epoch": (((A, -5, 20),), [], (0, 0, 0)),
    "Unsure, mapped to a hypopnea by over half": ((("hypopnea_over_50", 1000, 20),), [(1025, 4)], (1, 1, 1)),
    "Unsure, mapped to a mixed apnea": ((("mixed_apnea", 1000, 20),), [], (1, 1, 1)),
    "overlapping hypopneas are one": (((H, 1000, 20), (H, 1010, 20)), [(1035, 4)], (1, 1, 1)),
    "a hypopnea over an apnea is an apnea": (((H, 1000, 30), (A, 1010, 15)), [], (1, 1, 1)),
    "scored twice is one": (((A, 1000, 20), (A, 1000, 20)), [], (1, 1, 1)),
    "adjacent within a second are two": (((A, 1000, 20), (A, 1020.6, 15)), [], (2, 2, 2)),
    "adjacent by rounding are two": (((A, 1000, 20), (A, 1019.2, 15)), [], (2, 2, 2)),
    "a rera is neither": ((("rera", 1000, 20), (AR, 1019, 5)), [], (0, 0, 0)),
    "a scored desaturation is not the saturation": (((H, 1000, 20), ("desaturation", 1020, 20)), [], (0, 0, 0)),
}


@pytest.mark.parametrize(("events", "falls", "expected"), CASES.values(), ids=CASES)
def test_apneas_and_hypopneas(
    events: tuple[Event, ...], falls: list[tuple[float, float]], expected: tuple[int, int, int]
) -> None:
    """An hour of sleep: the index is the number of events, counted by hand."""
    assert ahi(*events, falls=falls) == expected


def test_the_denominator_is_sleep_alone() -> None:
    """Half an hour of sleep doubles the index; wake and unscored epochs are no part of it."""
    assert ahi((A, 1000, 20), stage=[W] * 20 + [N2] * 60 + [NONE] * 300) == (2, 2, 2)


def test_a_joined_event_has_the_onset_of_the_first() -> None:
    """A hypopnea begun awake that an apnea in sleep overlaps is one event, begun awake."""
    assert ahi((H, 590, 20), (A, 602, 20)) == (0, 0, 0)


@pytest.mark.parametrize("answer", [Scored.NO, Scored.PARTLY])
def test_an_unscored_class_is_missing_and_never_0(answer: Scored) -> None:
    """Without respiratory scoring there is no index; without arousals only the rule with arousals is missing."""
    assert ahi((A, 1000, 20), scored={**YES, EventClass.RESPIRATORY: answer}) == (None, None, None)
    assert ahi((A, 1000, 20), scored={**YES, EventClass.AROUSAL: answer}) == (None, 1, 1)


def test_a_night_without_any_event_was_not_looked_through() -> None:
    """Six hours without a single arousal, movement or breath scored is an empty list, not a healthy person."""
    found = night_indices(night())
    assert found["ahi_hp3u"] == Index(None, why="the night has no scored event of any kind")
    assert found["tst_min"].value == 60


@pytest.mark.parametrize("known", [0.0, 0.7, 0.8])
def test_lost_saturation_is_no_absence_of_falls(known: float) -> None:
    """Where the oximeter was off for more than a quarter of sleep, hypopneas cannot be judged."""
    spo2 = np.full(len(NIGHT) * 120, 97.0, np.float32)
    spo2[20 * 120 + round(known * HOUR) * 120 : 140 * 120] = np.nan
    missing = None if known < 0.75 else 1
    assert ahi((A, 1000, 20), spo2=spo2) == (missing,) * 3
    assert night_indices(night(("central_apnea", 1000, 20), spo2=spo2))["cai"].value == 1
    assert ahi((A, 1000, 20), spo2=None) == (None,) * 3


def test_sleep_without_stages_has_an_index_but_no_arousals() -> None:
    """Sleep/wake scoring knows when somebody slept; arousals are not scored there."""
    stages = np.array(NIGHT, np.int8)
    given = night((A, 1000, 20), (AR, 1019, 5), asleep=np.where(stages < 0, -1, stages > 0).astype(np.int8))
    blank = np.where(stages > 0, -1, stages).astype(np.int8)
    found = night_indices(ScoredNight(**{**vars(given), "stage": blank, "scheme": StageScheme.SLEEP_WAKE}))
    assert (found["ahi_hp3u"].value, found["tst_min"].value) == (1, 60)
    assert [found[name].value for name in ("ahi_hp3r_aasm15", "arousal_index", "n2_min", "rem_latency_min")] == [
        None
    ] * 4


def test_without_stages_events_count_an_hour_of_recording() -> None:
    """A study without EEG has a respiratory event index and no index of sleep."""
    two_hours = [NONE] * 240
    found = night_indices(
        night((A, 10, 20), (H, 1000, 20), falls=[(1025, 4)], stage=two_hours, scheme=StageScheme.NONE)
    )
    assert (found["rei_hp3u"], found["rei_hp4u"]) == (Index(1.0, 2, 2.0), Index(1.0, 2, 2.0))
    assert [found[n].value for n in ("ahi_hp3u", "tst_min", "odi3", "arousal_index", "efficiency_percent")] == [
        None
    ] * 5
    in_bed = np.repeat(np.array([0, 1], np.int8), 120)
    found = night_indices(
        night((A, 10, 20), (A, 4000, 20), stage=two_hours, in_bed=in_bed, scheme=StageScheme.NONE)
    )
    assert found["rei_hp3u"] == Index(1.0, 1, 1.0)


def test_a_night_with_sleep_has_no_index_of_recording() -> None:
    """The two are never confused: where sleep is known, the hour is one of sleep."""
    assert night_indices(night((A, 1000, 20)))["rei_hp3u"].value is None


def test_times_of_sleep() -> None:
    """Minutes by hand: lights off at 5 min, sleep from 10 min, REM 20 min later, 5 min awake within, lights on."""
    stage = [W] * 20 + [N1] * 10 + [N2] * 30 + [REM] * 20 + [W] * 10 + [N3] * 30 + [W] * 10
    in_bed = np.repeat(np.array([0, 1, 0], np.int8), [10, 116, 4])
    found = night_indices(night(LEG, stage=stage, in_bed=in_bed))
    assert {name: found[name].value for name in list(INDICES)[:10]} == {
        "tst_min": 45.0,
        "tib_min": 58.0,
        "sleep_latency_min": 5.0,
        "rem_latency_min": 20.0,
        "waso_min": 8.0,
        "efficiency_percent": pytest.approx(4500 / 58),
        "n1_min": 5.0,
        "n2_min": 15.0,
        "n3_min": 15.0,
        "rem_min": 10.0,
    }


def test_unknown_lights_leave_times_in_bed_missing() -> None:
    """Without lights off and on nobody knows how long somebody lay there; wake after sleep is still known."""
    found = night_indices(night(LEG, in_bed=np.full(len(NIGHT), -1, np.int8)))
    assert [found[n].value for n in ("tib_min", "efficiency_percent", "sleep_latency_min")] == [None] * 3
    assert (found["tst_min"].value, found["waso_min"].value) == (60.0, 5.0)


def test_a_night_without_sleep() -> None:
    """Awake all night: no sleep to divide by, and a total of 0 minutes."""
    found = night_indices(night((A, 100, 20), stage=[W] * HOUR))
    assert (found["tst_min"].value, found["efficiency_percent"].value) == (0.0, 0.0)
    assert [found[n].value for n in ("ahi_hp3u", "odi3", "arousal_index", "waso_min", "sleep_latency_min")] == [
        None
    ] * 5


def test_other_rates() -> None:
    """Arousals and movements of all kinds, falls and low saturation, in sleep alone."""
    events = ((AR, 100, 5), (AR, 1000, 5), ("arousal_plm", 2000, 5), ("plm_l", 700, 2), ("limb_movement", 50, 1))
    spo2 = np.full(len(NIGHT) * 120, 97.0, np.float32)
    spo2[: 4 * 600] = 80.0  # awake
    spo2[4 * 1000 : 4 * 1360] = 88.0  # a tenth of the sleep
    found = night_indices(night(*events, spo2=spo2))
    assert (found["arousal_index"].value, found["limb_movement_index"].value) == (2.0, 1.0)
    assert (found["odi3"].value, found["odi4"].value, found["t90_percent"].value) == (1.0, 1.0, pytest.approx(10.0))


def test_hypoxic_burden_is_the_area_of_linked_falls() -> None:
    """Two falls of 4 % for 20 s, one of them with an event: 80 % s in an hour of sleep."""
    found = night_indices(night((H, 1000, 20), falls=[(1025, 4), (2000, 4)]))
    assert found["hypoxic_burden_linked3"].value == pytest.approx(80 / 60)


def test_every_index_is_there_and_says_why_it_is_missing() -> None:
    """Each has a value or a reason, in the order of the table."""
    for given in (night(), night(LEG), night(stage=[NONE] * 9, scheme=StageScheme.NONE, spo2=None)):
        found = night_indices(given)
        assert list(found) == list(INDICES)
        assert all((index.value is None) == bool(index.why) for index in found.values())
