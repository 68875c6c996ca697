"""Match the signals of a file to the montage: labels in, channel plans and findings out.

Works from headers alone, so that ``scan`` and ``manifest check`` decide exactly as ``convert`` does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.derive.band import Band, band_for
from schemas.errors import ChannelAmbiguous, ChannelError, NoUsableChannel, UnitMissing, UnitUnexpected
from schemas.findings import Finding, finding
from schemas.kinds import KindSpec, Shape
from schemas.manifest import CohortManifest
from schemas.montage import ChannelRule, LabelChoice
from schemas.recording import SignalInfo
from schemas.units import Unit, convert_factor, parse_unit
from schemas.vocabulary import Modality, Polarity

__all__ = ["ChannelPlan", "Lead", "resolve"]


@dataclass(frozen=True)
class Lead:
    """One signal and the factor that takes its header's unit to the channel's; the sign is in the factor."""

    index: int
    factor: float


@dataclass(frozen=True)
class ChannelPlan:
    """How one canonical channel will be made.

    Parameters
    ----------
    leads : tuple of Lead
        Signals to be summed: one, or two for a derivation (the second with a negative factor).
    source_unit : Unit
        Unit of the values after the factor; the kind's unit, or the source's own for arbitrary kinds.
    band : Band or None
        Edges that will be applied; None for steps and codes.
    masks : tuple of (int, frozenset of int)
        Status signals by index, and the codes that mean a bad sample.
    """

    rule: ChannelRule
    leads: tuple[Lead, ...]
    source_label: str
    source_unit: Unit
    rate_hz: Fraction
    band: Band | None
    polarity: Polarity
    masks: tuple[tuple[int, frozenset[int]], ...]
    primary: bool = False

    @property
    def channel(self) -> str:
        """Canonical name."""
        return self.rule.channel

    @property
    def spec(self) -> KindSpec:
        """Everything that the kind fixes."""
        return self.rule.spec


def resolve(
    manifest: CohortManifest, visit: str, signals: Sequence[SignalInfo]
) -> tuple[tuple[ChannelPlan, ...], tuple[Finding, ...]]:
    """Match a file's signals to the rules of a visit.

    Returns
    -------
    plans : tuple of ChannelPlan
        In montage order; at least one.
    findings : tuple of Finding
        Missing, unusable, unexpected and stand-in channels.

    Raises
    ------
    NoUsableChannel
        When no rule matches.
    ChannelAmbiguous
        When a label that a rule names without ``nth`` occurs more than once.
    UnitMissing, UnitUnexpected
        When a unit is blank, unknown or of the wrong dimension and the manifest does not say what to do.
    """
    matcher = _Matcher(manifest, signals)
    plans: list[ChannelPlan] = []
    wrong: list[ChannelError] = []
    for rule in manifest.rules_for(visit):
        try:
            plan = matcher.plan(rule)
        except ChannelError as error:
            wrong.append(error)
            continue
        if plan is not None:
            plans.append(plan)
    if wrong:
        raise _together(wrong)
    if not plans:
        raise _nothing_matches(manifest, visit, signals)
    plans, findings = _mark_primaries(manifest, visit, plans)
    matcher.findings += findings
    matcher.note_unmatched()
    return tuple(plans), tuple(matcher.findings)


class _Matcher:
    """The signals of one file, and what has been noticed while matching them."""

    def __init__(self, manifest: CohortManifest, signals: Sequence[SignalInfo]) -> None:
        self.manifest = manifest
        self.signals = signals
        self.findings: list[Finding] = []
        self.used: set[int] = set()

    def plan(self, rule: ChannelRule) -> ChannelPlan | None:
        """Return how to make a channel, or None (with a finding) where this file cannot give it."""
        pair = self._choose(rule)
        if pair is None:
            return None
        plus, minus = pair
        members = [plus] if minus is None else [plus, minus]
        rate = min(s.rate_hz for s in members)
        band = None
        if rule.spec.shape is Shape.WAVE:
            band = band_for(rule.spec, rate, rule.high_pass_hz or rule.spec.high_pass_hz)
            if band is None:
                self._note("PSG-C007", f"{float(rate):g} Hz cannot carry {rule.spec.long_name}", rule)
                return None
            if rate < rule.spec.rate_class.rate_hz:
                self._note(
                    "PSG-S001", f"upper edge {band.high_hz:g} Hz, for a native rate of {float(rate):g} Hz", rule
                )
        self._check_expectations(rule, members)
        unit = self._unit(rule, plus)
        factors = [self._factor(rule, s, unit) for s in members]
        sign, polarity = self._sign(rule)
        return ChannelPlan(
            rule=rule,
            leads=tuple(
                Lead(s.index, sign * f * way) for s, f, way in zip(members, factors, (1, -1), strict=False)
            ),
            source_label=" - ".join(s.label for s in members),
            source_unit=unit,
            rate_hz=rate,
            band=band,
            polarity=polarity,
            masks=self._masks(rule),
        )

    def note_unmatched(self) -> None:
        """Count the signals that no rule and no ignore list names; their labels are for ``scan`` to show."""
        ignored = {self.manifest.fold(label) for label in self.manifest.ignore_labels}
        left = [s for s in self.signals if s.index not in self.used and self.manifest.fold(s.label) not in ignored]
        if left:
            self.findings.append(finding("PSG-C002", f"{len(left)} signals are not in the montage"))

    def _choose(self, rule: ChannelRule) -> tuple[SignalInfo, SignalInfo | None] | None:
        ready = self._first(rule, rule.labels)
        if ready is not None:
            return ready, None
        if rule.derivation is not None:
            plus = self._first(rule, rule.derivation.plus)
            minus = self._first(rule, rule.derivation.minus)
            if plus is not None and minus is not None:
                return plus, minus
        if not any((f.code, f.channel) == ("PSG-C014", rule.channel) for f in self.findings):
            self._note("PSG-C001", f"channel {rule.channel} is not in the file", rule)
        return None

    def _first(self, rule: ChannelRule, choices: Sequence[LabelChoice]) -> SignalInfo | None:
        found = (self._find(rule, choice) for choice in choices)
        present = {s.index: s for s in found if s is not None}.values()  # two spellings may fold into one
        for signal in present:
            if not signal.usable:
                self._note("PSG-C014", f"signal {signal.label!r} has an unusable range", rule)
        usable = [s for s in present if s.usable]
        if len(usable) > 1:
            self._note("PSG-C009", f"{len(usable)} labels match, {usable[0].label!r} was taken", rule)
        return usable[0] if usable else None

    def _find(self, rule: ChannelRule, choice: LabelChoice) -> SignalInfo | None:
        wanted = self.manifest.fold(choice.label)
        matches = [s for s in self.signals if self.manifest.fold(s.label) == wanted]
        self.used.update(s.index for s in matches)
        if choice.nth is not None:
            return matches[choice.nth - 1] if len(matches) >= choice.nth else None
        if len(matches) > 1:
            raise ChannelAmbiguous(
                f"{len(matches)} signals are labelled {choice.label!r}",
                expected=f"one for channel {rule.channel}",
                why="Taking the wrong one would go unnoticed.",
                do="Say which one is meant with {label: ..., nth: 1} in the manifest.",
            )
        return matches[0] if matches else None

    def _unit(self, rule: ChannelRule, signal: SignalInfo) -> Unit:
        """Return the unit that the channel's values will have after the factor."""
        return self._header_unit(rule, signal) if rule.spec.is_arbitrary else rule.spec.unit

    def _factor(self, rule: ChannelRule, signal: SignalInfo, target: Unit) -> float:
        if rule.spec.shape is Shape.CODE:
            return 1.0
        unit = self._header_unit(rule, signal)
        with _naming(rule, signal):
            return convert_factor(unit, target)

    def _header_unit(self, rule: ChannelRule, signal: SignalInfo) -> Unit:
        unit = self._parsed_unit(rule, signal)
        if unit is not None:
            return unit
        if rule.unit_when_blank is None:
            raise UnitMissing(
                f"{signal.label!r} has a blank unit and the manifest gives no unit_when_blank for {rule.channel}",
                why="A wrong guess may scale it by 1000.",
                do="If the cohort documents the unit, set unit_when_blank with its source.",
            )
        self._note("PSG-C003", f"blank unit taken as {rule.unit_when_blank.unit}", rule)
        return rule.unit_when_blank.unit

    def _parsed_unit(self, rule: ChannelRule, signal: SignalInfo) -> Unit | None:
        override = rule.unit_override
        if override is not None and signal.unit_text.strip() == override.when.strip():
            self._note("PSG-C011", f"unit {override.when!r} read as {override.unit}", rule)
            return override.unit
        with _naming(rule, signal):
            return parse_unit(signal.unit_text)

    def _sign(self, rule: ChannelRule) -> tuple[int, Polarity]:
        if rule.flip is not None:
            self._note("PSG-C008", f"sign turned for release {rule.flip.release}", rule)
            return -1, Polarity.FLIPPED_BY_MANIFEST
        if rule.polarity is not None:
            return 1, Polarity(rule.polarity.value)
        return 1, Polarity.AS_HEADER

    def _masks(self, rule: ChannelRule) -> tuple[tuple[int, frozenset[int]], ...]:
        masks = []
        for mask in rule.masked_by:
            signal = self._find(rule, LabelChoice(label=mask.label))
            if signal is not None and signal.usable:
                masks.append((signal.index, frozenset(mask.bad)))
            elif signal is not None:
                self._note("PSG-C014", f"status {signal.label!r} has an unusable range and masks nothing", rule)
        return tuple(masks)

    def _check_expectations(self, rule: ChannelRule, members: Sequence[SignalInfo]) -> None:
        expect = rule.expect
        for signal in members:
            rate = float(signal.rate_hz)
            if expect.rate_hz and not any(abs(rate - e) <= 1e-6 * e for e in expect.rate_hz):
                wanted = ", ".join(f"{e:g}" for e in expect.rate_hz)
                self._note("PSG-C004", f"rate {rate:g} Hz, expected {wanted}", rule)
            if expect.unit and self._parsed_unit(rule, signal) not in (None, *expect.unit):
                wanted = ", ".join(u.value for u in expect.unit)
                self._note("PSG-C013", f"unit differs from the expected {wanted}", rule)
            if expect.range is not None and not _same_range(expect.range, signal):
                low, high = signal.physical_min, signal.physical_max
                self._note("PSG-C005", f"range {low:g} to {high:g}, expected {expect.range}", rule)

    def _note(self, code: str, message: str, rule: ChannelRule) -> None:
        note = finding(code, message, channel=rule.channel)
        if note not in self.findings:
            self.findings.append(note)


