"""Events as rasters: every second that an event touches, and nothing where nobody looked."""

from __future__ import annotations

import numpy as np

from pipeline.shards.moments import Histogram
from pipeline.shards.rasters import rasters
from schemas.event_terms import EVENT_TYPES
from schemas.store import MISSING

APNEA, HYPOPNEA = EVENT_TYPES["obstructive_apnea"].code, EVENT_TYPES["hypopnea"].code
DESATURATION = EVENT_TYPES["desaturation"].code
SCORED = {"respiratory": "yes", "desaturation": "partly", "arousal": "no"}


def draw(*events: tuple[float, float, int]) -> dict[str, list[int]]:
    onset_s, duration_s, code = np.array(events, np.float64).reshape(-1, 3).T
    drawn = rasters(onset_s, duration_s, code.astype(np.int16), SCORED, 2)
    assert {name: values.shape for name, values in drawn.items()} == dict.fromkeys(drawn, (2, 30))
    return {name: values.reshape(-1).tolist() for name, values in drawn.items()}


def test_every_second_that_is_touched() -> None:
    """An event from 3.5 to 6.2 s is in the seconds 3 to 6, its onset in one."""
    drawn = draw((3.5, 2.7, APNEA))
    assert [i for i, code in enumerate(drawn["event_respiratory"]) if code] == [3, 4, 5, 6]
    assert set(drawn["event_respiratory"]) == {0, APNEA}
    assert [i for i, n in enumerate(drawn["onset_respiratory"]) if n] == [3]


def test_an_event_that_ends_on_a_second_does_not_touch_it() -> None:
    """Ends are open; events without length, or of unknown length, are where they begin."""
    drawn = draw((1.0, 2.0, APNEA), (10.0, 0.0, APNEA), (20.5, float("nan"), APNEA))
    assert [i for i, code in enumerate(drawn["event_respiratory"]) if code] == [1, 2, 10, 20]


def test_the_later_event_is_seen_and_onsets_are_counted() -> None:
    """Overlaps show the event that began later; two onsets in a second are two."""
    drawn = draw((5.0, 10.0, APNEA), (8.1, 2.0, HYPOPNEA), (8.4, 1.0, HYPOPNEA))
    assert drawn["event_respiratory"][4:16] == [0, *[APNEA] * 3, *[HYPOPNEA] * 3, *[APNEA] * 4, 0]
    assert drawn["onset_respiratory"][8] == 2


def test_the_night_cuts_events() -> None:
    """What begins before or ends after the grid is drawn as far as it goes."""
    drawn = draw((-3.0, 5.0, APNEA), (58.0, 100.0, APNEA))
    assert [i for i, code in enumerate(drawn["event_respiratory"]) if code] == [0, 1, 58, 59]
    assert [i for i, n in enumerate(drawn["onset_respiratory"]) if n] == [58]


def test_not_scored_is_never_none() -> None:
    """Where a class was not looked for, or only partly, seconds without event are -1."""
    drawn = draw((2.0, 1.0, DESATURATION))
    assert set(drawn["event_respiratory"]) == {0}
    assert set(drawn["event_arousal"]) == set(drawn["onset_arousal"]) == set(drawn["event_limb"]) == {-1}
    assert drawn["event_desaturation"][:4] == [-1, -1, DESATURATION, -1]
    assert drawn["onset_desaturation"][:4] == [-1, -1, 1, -1]


def test_moments_of_parts_add_up() -> None:
    """Two nights counted apart and added equal both counted at once; missing samples never count."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-32767, 32768, n).astype(np.int16) for n in (1000, 501))
    a[::7] = MISSING
    whole, parts = Histogram(np.concatenate([a, b])), Histogram(a)
    parts.add(Histogram(b))
    assert parts.to_json(0.5) == whole.to_json(0.5)
    valid = np.concatenate([a, b])[np.concatenate([a, b]) != MISSING] * 0.5
    told = whole.to_json(0.5)
    np.testing.assert_allclose((told["mean"], told["sd"]), (valid.mean(), valid.std()), rtol=1e-12)
    assert told["n_sample"] == valid.size
    assert told["quantiles"]["0.25"] == np.sort(valid)[int(np.ceil(0.25 * valid.size)) - 1]
    assert Histogram().to_json(1.0)["mean"] is None


def test_moments_of_very_many_samples_are_exact() -> None:
    """Sums beyond 64 bits are whole numbers still: 1000 times 2 ** 36 samples of the two extremes."""
    many = Histogram(np.array([32767] * 750 + [-32767] * 250, np.int16))
    for _ in range(36):
        many.add(many)
    told = many.to_json(1.0)
    assert told["n_sample"] == 1000 * 2**36
    assert told["sum_of_counts"] == 500 * 32767 * 2**36
    assert told["sum_of_squared_counts"] == 1000 * 32767**2 * 2**36
    assert told["mean"] == 32767 / 2
