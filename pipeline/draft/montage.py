"""Propose the montage of a new cohort from its labels and those of the shipped manifests.

An equal spelling, or two electrodes that others subtract, become a rule; everything else is written down as a rule
behind a number sign, for a person to complete. A unit is never guessed where a wrong guess would change an
amplitude: ``1`` is proposed alone, which no voltage takes.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.draft.headers import Headers, LabelFacts
from pipeline.draft.written import flow, n_file, quoted
from pipeline.manifests.load import load_manifest, shipped_manifests
from schemas.errors import UnitUnexpected
from schemas.kinds import KINDS, KindSpec, Shape, kind_of_channel
from schemas.montage import ChannelRule, LabelChoice, fold_label
from schemas.units import Unit, convert_factor, parse_unit

__all__ = ["montage_text"]

_MOST_RATES = 4  # that are listed as expected; more say nothing
_MOST_FAMILIES = 6
_NEAR = 0.7  # ratio of difflib from which a spelling is mentioned
_BY_UNIT = {Unit.PERCENT: "spo2", Unit.BPM: "pulse_rate", Unit.DEGREE_CELSIUS: "temp_rectal"}
_OPEN = "REVIEW"


@dataclass(frozen=True)
class _Proposal:
    """One channel: labels that are it, or electrodes to subtract."""

    channel: str
    labels: tuple[str, ...] = ()
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        return self.labels + self.plus + self.minus


def montage_text(headers: Headers) -> str:
    """Return the section ``montage`` in YAML."""
    proposals = _proposals(headers)
    used = {label for proposal in proposals for label in proposal.members}
    lines = ["montage:", *_families(headers.families)]
    for proposal in proposals:
        lines += _rule(proposal, headers)
    if not proposals:
        why = "" if headers.labels else ", no label was read"
        lines += [f"  - channel: eeg_c4_m1  # REVIEW: an example{why}", '    labels: ["EEG C4-M1"]']
    if left := [label for label in headers.labels if label not in used]:
        lines += ["  # Left over: name the channel of each that is wanted, and take the number signs away."]
        for label in left:
            lines += [f"  # {line}" for line in _open_rule(label, headers.labels[label])]
        lines += ["# Those that are not wanted: ignore_labels: [...]"]
    return "\n".join(lines) + "\n"


def _proposals(headers: Headers) -> list[_Proposal]:
    """Return what other cohorts make of the same labels, in the order of the file."""
    derived = _derived(headers)
    taken = {label for proposal in derived.values() for label in proposal.members}
    plain: dict[str, list[str]] = {}
    for label in headers.labels:
        channel = _aliases().get(_folded(label))
        if channel is not None and label not in taken:
            plain.setdefault(channel, []).append(label)
    both = {**{channel: _Proposal(channel, tuple(labels)) for channel, labels in plain.items()}, **derived}
    for channel in set(plain) & set(derived):
        pair = derived[channel]
        both[channel] = _Proposal(channel, tuple(plain[channel]), pair.plus, pair.minus)
    order = list(headers.labels)
    return sorted(both.values(), key=lambda proposal: min(order.index(label) for label in proposal.members))


def _derived(headers: Headers) -> dict[str, _Proposal]:
    """Return channels that other cohorts derive from two signals which some family has."""
    found: dict[str, _Proposal] = {}
    for family in headers.families:
        by_folded = {_folded(label): label for label in reversed(family)}
        ready = {_aliases().get(_folded(label)) for label in family if "-" in label or "_" in label}
        for channel, plus, minus in _pairs():
            if plus in by_folded and minus in by_folded and channel not in ready:
                known = found.get(channel, _Proposal(channel))
                found[channel] = _Proposal(
                    channel, (), _with(known.plus, by_folded[plus]), _with(known.minus, by_folded[minus])
                )
    return found


def _with(labels: tuple[str, ...], label: str) -> tuple[str, ...]:
    return labels if label in labels else (*labels, label)


# --- what other cohorts do --------------------------------------------------------------------------------------


@cache
def _shipped_rules() -> tuple[ChannelRule, ...]:
    return tuple(rule for name in shipped_manifests() for rule in load_manifest(name).montage)


@cache
def _aliases() -> dict[str, str]:
    """Folded spelling → canonical channel, where all shipped manifests agree and no codes need a meaning."""
    found: dict[str, set[str]] = {}
    for rule in _shipped_rules():
        if not rule.value_meanings:
            for choice in rule.labels:
                # the same sensor in more detail is a second rule for a label, not another meaning
                found.setdefault(_folded(choice.label), set()).add(rule.channel.removesuffix("_wave"))
    return {label: channels.pop() for label, channels in found.items() if len(channels) == 1}


@cache
def _coded() -> dict[str, str]:
    """Folded spelling → channel of codes, which is never proposed: each cohort's numbers mean something else."""
    coded = (rule for rule in _shipped_rules() if rule.value_meanings)
    return {_folded(choice.label): rule.channel for rule in coded for choice in rule.labels}