def _mark_primaries(
    manifest: CohortManifest, visit: str, plans: Sequence[ChannelPlan]
) -> tuple[list[ChannelPlan], list[Finding]]:
    """Make the first present channel of each modality its primary one."""
    findings = []
    primaries = set()
    present = [plan.channel for plan in plans]
    for modality in Modality:
        order = manifest.primary_order(modality, visit)
        first = next((channel for channel in order if channel in present), None)
        if first is not None:
            primaries.add(first)
            if first != order[0]:
                findings.append(finding("PSG-C006", f"{first} stands in for {order[0]}", channel=first))
        elif order:
            findings.append(finding("PSG-C010", f"no channel of modality {modality}"))
    return [replace(plan, primary=plan.channel in primaries) for plan in plans], findings


@contextmanager
def _naming(rule: ChannelRule, signal: SignalInfo) -> Iterator[None]:
    """Add label and channel to what the unit table says."""
    try:
        yield
    except UnitUnexpected as error:
        raise UnitUnexpected(
            f"signal {signal.label!r} for channel {rule.channel}: {error.what}",
            saw=error.saw,
            expected=error.expected,
            do=error.do or "If the header is wrong, set unit_override with its source in the manifest.",
        ) from None


def _same_range(expected: tuple[float, float], signal: SignalInfo) -> bool:
    """Compare within 2 %, whichever way round the header has it."""
    seen = sorted((signal.physical_min, signal.physical_max))
    width = abs(expected[1] - expected[0])
    return all(abs(a - b) <= 0.02 * width for a, b in zip(seen, sorted(expected), strict=True))


def _together(errors: Sequence[ChannelError]) -> ChannelError:
    """Return the first of several errors, which names the others, too: one look shows all that is to be done."""
    first = errors[0]
    if others := [error.what for error in errors[1:]]:
        first.do = " ".join(filter(None, (first.do, f"{len(others)} more: {'; '.join(others)}.")))
    return first


def _nothing_matches(manifest: CohortManifest, visit: str, signals: Sequence[SignalInfo]) -> NoUsableChannel:
    labels = [s.label for s in signals]
    wanted = [choice.label for rule in manifest.rules_for(visit) for choice in rule.choices]
    near = {n for label in labels for n in difflib.get_close_matches(label, wanted, 1, 0.6)}
    return NoUsableChannel(
        f"no signal matches the montage of {manifest.cohort!r}",
        saw=f"labels {', '.join(map(repr, labels[:20]))} ({len(labels)})" if labels else "no signals at all",
        do=(f"Closest in the montage: {', '.join(sorted(map(repr, near)))}. " if near else "")
        + "Add the labels to the manifest, or exclude the recording with a reason.",
    )
