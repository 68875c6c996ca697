"""Where the scorer's epochs lie on the signals' clock: the one grid that a store is cut to.

The grid's origin is the first scored boundary; a night that nobody scored starts at its first sample.

Assumptions: annotations count from the start of their own recording, and times of day place that start when both
clocks are known; dates are never used. Why so: docs/adr/0004-epoch-grid.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.errors import HypnogramMismatch, RecordingTooShort
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.findings import Finding, finding
from schemas.hypnogram import Annotations, EventTable, Hypnogram
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import EPOCH_S, UNSCORED, Stage, StageScheme

__all__ = ["Grid", "clock_shift", "make_grid", "place_events"]

DAY_S = 86_400.0
SLACK_S = 1e-6  # rounding of decimal times in binary
CLOCK_RESOLUTION_S = 1.0  # clocks are written in whole seconds: smaller differences are rounding
EPOCH_SLACK_S = 0.1  # two scorings of one night may differ so much in where an epoch begins
MAX_EXCESS_EPOCHS = 20  # where no manifest says otherwise
LIGHTS = frozenset(name for name, kind in EVENT_TYPES.items() if kind.event_class is EventClass.LIGHTS)


@dataclass(frozen=True)
class Grid:
    """The epochs of one night.

    Parameters
    ----------
    offset_s : float
        Seconds from recording start to the grid's origin; may have a fraction.
    shift_s : float
        Seconds to add to the annotations' times to have them from recording start.
    n_epoch : int
        Whole epochs that the signals cover.
    stage, stage_source : ndarray, shape (n_epoch,), int8
        As in `Hypnogram`; -1 where nobody scored.
    source_codes : mapping of int to str
        What ``stage_source`` means.
    clock_start_s : float or None
        Time of day at the origin, in seconds.
    in_bed : ndarray, shape (n_epoch,), int8
        1 from lights off to lights on, 0 outside, -1 unknown.
    asleep : ndarray, shape (n_epoch,), int8
        1 asleep, 0 awake, -1 where nobody scored; also where sleep has no stage.
    other_scorers : mapping of int to ndarray, shape (n_epoch,), int8
        Stages as further scorers judged them, by number from 2.
    """

    offset_s: float
    shift_s: float
    n_epoch: int
    stage: NDArray[np.int8]
    stage_source: NDArray[np.int8]
    source_codes: Mapping[int, str]
    scheme: StageScheme
    clock_start_s: float | None
    in_bed: NDArray[np.int8]
    asleep: NDArray[np.int8]
    other_scorers: Mapping[int, NDArray[np.int8]] = field(default_factory=dict)


def make_grid(
    annotations: Annotations,
    rule: AnnotationRule | None,
    *,
    signal_end_s: float,
    signal_start_s: float = 0.0,
    clock_start_s: float | None = None,
    in_bed_clock_s: tuple[float | None, float | None] = (None, None),
) -> tuple[Grid, tuple[Finding, ...]]:
    """Lay the grid, put the stages on it, and judge whether stages and signals fit.

    Parameters
    ----------
    annotations : Annotations
        Of the night; without a hypnogram every epoch is unscored.
    rule : AnnotationRule or None
        For ``max_excess_epochs``.
    signal_start_s, signal_end_s : float, seconds
        First and last moment with signals, from recording start.
    clock_start_s : float or None
        Time of day of recording start in seconds, as the signals' files say.
    in_bed_clock_s : pair of float or None
        Times of day of lights off and on, used where the annotations have no such events.

    Returns
    -------
    grid : Grid
    findings : tuple of Finding

    Raises
    ------
    HypnogramMismatch
        When more epochs than allowed have a stage but no signals.
    RecordingTooShort
        When less than one whole epoch remains.
    """
    shift_s, found = clock_shift(annotations, clock_start_s)
    clock = clock_start_s if clock_start_s is not None else annotations.clock_start_s
    hypnogram = annotations.hypnogram
    origin_s, n_lead = _origin(hypnogram, shift_s, signal_start_s)
    length = max(signal_end_s - origin_s + SLACK_S, 0.0) / EPOCH_S
    n_epoch = math.floor(length)
    if hypnogram is not None:
        found += _judge(hypnogram, n_lead, length, rule.max_excess_epochs if rule else MAX_EXCESS_EPOCHS)
    found += _judge_ends(signal_start_s, origin_s, signal_end_s, n_epoch)
    others, of_others = _other_scorers(annotations, shift_s - origin_s, n_epoch)
    found += of_others
    lights = _lights(annotations.events, shift_s) or _clock_lights(in_bed_clock_s, clock)
    grid = Grid(
        offset_s=origin_s,
        shift_s=shift_s,
        n_epoch=n_epoch,
        stage=_fit(hypnogram.stage if hypnogram else None, n_lead, n_epoch),
        stage_source=_fit(hypnogram.stage_source if hypnogram else None, n_lead, n_epoch),
        source_codes=hypnogram.source_codes if hypnogram else {},
        scheme=hypnogram.scheme if hypnogram else StageScheme.NONE,
        clock_start_s=None if clock is None else (clock + origin_s) % DAY_S,
        in_bed=_in_bed(lights, origin_s, n_epoch),
        asleep=_fit(_asleep(hypnogram) if hypnogram else None, n_lead, n_epoch),
        other_scorers=others,
    )
    return grid, tuple(found)


def _origin(hypnogram: Hypnogram | None, shift_s: float, signal_start_s: float) -> tuple[float, int]:
    """Return the grid's origin, and how many of the scorer's epochs begin before there are signals."""
    if hypnogram is None:
        return signal_start_s, 0
    first_s = hypnogram.start_s + shift_s
    n_lead = max(0, math.ceil((signal_start_s - first_s - SLACK_S) / EPOCH_S))
    return first_s + n_lead * EPOCH_S, n_lead


def _judge_ends(signal_start_s: float, origin_s: float, signal_end_s: float, n_epoch: int) -> list[Finding]:
    """Say what is cut before the first epoch and dropped after the last one."""
    if n_epoch < 1:
        raise RecordingTooShort(
            "less than one whole epoch",
            saw=f"{max(signal_end_s - origin_s, 0.0):.1f} s of signals after the origin of the grid",
            expected=f"at least {EPOCH_S} s",
        )
    found = []
    if (rest_s := signal_end_s - origin_s - n_epoch * EPOCH_S) > SLACK_S:
        found.append(finding("PSG-A003", f"{rest_s:.2f} s after the last whole epoch dropped"))
    if (cut_s := origin_s - signal_start_s) > SLACK_S:
        found.append(finding("PSG-A011", f"{cut_s:.2f} s before the first scored boundary cut"))
    return found


def clock_shift(annotations: Annotations, signal_clock_s: float | None) -> tuple[float, list[Finding]]:
    """Return how much later the annotations' times count from than the signals', at most half a day either way.

    A difference is a remark, except where the source writes times of day and nothing else places it.

    Raises
    ------
    HypnogramMismatch
        When the source writes times of day, and the signals' is unknown.
    """
    annotation_clock_s = annotations.clock_start_s
    if annotations.is_clocked and signal_clock_s is None:
        raise HypnogramMismatch(
            "the scoring has times of day and the signals have none",
            why="Nothing says where in the recording a stage lies.",
            do="Exclude the recording.",
        )
    if annotation_clock_s is None or signal_clock_s is None:
        return 0.0, []
    shift_s = (annotation_clock_s - signal_clock_s + DAY_S / 2) % DAY_S - DAY_S / 2
    if annotations.is_clocked:
        return shift_s, []
    if abs(shift_s) < CLOCK_RESOLUTION_S:
        return 0.0, []
    if 0.0 in (annotation_clock_s, signal_clock_s):
        text = f"one says 00:00:00, which stands for unknown; the {abs(shift_s):.0f} s between them are not used"
        return 0.0, [finding("PSG-A015", text)]
    return shift_s, [finding("PSG-A015", f"annotations moved by {shift_s:+.0f} s")]


def _judge(hypnogram: Hypnogram, n_lead: int, length: float, limit: int) -> list[Finding]:
    """Compare the staged epochs with ``length`` epochs of signals; an epoch begun but not whole is no excess."""
    staged = hypnogram.staged
    n_before = int(np.count_nonzero(staged[:n_lead]))
    n_beyond = int(np.count_nonzero(staged[n_lead:][math.ceil(length - SLACK_S) :]))
    if n_before + n_beyond > limit:
        raise HypnogramMismatch(
            "stages lie where there are no signals",
            saw=f"{n_before} staged epochs before the signals and {n_beyond} after them",
            expected=f"at most {limit}",
            why="One of the two files is cut short, belongs to another night, or has a wrong clock.",
            do="Exclude the recording, or raise annotations.max_excess_epochs if the cohort documents it.",
        )
    found = []
    if n_before or n_beyond:
        found.append(
            finding("PSG-A002", f"{n_before} staged epochs before the signals and {n_beyond} after them dropped")
        )
    n_scored, n_signal = max(hypnogram.n_epoch - n_lead, 0), math.floor(length)
    if staged.any() and n_scored < n_signal:
        text = f"signals go on for {n_signal - n_scored} epochs after the scoring; they are unscored"
        found.append(finding("PSG-A002", text, epochs=((n_scored, n_signal),)))
    return found


def _fit(codes: NDArray[np.int8] | None, n_lead: int, n_epoch: int) -> NDArray[np.int8]:
    """Cut or fill with -1 to ``n_epoch``, from epoch ``n_lead`` on."""
    fitted = np.full(n_epoch, UNSCORED, np.int8)
    if codes is not None:
        part = codes[n_lead : n_lead + n_epoch]
        fitted[: part.size] = part
    return fitted


def _asleep(hypnogram: Hypnogram) -> NDArray[np.int8]:
    """Return 1 for sleep and 0 for wake; sleep that ``sleep_wake`` scoring leaves without a stage is sleep."""
    return np.where(hypnogram.staged, hypnogram.stage != Stage.W, UNSCORED).astype(np.int8)


def _other_scorers(
    annotations: Annotations, later_s: float, n_epoch: int
) -> tuple[dict[int, NDArray[np.int8]], list[Finding]]:
    """Lay further scorers' stages on the grid; who cut the night into other epochs cannot be compared with it."""
    fitted, found = dict[int, NDArray[np.int8]](), list[Finding]()
    for number, hypnogram in annotations.other_scorers.items():
        first = (hypnogram.start_s + later_s) / EPOCH_S
        if abs(first - round(first)) * EPOCH_S > EPOCH_SLACK_S:
            found.append(finding("PSG-A016", f"scorer {number}'s epochs begin between those of the grid"))
            continue
        before = max(-round(first), 0)
        stage = np.concatenate([np.full(max(round(first), 0), UNSCORED, np.int8), hypnogram.stage])
        fitted[number] = _fit(stage, before, n_epoch)
    return fitted, found