@cache
def _pairs() -> tuple[tuple[str, str, str], ...]:
    """Channel and the folded labels of the two signals that a shipped manifest subtracts for it."""
    derivations = ((rule.channel, rule.derivation) for rule in _shipped_rules() if rule.derivation)
    return tuple(
        dict.fromkeys(
            (channel, plus, minus)
            for channel, derivation in derivations
            for plus in _spellings(derivation.plus)
            for minus in _spellings(derivation.minus)
        )
    )


def _spellings(choices: Sequence[LabelChoice]) -> list[str]:
    return [_folded(choice.label) for choice in choices]


def _folded(label: str) -> str:
    return fold_label(label, match_case=False)


# --- text -------------------------------------------------------------------------------------------------------


def _families(families: Counter[tuple[str, ...]]) -> Iterator[str]:
    """Say which sets of labels there are: each may need spellings, or electrodes, of its own."""
    if len(families) < 2:
        return
    (first, n_first), *others = families.most_common(_MOST_FAMILIES)
    yield f"  # {len(families)} families of labels. {n_first} files have the most frequent one;"
    for family, n in others:
        lacks, has = (_listed(a, b) for a, b in ((first, family), (family, first)))
        told = "; ".join(filter(None, (lacks and f"without {lacks}", has and f"with {has}")))
        yield f"  # {n_file(n)} differ{'s' if n == 1 else ''}: {told or 'another order'}"


def _listed(labels: Sequence[str], known: Sequence[str]) -> str:
    return ", ".join(quoted(label) for label in labels if label not in known)


def _rule(proposal: _Proposal, headers: Headers) -> Iterator[str]:
    facts = [headers.labels[label] for label in proposal.members]
    yield f"  - channel: {proposal.channel}  # REVIEW, {_counted(proposal, headers)}"
    if proposal.labels:
        yield f"    labels: {flow(proposal.labels)}"
    if proposal.plus:
        yield f"    derivation: {{plus: {flow(proposal.plus)}, minus: {flow(proposal.minus)}}}"
    spec = KINDS[kind_of_channel(proposal.channel)]
    rates_hz = sum((fact.rates_hz for fact in facts), Counter[float]())
    units = sum((fact.units for fact in facts), Counter[str]())
    yield from (f"    {line}" for line in (*_expected(spec, rates_hz, units), *_units(spec, units)))


