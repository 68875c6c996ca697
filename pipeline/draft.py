"""Draft a manifest from the headers found below a folder, for a person to review.

Proposals come from the aliases of the shipped manifests: an equal spelling is proposed, a similar one only
mentioned. Nothing that a header does not say is filled in.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.manifests import load_manifest, shipped_manifests
from pipeline.read.edf_header import read_header
from schemas.errors import ManifestInvalid, PsgError, SourceMissing
from schemas.manifest import COHORT_NAME
from schemas.montage import fold_label

__all__ = ["draft_manifest"]

_SUFFIXES = (".edf", ".bdf", ".rec")
_MOST_HEADERS = 200  # enough to see the spellings; scan counts them all afterwards

_HEAD = """\
# yaml-language-server: $schema=manifest.schema.json
# Drafted from headers. Everything marked REVIEW waits for a person; `sleep2vec manifest guide` describes every key.
# For completion in an editor: sleep2vec manifest schema > manifest.schema.json, beside this file.
manifest_version: 1
cohort: {cohort}
title: {cohort}  # REVIEW
terms:
  agreement: REVIEW
  redistribution: false
  commercial: false
  citation: REVIEW who to cite
  release: REVIEW
layout:
  signals: {signals}  # REVIEW
"""

_LATER = """\
# Without the following, stages, events, age and sex stay unknown.
#   annotations: "stages/{subject}.xml"  # belongs under layout
# annotations:
#   format: nsrr_xml  # or edf_plus
#   scheme: aasm
# subjects:
#   tables:
#     - path: subjects.csv
#       key: subject_id
#       fields:
#         age_years: {columns: age, unit: years}
#         sex: {columns: sex, codes: {1: male, 2: female}}
"""


def draft_manifest(cohort: str, root: Path | None) -> str:
    """Return the YAML text of a manifest that ``manifest check`` accepts once it has been reviewed.

    Parameters
    ----------
    cohort : str
        Name: lower-case letters, digits and underscores.
    root : Path or None
        Folder whose EDF and BDF headers are read; without it the montage holds one example.

    Raises
    ------
    ManifestInvalid
        When the cohort's name is not allowed.
    SourceMissing
        When there is no EDF below the root.
    """
    if not re.fullmatch(COHORT_NAME, cohort):
        raise ManifestInvalid(
            "not a cohort name", saw=repr(cohort), expected="lower-case letters, digits and underscores"
        )
    if root is None:
        head = _HEAD.format(cohort=cohort, signals='"{subject}.edf"')
        return head + _LATER + _montage(Counter({"EEG C4-M1": 1}))
    folders: dict[str, list[PurePosixPath]] = {}
    for file in _recordings(root):
        folders.setdefault(_pattern(file), []).append(file)
    if not folders:
        raise SourceMissing("no .edf, .bdf or .rec file below the root", do="Name the folder of the download.")
    labels = {pattern: _labels(root, files) for pattern, files in folders.items()}
    richest = max(folders, key=lambda pattern: len(labels[pattern]))  # hypnograms are EDFs, too
    others = [f'  # also there: "{p}" ({len(files)} files)\n' for p, files in folders.items() if p != richest]
    head = _HEAD.format(cohort=cohort, signals=f'"{richest}"') + "".join(others)
    return head + _LATER + _montage(labels[richest])


def _recordings(root: Path) -> Iterator[PurePosixPath]:
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES):
                yield PurePosixPath((Path(folder) / name).relative_to(root).as_posix())


def _pattern(file: PurePosixPath) -> str:
    return str(file.with_name("{subject}" + file.suffix))


def _labels(root: Path, files: list[PurePosixPath]) -> Counter[str]:
    """Count labels, in the order of the first file; a header that cannot be read is for ``scan`` to report."""
    labels: Counter[str] = Counter()
    for file in files[:_MOST_HEADERS]:
        try:
            labels.update(info.label for info in read_header(root / file).infos)
        except PsgError:
            continue
    return labels


def _montage(labels: Counter[str]) -> str:
    aliases = _shipped_aliases()
    rules: dict[str, list[str]] = {}
    left: list[str] = []
    for label in labels:
        channel = aliases.get(fold_label(label, match_case=False))
        if channel is None:
            near = difflib.get_close_matches(fold_label(label, match_case=False), aliases, 1, 0.7)
            hint = f", perhaps {aliases[near[0]]}" if near else ""
            left.append(f"  # {_quoted(label)} ({labels[label]} files){hint}")
        else:
            rules.setdefault(channel, []).append(label)
    lines = ["montage:"]
    for channel, found in rules.items():
        lines += [f"  - channel: {channel}  # REVIEW", f"    labels: [{', '.join(map(_quoted, found))}]"]
    if not rules:
        lines += ["  - channel: eeg_c4_m1  # REVIEW: an example", '    labels: ["EEG C4-M1"]']
    if left:
        lines += ["  # Left over: add a rule for each that is wanted.", *left]
    return "\n".join(lines) + "\n"


def _shipped_aliases() -> dict[str, str]:
    """Folded spelling → canonical channel, where all shipped manifests agree and no codes need a meaning."""
    found: dict[str, set[str]] = {}
    for name in shipped_manifests():
        for rule in load_manifest(name).montage:
            if not rule.value_meanings:
                for choice in rule.labels:
                    found.setdefault(fold_label(choice.label, match_case=False), set()).add(rule.channel)
    return {label: channels.pop() for label, channels in found.items() if len(channels) == 1}


def _quoted(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
