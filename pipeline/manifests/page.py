"""A page about a cohort for people, from its manifest alone: access, files, channels, scoring, persons, quirks.

Nothing is said that the manifest does not say, so that a page can never contradict a conversion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.kinds import Shape
from schemas.manifest import CohortManifest, Layout
from schemas.montage import ChannelRule, LabelChoice
from schemas.scoring_rules import AnnotationRule
from schemas.subjects import Column, SubjectTable
from schemas.vocabulary import Scored, StageScheme

__all__ = ["cohort_index", "cohort_page"]

_WRITTEN = "<!-- Written by `sleep2vec manifest pages docs/cohorts`: change the manifest, not this page. -->"
_SCHEMES = {
    StageScheme.AASM: "AASM",
    StageScheme.RK: "Rechtschaffen and Kales, stages 3 and 4 become N3",
    StageScheme.SLEEP_WAKE: "sleep and wake alone",
    StageScheme.NONE: "no stages",
}
_LOOKED_FOR = {Scored.YES: "scored", Scored.PARTLY: "scored in part", Scored.NO: "not scored"}
_YES_NO = {True: "yes", False: "no"}


def cohort_page(manifest: CohortManifest) -> str:
    """Return the page of one cohort in Markdown."""
    sections = (
        f"# {manifest.title}",
        _WRITTEN,
        f"`sleep2vec convert {manifest.cohort} --root DOWNLOAD --out OUT`; where each line comes from says "
        f"[the manifest](../../data_manifests/{manifest.cohort}.yaml).",
        _access(manifest),
        _files(manifest.layout),
        _channels(manifest),
        _scoring(manifest.annotations),
        _people(manifest),
        _quirks(manifest),
        _left_out(manifest),
        _relatives(manifest),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def cohort_index(manifests: Iterable[CohortManifest]) -> str:
    """Return the page that lists all cohorts, in Markdown."""
    rows = [
        (
            f"[{m.cohort}]({m.cohort}.md)",
            _text(m.title),
            _text(m.terms.release),
            _text(m.terms.agreement),
            _YES_NO[m.terms.redistribution],
            ", ".join(dict.fromkeys(rule.scheme for rule in m.annotations)) or "–",
        )
        for m in manifests
    ]
    heading = ("cohort", "title", "release", "access", "may be passed on", "stages")
    return "\n\n".join(("# Cohorts", _WRITTEN, _ABOUT, _table(heading, rows))) + "\n"


_ABOUT = """\
One page for each manifest that comes along, made from it. What it says of channels, rates and units is what the
cohort documents, as the manifest has it; how many recordings there are is known when your download was scanned:
`sleep2vec scan NAME --root DOWNLOAD`. A cohort of yours: [add-a-cohort.md](../add-a-cohort.md)."""


# --- parts of Markdown ------------------------------------------------------------------------------------------


def _text(text: object) -> str:
    """Return a text on one line."""
    return " ".join(str(text).split())


def _code(text: object) -> str:
    return f"`{text}`"


def _codes(texts: Iterable[object]) -> str:
    return ", ".join(map(_code, texts))


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (heading, ["---"] * len(heading), *rows)
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _list(title: str, lines: Iterable[str]) -> str:
    found = "\n".join(f"- {line}" for line in lines)
    return f"## {title}\n\n{found}" if found else ""


# --- sections ---------------------------------------------------------------------------------------------------


def _access(manifest: CohortManifest) -> str:
    terms = manifest.terms
    rows = [
        ("access", _text(terms.agreement)),
        ("may be passed on", _YES_NO[terms.redistribution]),
        ("commercial use", _YES_NO[terms.commercial]),
        ("release", _text(terms.release)),
        ("cite", _text(terms.citation)),
    ]
    rows += [("from", f"<{terms.url}>")] if terms.url else []
    rows += [("site", _text(manifest.site))] if manifest.site else []
    return _table(("", ""), rows)


def _files(layouts: Sequence[Layout]) -> str:
    rows = []
    for layout in layouts:
        beats = {"beats": layout.beats} if layout.beats else {}
        rows.append(("signals", _code(layout.signals), layout.study_type.value))
        rows += [("beside them", _code(path), "") for path in layout.companions]
        rows += [(name, _code(path), "") for name, path in {**layout.annotations, **beats}.items()]
    return "## Files\n\n" + _table(("what", "path below the download", "kind of night"), rows)


def _channels(manifest: CohortManifest) -> str:
    rows = [
        (
            _code(rule.channel) + (f" ({_text(', '.join(rule.visits))})" if rule.visits else ""),
            _text(rule.sensor or rule.spec.long_name),
            _labels(rule),
            _recorded(rule),
            _stored(rule),
        )
        for rule in manifest.montage
    ]
    heading = ("channel", "what", "labels", "as documented", "stored")
    parts = [
        "## Channels",
        "Of each modality the first that a night has is its primary one. Every night also gets the channels that "
        "are [derived](../derived-channels.md) from these.",
        _table(heading, rows),
    ]
    if lines := _remarks(manifest.montage):
        parts.append("\n".join(f"- {line}" for line in lines))
    if manifest.ignore_labels:
        parts.append(f"Left out knowingly: {_codes(manifest.ignore_labels)}.")
    return "\n\n".join(parts)


def _labels(rule: ChannelRule) -> str:
    ways = [", ".join(map(_choice, rule.labels))] if rule.labels else []
    if rule.derivation is not None:
        plus, minus = (" or ".join(map(_choice, side)) for side in (rule.derivation.plus, rule.derivation.minus))
        ways.append(f"{plus} minus {minus}")
    return "; else ".join(ways)


def _choice(choice: LabelChoice) -> str:
    return _code(choice.label) + ("" if choice.nth is None else f" no. {choice.nth}")


def _recorded(rule: ChannelRule) -> str:
    expect = rule.expect
    parts = [", ".join(f"{rate:g}" for rate in expect.rate_hz) + " Hz"] if expect.rate_hz else []
    parts += [" or ".join(unit.value for unit in expect.unit)] if expect.unit else []
    parts += [f"{expect.range[0]:g} to {expect.range[1]:g}"] if expect.range else []
    if rule.reference:
        parts.append("bipolar" if rule.reference == "bipolar" else f"against {_text(rule.reference)}")
    return "; ".join(parts) or "–"


def _stored(rule: ChannelRule) -> str:
    spec = rule.spec
    unit = {Shape.CODE: "codes"}.get(spec.shape, "arbitrary" if spec.is_arbitrary else spec.unit.value)
    return f"{spec.rate_class.rate_hz} Hz, {unit}"


def _remarks(montage: Iterable[ChannelRule]) -> list[str]:
    """Return what the manifest says of channels beside the table; equal remarks once, with all their channels."""
    channels: dict[str, list[str]] = {}
    for rule in montage:
        for remark in _remarks_on(rule):
            channels.setdefault(remark, []).append(rule.channel)
    return [f"{_codes(dict.fromkeys(names))}: {remark}" for remark, names in channels.items()]


def _remarks_on(rule: ChannelRule) -> list[str]:
    found = []
    if blank := rule.unit_when_blank:
        found.append(f"a blank unit is read as {_code(blank.unit.value)} ({_text(blank.source)})")
    if other := rule.unit_override:
        found.append(f"unit {_code(other.when)} is read as {_code(other.unit.value)} ({_text(other.source)})")
    if rule.flip:
        found.append(f"the sign is turned, release {_text(rule.flip.release)} ({_text(rule.flip.source)})")
    if rule.polarity and rule.polarity.value == "unknown":
        found.append(f"the sign is not known ({_text(rule.polarity.source)})")
    if rule.high_pass_hz is not None:
        found.append(f"lower edge {rule.high_pass_hz:g} Hz ({_text(rule.high_pass_source)})")
    if rule.missing_codes:
        found.append("no value: " + ", ".join(f"{code:g}" for code in rule.missing_codes))
    if rule.value_meanings:
        meanings = ", ".join(f"{code} {_text(word)}" for code, word in rule.value_meanings.items())
        turned = ", ".join(f"{theirs} → {ours}" for theirs, ours in rule.value_map.items())
        found.append(f"codes {meanings}" + (f"; the files' {turned}" if turned else ""))
    for mask in rule.masked_by:
        codes = ", ".join(map(str, mask.bad))
        found.append(f"masked while {_code(mask.label)} is {codes} ({_text(mask.source)})")
    return found


def _scoring(rules: Sequence[AnnotationRule]) -> str:
    lines = []
    for rule in rules:
        who = f", scorer {rule.scorer}" if rule.scorer > 1 else ""
        source = f"{' and '.join(rule.holds)} from {_code(rule.file)} (`{rule.format}`){who}"
        told = [_SCHEMES[rule.scheme]] if "stages" in rule.holds else []
        for answer, words in _LOOKED_FOR.items():
            names = [name for name, said in rule.scored.items() if said is answer]
            told += [f"{words}: {', '.join(names)}"] if names else []
        lines.append(". ".join((f"{source}: {told[0]}" if told else source, *(t.capitalize() for t in told[1:]))))
        lines += [f"  - own words for {name}: {_codes(words)}" for name, words in _own_words(rule).items()]
    found = "\n".join(line if line.startswith(" ") else f"- {line}" for line in lines)
    return f"## Stages and events\n\n{found}" if found else ""


def _own_words(rule: AnnotationRule) -> Mapping[str, list[str]]:
    words: dict[str, list[str]] = {}
    for word, meaning in (*rule.stages.items(), *rule.events.items()):
        words.setdefault(_code(meaning) if meaning != "ignore" else "what is dropped", []).append(word)
    return words


def _people(manifest: CohortManifest) -> str:
    tables = manifest.subjects.tables if manifest.subjects else ()
    parts = [_of_table(table) for table in tables]
    return "\n\n".join(("## Persons", *parts)) if parts else ""


def _of_table(table: SubjectTable) -> str:
    asked = [f"visits {', '.join(table.visits)}"] if table.visits else []
    asked += [f"{name} {value}" for name, value in table.when.items()]
    asked += [f"{column} {' or '.join(values)}" for column, values in table.where.items()]
    head = f"{_code(table.path)}, by {_code(table.key)}" + (f" ({_text('; '.join(asked))})" if asked else "") + ":"
    groups = (("", table.fields), ("history: ", table.history), ("indices: ", table.indices))
    rows = [
        (kind + name, _codes(c.columns), _meaning(c)) for kind, columns in groups for name, c in columns.items()
    ]
    return f"{head}\n\n{_table(('field', 'column', 'values'), rows)}"


def _meaning(column: Column) -> str:
    parts = [str(column.unit)] if column.unit else []
    parts += [f"{_code(value)} {meaning}" for value, meaning in (column.codes or {}).items()]
    return ", ".join(parts) or "as written"


def _quirks(manifest: CohortManifest) -> str:
    return _list(
        "Quirks",
        (
            _text(quirk.what)
            + (f", since {_text(quirk.since)}" if quirk.since else "")
            + f" ({_text(quirk.source)})"
            for quirk in manifest.known_quirks
        ),
    )


def _left_out(manifest: CohortManifest) -> str:
    rows = [(_code(e.key), e.what, _text(e.reason), _text(e.source)) for e in manifest.exclude]
    return "## Left out\n\n" + _table(("recording", "what", "why", "source"), rows) if rows else ""


def _relatives(manifest: CohortManifest) -> str:
    by_source: dict[str, list[str]] = {}
    for other in manifest.overlaps_with:
        by_source.setdefault(other.source, []).append(other.cohort)
    lines = (f"{_codes(cohorts)} ({_text(source)})" for source, cohorts in by_source.items())
    return _list("Shares people with", lines)