def _lights(events: EventTable, shift_s: float) -> list[tuple[float, bool]]:
    """Return (seconds from recording start, lights off?) in order of time."""
    return [
        (float(onset) + shift_s, kind == "lights_off")
        for onset, kind in zip(events.onset_s, events.type, strict=True)
        if kind in LIGHTS
    ]


def _clock_lights(
    in_bed_clock_s: tuple[float | None, float | None], clock_start_s: float | None
) -> list[tuple[float, bool]]:
    """Place lights by time of day: off from 6 h before to 18 h after recording start, on within a day after it."""
    off, on = in_bed_clock_s
    if off is None or on is None or clock_start_s is None:
        return []
    off_s = (off - clock_start_s + DAY_S / 4) % DAY_S - DAY_S / 4
    return [(off_s, True), (off_s + (on - off) % DAY_S, False)]


def _in_bed(lights: list[tuple[float, bool]], origin_s: float, n_epoch: int) -> NDArray[np.int8]:
    """Judge every epoch by its middle; before the first *on* and after an *off* that nothing ends, nobody knows."""
    middle_s = origin_s + (np.arange(n_epoch) + 0.5) * EPOCH_S
    state = np.full(n_epoch, -1, np.int8)
    for number, (time_s, off) in enumerate(lights):
        if number == 0 and off:
            state[:] = 0
        ended = any(not later for _, later in lights[number + 1 :])
        state[middle_s >= time_s] = (1 if ended else -1) if off else 0
    return state