def _open_rule(label: str, facts: LabelFacts) -> Iterator[str]:
    """Yield a rule whose channel only a person can name; a blank unit is proposed as arbitrary."""
    coded = _coded().get(_folded(label))
    yield f"- channel: {coded or _by_unit(facts) or _OPEN}  # {n_file(facts.n)}{_similar(label)}"
    yield f"  labels: {flow([label])}"
    if coded:
        yield f"  value_meanings: {{0: {_OPEN}}}  # what each of its numbers means"
    if facts.rates_hz:
        yield f"  expect: {{rate_hz: {_rates(facts.rates_hz)}}}  # {_spelt(facts.units)}"
    if "" in facts.units and not coded:
        yield f'  unit_when_blank: {{unit: "1", source: {_OPEN}}}'
    for text in _unknown(facts.units)[:1]:
        yield f"  unit_override: {{when: {quoted(text)}, unit: {_OPEN}, source: {_OPEN}}}"


def _expected(spec: KindSpec, rates_hz: Counter[float], units: Counter[str]) -> Iterator[str]:
    known = dict.fromkeys(unit for text in units if (unit := _parsed(text)) is not None)
    fits = [unit for unit in known if not spec.is_arbitrary and spec.shape is not Shape.CODE]
    parts = [f"rate_hz: {_rates(rates_hz)}"] if 0 < len(rates_hz) <= _MOST_RATES else []
    parts += [f"unit: {flow(fits) if len(fits) > 1 else _yaml_unit(fits[0])}"] if fits else []
    several = len(rates_hz) > 1 or len(units) > 1
    told = "; ".join(f"{n_file(n)} at {rate:g} Hz" for rate, n in rates_hz.most_common()) if several else ""
    if parts:
        yield f"expect: {{{', '.join(parts)}}}" + (f"  # {told}; {_spelt(units)}" if told else "")


def _units(spec: KindSpec, units: Counter[str]) -> Iterator[str]:
    """Yield what makes units readable: for arbitrary amplitudes as a proposal, else as a question."""
    if spec.shape is Shape.CODE:
        return
    if n := units.get(""):
        if spec.is_arbitrary:
            yield f'unit_when_blank: {{unit: "1", source: {_OPEN} no unit in {n_file(n)}}}'
        else:
            yield f"# {_OPEN} no unit in {n_file(n)}: unit_when_blank: {{unit: ..., source: ...}}"
    for text in _unknown(units):
        way = f"unit_override: {{when: {quoted(text)}, unit: "
        if spec.is_arbitrary:
            yield f'{way}"1", source: {_OPEN} {n_file(units[text])}}}'
        else:
            yield f"# {_OPEN} {way}..., source: ...}}"
    for text in units:
        if (unit := _parsed(text)) is not None and not spec.is_arbitrary and not _converts(unit, spec.unit):
            yield f"# {_OPEN} {n_file(units[text])} in {quoted(text)}, which is no unit of this channel"


def _counted(proposal: _Proposal, headers: Headers) -> str:
    return n_file(max(headers.labels[label].n for label in proposal.members))


def _similar(label: str) -> str:
    near = difflib.get_close_matches(_folded(label), _aliases(), 1, _NEAR)
    return f"; a similar label is {_aliases()[near[0]]} elsewhere" if near else ""


def _by_unit(facts: LabelFacts) -> str | None:
    """Return the only channel that a unit leaves, where every file has it."""
    found = {_BY_UNIT.get(unit) if (unit := _parsed(text)) is not None else None for text in facts.units}
    return found.pop() if len(found) == 1 else None


def _spelt(units: Counter[str]) -> str:
    return ", ".join(f"unit {text}" if text else "no unit" for text, _ in units.most_common())


def _unknown(units: Counter[str]) -> list[str]:
    return [text for text in units if text and _parsed(text) is None]


def _parsed(text: str) -> Unit | None:
    try:
        return parse_unit(text)
    except UnitUnexpected:
        return None


def _converts(unit: Unit, target: Unit) -> bool:
    try:
        return convert_factor(unit, target) > 0
    except UnitUnexpected:
        return False


def _rates(rates_hz: Counter[float]) -> str:
    listed = [f"{rate:g}" for rate, _ in rates_hz.most_common()]
    return listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"


def _yaml_unit(unit: str) -> str:
    return unit if unit[0].isalpha() else quoted(unit)
