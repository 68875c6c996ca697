"""Find a cohort's recordings: which files belong to one night, and what the night is called.

Assumes that a recording's files do not move while a run lasts. Reads no file but the subjects' tables.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pipeline.files.layout import Folders, fill
from pipeline.files.places import FileStat, entries, files_below, is_remote, storage_errors
from schemas.errors import ManifestInvalid, PsgError, SourceMissing, StorageError
from schemas.findings import Finding, finding
from schemas.manifest import CohortManifest, Layout, Privacy
from schemas.recording import RecordingKey, SubjectFields
from schemas.vocabulary import StudyType

__all__ = ["Source", "discover", "pseudonym"]

_SALT_CHARACTERS = 12  # a shorter one is found by trying
_HASH_DIGITS = 16  # of a pseudonymous key: 64 bits, no collision to expect below a billion recordings


@dataclass(frozen=True)
class Source:
    """One recording to be: its files, its name, its person.

    Parameters
    ----------
    key : RecordingKey
        Its identity in every output.
    signals : tuple of Path
        Absolute; several where a night has several parts, sorted by name. Never part of an output.
    annotations : mapping of str to Path
        Absolute, by the layout's names of them; only those that are there.
    companions : tuple of Path
        Absolute; files that the signals' files need beside them.
    stats : tuple of FileStat
        Sizes and times as listed, in the order of `paths`; empty on a disk, where asking costs nothing.
    beats : Path or None
        Absolute; published beats. They decide nothing in a store, so they are not among `paths`.
    names : tuple of str
        What outputs call the files, in the order of `paths`: relative to the root, or opaque ones where the
        manifest asks for pseudonymous keys.
    fields : mapping of str to str
        What the layout found in the path. Never part of an output.
    published, published_subject : str
        Recording and subject before pseudonyms took their place; the manifest's exclusions and the subjects'
        tables use them. Never part of an output.
    findings : tuple of Finding
        What was noticed before any file was read.
    left_out : frozenset of {"stages", "events"}
        Parts of the annotations that the manifest excludes.
    """

    key: RecordingKey
    signals: tuple[Path, ...]
    annotations: Mapping[str, Path]
    names: tuple[str, ...]
    fields: Mapping[str, str]
    published: str
    published_subject: str
    study_type: StudyType = StudyType.UNKNOWN
    subject: SubjectFields = field(default_factory=SubjectFields)
    findings: tuple[Finding, ...] = ()
    left_out: frozenset[str] = frozenset()
    beats: Path | None = None
    companions: tuple[Path, ...] = ()
    stats: tuple[FileStat, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files: signals, what they need beside them, then the annotations that are there."""
        return (*self.signals, *self.companions, *self.annotations.values())

    @property
    def is_pseudonymous(self) -> bool:
        """Whether the names of the files must stay unknown."""
        return self.key.name != self.published

    def describe(self, error: PsgError) -> str:
        """Return an error's text as outputs may have it: it names the recording, and no path.

        Where the files' names must stay unknown, so must everything else that the path could tell.
        """
        opaque = {path.name: name for path, name in zip(self.paths, self.names, strict=True)}
        opaque |= {self.beats.name: "beats"} if self.beats else {}
        if self.is_pseudonymous and error.where is not None:
            error.where = f"{self.key}, {opaque.get(error.where, error.where)}"
        text = str(error.at(str(self.key)))
        for path, name in zip(self.paths, self.names, strict=True):
            text = text.replace(str(path), name)
        return self._without_names(text, opaque) if self.is_pseudonymous else text

    def _without_names(self, text: str, opaque: Mapping[str, str]) -> str:
        telling = {self.published, self.published_subject, *self.fields.values()} - {""}
        names = {**dict.fromkeys(telling, "***"), **opaque}
        for name in sorted(names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", names[name], text)
        return text


@dataclass(frozen=True)
class _Night:
    """Files of one recording, before it has its final name."""

    layout: Layout
    files: tuple[str, ...]
    fields: Mapping[str, str]

    @property
    def stem(self) -> str:
        """The signals' stem, what tells its parts apart left out."""
        stem = PurePosixPath(self.files[0]).stem
        part = self.fields.get("part")
        return re.sub(rf"[-_. ]*{re.escape(part)}$", "", stem) or stem if part else stem

    @property
    def path_name(self) -> str:
        return "-".join([*PurePosixPath(self.files[0]).parent.parts, self.stem])


def discover(manifest: CohortManifest, root: Path) -> tuple[Source, ...]:
    """Find every recording of a cohort.

    A recording is called by the layout's ``key`` if it has one, else by its EDF's stem where that is unique
    in the cohort, else by its whole path.

    Parameters
    ----------
    manifest : CohortManifest
        Its layouts say where the files lie.
    root : Path
        Folder of the cohort's download.

    Returns
    -------
    tuple of Source
        Sorted by name.

    Raises
    ------
    SourceMissing
        When the root is no folder, or nothing below it fits a layout.
    ManifestInvalid
        When two recordings get the same name, or a salt is missing.
    StorageError
        When a folder cannot be listed.

    Notes
    -----
    Cost: each folder is listed once; about 70 µs a recording.
    """
    root = root.absolute()
    with storage_errors("the root cannot be looked at"):
        is_there = bool(entries(root)) if is_remote(root) else root.is_dir()
    if not is_there:
        raise SourceMissing("the root is not a folder", do="Give --root the folder that the layout starts from.")
    folders = Folders(root)
    salt = _salt(manifest.privacy)
    try:
        nights = _nights(manifest, folders)
    except StorageError as error:
        error.where = error.where if salt is None else None
        raise
    names = _names(nights)
    _refuse_equal(nights, names, show_files=salt is None)
    with storage_errors("the root cannot be listed"):
        stats = files_below(root) if is_remote(root) else {}
    bad = _bad_parts(manifest)
    found = (_source(manifest.cohort, root, folders, stats, *pair) for pair in zip(nights, names, strict=True))
    sources = (_leave_out(source, bad.get(source.published, frozenset())) for source in found)
    if salt is not None:
        sources = (_pseudonymous(source, salt) for source in sources)
    return tuple(sorted(sources, key=lambda source: source.key.name))


def _nights(manifest: CohortManifest, folders: Folders) -> list[_Night]:
    nights = [night for layout in manifest.layout for night in _group(layout, folders)]
    if not nights:
        raise SourceMissing(
            "no file fits the layout",
            saw="none below the root",
            expected=" or ".join(layout.signals for layout in manifest.layout),
            do="Give --root the folder that these paths start from.",
        )
    return nights


def _group(layout: Layout, folders: Folders) -> Iterator[_Night]:
    """Put the parts of a night together: files whose fields agree but for ``part``."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for path, fields in folders.find(layout.signals, {}):
        fields = layout.defaults | fields
        same = tuple(sorted(item for item in fields.items() if item[0] != "part"))
        groups[(*same, ("", "" if "part" in fields else path))].append((path, fields))
    for found in groups.values():
        yield _Night(layout, tuple(path for path, _ in found), found[0][1])


# --- names -------------------------------------------------------------------------------------------------


def _names(nights: list[_Night]) -> list[str]:
    seen = Counter(_safe(night.stem).casefold() for night in nights if night.layout.key is None)
    return [_safe(_name(night, seen)) for night in nights]


def _name(night: _Night, seen: Counter[str]) -> str:
    if night.layout.key is not None:
        return fill(night.layout.key, night.fields)
    return night.stem if seen[_safe(night.stem).casefold()] == 1 else night.path_name


def _source(
    cohort: str, root: Path, folders: Folders, stats: Mapping[str, FileStat], night: _Night, name: str
) -> Source:
    layout = night.layout
    key = RecordingKey(cohort, name, fill(layout.subject, night.fields), fill(layout.visit, night.fields))
    beats = _matching(folders, layout.beats, night)
    companions = [path for pattern in layout.companions for path in _matching(folders, pattern, night)]
    found = {name: _matching(folders, pattern, night) for name, pattern in layout.annotations.items()}
    annotations = {name: paths[0] for name, paths in found.items() if paths}
    names = (*night.files, *companions, *annotations.values())
    return Source(
        key=key,
        signals=tuple(root / name for name in night.files),
        companions=tuple(root / name for name in companions),
        annotations={name: root / path for name, path in annotations.items()},
        names=names,
        fields=dict(night.fields),
        published=name,
        published_subject=key.subject,
        study_type=layout.study_type,
        findings=tuple(f for paths in found.values() for f in _several(len(paths))),
        beats=root / beats[0] if beats else None,
        stats=tuple(stats[name] for name in names) if stats else (),
    )


def _matching(folders: Folders, pattern: str | None, night: _Night) -> list[str]:
    return [path for path, _ in folders.find(pattern, night.fields)] if pattern else []


def _bad_parts(manifest: CohortManifest) -> dict[str, frozenset[str]]:
    """Return by key what of a recording is known to be bad, where it is not the whole of it."""
    parts: dict[str, frozenset[str]] = {}
    for exclusion in manifest.exclude:
        if exclusion.what != "recording":
            parts[exclusion.key] = parts.get(exclusion.key, frozenset()) | {exclusion.what}
    return parts


def _leave_out(source: Source, parts: frozenset[str]) -> Source:
    known = tuple(finding("PSG-A017", f"the {part} are left out") for part in sorted(parts))
    return replace(source, left_out=parts, findings=(*source.findings, *known)) if parts else source


def _several(n_annotation: int) -> tuple[Finding, ...]:
    if n_annotation < 2:
        return ()
    return (finding("PSG-M005", f"{n_annotation} annotation files fit the layout, the first by name was taken"),)


def _safe(name: str) -> str:
    """Return a name that every file system takes and that never looks unfinished or hidden."""
    kept = re.sub(r"[^A-Za-z0-9._-]", "_", name).replace(".part", "_part")
    return re.sub(r"^\.+", "_", kept) or "_"


def _refuse_equal(nights: list[_Night], names: list[str], *, show_files: bool) -> None:
    """Raise when a name, or a file, belongs to two recordings; file systems may ignore case."""
    first: dict[str, _Night] = {}
    for night, name in zip(nights, names, strict=True):
        for claim in (f"name {name}".casefold(), *(f"file {file}" for file in night.files)):
            other = first.setdefault(claim, night)
            if other is not night:
                raise ManifestInvalid(
                    "two recordings would have the same " + claim.split()[0],
                    saw=f"{other.files[0]} and {night.files[0]}" if show_files else "two files",
                    expected="one recording a name and a file",
                    do="Let layout.key tell them apart, or make a layout's pattern narrower.",
                )


def _salt(privacy: Privacy) -> bytes | None:
    if privacy.keys == "as_published":
        return None
    salt = os.environ.get(privacy.salt_env, "")
    if len(salt) < _SALT_CHARACTERS:
        raise ManifestInvalid(
            "the manifest asks for pseudonymous keys and there is no salt, or a short one",
            saw=f"{len(salt)} characters in environment variable {privacy.salt_env}",
            expected=f"at least {_SALT_CHARACTERS}",
            why="Without it anybody could find the person by trying names.",
            do=f"Set {privacy.salt_env} to a long secret, the same in every run.",
        )
    return salt.encode()


def _pseudonymous(source: Source, salt: bytes) -> Source:
    """Replace everything that a path could tell by keyed hashes; a person keeps one hash over visits."""
    cohort = source.key.cohort
    key = replace(
        source.key,
        name=_pseudonym(salt, cohort, "recording", source.published),
        subject=_pseudonym(salt, cohort, "subject", source.key.subject),
    )
    names = [f"signals-{i + 1}" for i in range(len(source.signals))]
    names += [f"companion-{i + 1}" for i in range(len(source.companions))]
    names += ["annotation" if len(source.annotations) == 1 else f"annotation-{name}" for name in source.annotations]
    return replace(source, key=key, names=tuple(names))


def pseudonym(manifest: CohortManifest, kind: str, name: str) -> str:
    """Return what outputs call a thing of the cohort: its name, or a keyed hash where the manifest asks for that.

    Raises
    ------
    ManifestInvalid
        When a salt is missing.
    """
    salt = _salt(manifest.privacy)
    return name if salt is None else _pseudonym(salt, manifest.cohort, kind, name)


def _pseudonym(salt: bytes, *parts: str) -> str:
    return hmac.new(salt, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]