def place_events(events: EventTable, grid: Grid) -> tuple[EventTable, tuple[Finding, ...]]:
    """Count onsets from the grid's origin, and drop what lies outside the grid.

    An event that crosses an end of the grid is kept as scored: its onset may be negative, its end beyond the last
    epoch. Lights before or after the grid are dropped without a remark; `Grid.in_bed` knows them.

    Returns
    -------
    events : EventTable
    findings : tuple of Finding
    """
    onset_s = events.onset_s + (grid.shift_s - grid.offset_s)
    length_s = grid.n_epoch * EPOCH_S
    inside = (onset_s < length_s) & ((onset_s >= 0) | (onset_s + events.duration_s > 0))
    kept = np.flatnonzero(inside)
    lights = np.array([kind in LIGHTS for kind in events.type], bool)
    n_dropped = int(np.count_nonzero(~inside & ~lights))
    placed = replace(
        events,
        onset_s=onset_s[kept],
        duration_s=events.duration_s[kept],
        type=tuple(events.type[i] for i in kept),
        channel=tuple(events.channel[i] for i in kept),
        term=tuple(events.term[i] for i in kept),
    )
    if not n_dropped:
        return placed, ()
    return placed, (finding("PSG-A005", f"{n_dropped} of {events.n_event} events lie outside the grid"),)
