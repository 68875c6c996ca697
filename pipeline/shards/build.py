"""Build a set of training shards from the recording stores of an output.

Everything is written under a name with ``.part`` in it and gets its name by one rename: a kill at any moment leaves
the set that was there before, or none. One recording is in memory at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.manifests.terms import strictest
from pipeline.shards.card import card
from pipeline.shards.choose import Chosen, good_recordings, in_order, person
from pipeline.shards.group import GroupWriter
from pipeline.shards.moments import Histogram
from pipeline.shards.tables import Placed, index_file
from pipeline.shards.workplace import clear, set_at, workplace
from pipeline.shards.write import FileFacts, file_facts
from pipeline.splits import Splits, make_splits, read_splits
from pipeline.write.documents import self_digest
from pipeline.write.publish import publish
from schemas.errors import ChannelError
from schemas.kinds import KINDS, kind_of_channel
from schemas.shard import (
    BLOCK_BYTE,
    CARD,
    FILES,
    INDEX,
    SET,
    SHARD_EPOCH,
    SPEC,
    SPEC_VERSION,
    STATISTICS,
    Codec,
    group_name,
    modality_kind,
)
from schemas.store import ARRAY_FILE
from schemas.views import View
from schemas.vocabulary import USUAL_STUDY_TYPES, Modality, Split, StudyType

__all__ = ["SPLITS", "BuildReport", "Recipe", "build_from", "build_set", "write_set"]

SPLITS = "splits.tsv"  # the split file that the set was built by, kept in it
Progress = Callable[[int, int], None]  # recordings done, of how many


@dataclass(frozen=True)
class Recipe:
    """What a set is to be.

    Parameters
    ----------
    modalities : tuple of Modality
        In the order of every table.
    seed : int
        Of the order of recordings, and of the splits where no file gives them.
    split_file : Path, optional
        From ``sleep2vec splits make``.
    shard_epoch : int
        Epochs of one file.
    view : View, optional
        The bands that are kept, from `schemas.views.VIEWS`; as stored without.
    instead : mapping of Modality to str
        Channels that stand for a modality instead of its primary one, e.g. ``{Modality.RESP: "bbi"}``; nights
        without the channel are without the modality.
    study_types : tuple of StudyType
        What the nights may have been for.
    """

    modalities: tuple[Modality, ...] = tuple(Modality)
    seed: int = 0
    codec: Codec = Codec.NONE
    split_file: Path | None = None
    shard_epoch: int = SHARD_EPOCH
    view: View | None = None
    instead: Mapping[Modality, str] = field(default_factory=dict)
    study_types: tuple[StudyType, ...] = USUAL_STUDY_TYPES

    def __post_init__(self) -> None:
        for modality, channel in self.instead.items():
            if not _can_be(channel, modality):
                raise ChannelError(
                    "the channel cannot stand for the modality",
                    saw=f"{modality}={channel}",
                    expected="a canonical channel of this modality, at its rate",
                    do="Take one of docs/store-spec.md, e.g. resp=bbi.",
                )


def _can_be(channel: str, modality: Modality) -> bool:
    try:
        kind = KINDS[kind_of_channel(channel)]
    except KeyError:
        return False
    return kind.modality is modality and kind.rate_class is modality_kind(modality).rate_class


@dataclass(frozen=True)
class BuildReport:
    """What was built.

    Parameters
    ----------
    built : bool
        False where the set was there already, made of the same recordings in the same way.
    splits : mapping
        Split to its numbers of recordings, persons and epochs.
    """

    built: bool
    splits: Mapping[str, Mapping[str, Any]]
    n_byte: int


def build_set(out: Path, target: Path, recipe: Recipe, *, on_progress: Progress | None = None) -> BuildReport:
    """Build a set from all good recordings of an output.

    Parameters
    ----------
    out : Path
        Where recording stores and their ledger are.
    target : Path
        The set's folder; an older set there is replaced, anything else is refused.

    Raises
    ------
    OutputBusy
        When another run builds there, or something else lies there.
    SplitInvalid, SplitLeak
        When the splits do not cover everybody, or tear a person or a family apart.
    StoreIncomplete, StoreCorrupt
        When a recording store is damaged; names it.
    StorageError
        When the disk refuses.
    """
    recordings = good_recordings(out, recipe.study_types)
    return build_from(recordings, _splits(recordings, recipe), target, recipe, on_progress=on_progress)


def build_from(
    recordings: Sequence[Chosen],
    splits: Splits,
    target: Path,
    recipe: Recipe,
    *,
    on_progress: Progress | None = None,
) -> BuildReport:
    """Build a set from chosen recordings, as `build_set`."""
    ordered = in_order(recordings, splits, recipe.seed)
    fingerprint = _fingerprint(ordered, recipe)
    there = set_at(target)
    if there is not None and there.get("fingerprint") == fingerprint:
        return BuildReport(False, there["splits"], there["n_byte"])
    with workplace(target) as work:
        clear(work)
        said = _build(work, ordered, recipe, splits, fingerprint, on_progress or _silent)
        publish(work, target)
    return BuildReport(True, said["splits"], said["n_byte"])


def _silent(done: int, total: int) -> None:
    pass


def _splits(recordings: Sequence[Chosen], recipe: Recipe) -> Splits:
    if recipe.split_file is not None:
        return read_splits(recipe.split_file)
    return make_splits(map(person, recordings), seed=recipe.seed)


def _fingerprint(ordered: Mapping[Split, Sequence[Chosen]], recipe: Recipe) -> str:
    """Return what a set is decided by: recordings in their order, splits, modalities, layout, program."""
    made_of = {split: [(r.name, r.root_digest) for r in chosen] for split, chosen in ordered.items()}
    how = [SPEC_VERSION, version("sleep2vec"), recipe.modalities, recipe.seed, recipe.codec, recipe.shard_epoch]
    how.append(_said_of(recipe.view))
    if recipe.instead:
        how.append(sorted(recipe.instead.items()))
    return _sha256(json.dumps([made_of, how], sort_keys=True).encode())


def _said_of(view: View | None) -> dict[str, Any] | None:
    return None if view is None else view.to_json()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _build(
    work: Path,
    ordered: Mapping[Split, Sequence[Chosen]],
    recipe: Recipe,
    splits: Splits,
    fingerprint: str,
    on_progress: Progress,
) -> dict[str, Any]:
    files: dict[str, FileFacts] = {}
    placed: list[Placed] = []
    totals = {modality: Histogram() for modality in recipe.modalities}
    total = sum(map(len, ordered.values()))
    done = iter(range(1, total + 1))
    for split, chosen in ordered.items():
        group = GroupWriter(
            *(work, split, chosen, recipe.modalities, recipe.codec, recipe.shard_epoch),
            view=recipe.view,
            instead=recipe.instead,
        )
        placed += group.write(lambda: on_progress(next(done), total))
        files |= group.files
        if split is Split.TRAIN:
            totals = group.totals
    statistics = _statistics(placed, totals)
    terms = strictest((str(p.chosen.facts["cohort"]), p.chosen.facts["terms"]) for p in placed)
    choices = {
        "modalities": [str(m) for m in recipe.modalities],
        "codec": str(recipe.codec),
        "view": _said_of(recipe.view),
        "instead": {str(modality): channel for modality, channel in recipe.instead.items()},
        "seed": recipe.seed,
        "split_rule": dict(splits.header),
        "terms": terms,
        "versions": {name: version(name) for name in ("sleep2vec", "numpy")},
        "fingerprint": fingerprint,
    }
    documents = {
        INDEX: index_file(placed, recipe.modalities),
        STATISTICS: _pretty(statistics),
        SPLITS: _kept(splits, placed).encode(),
        CARD: card(placed, choices).encode(),
    }
    counted = {str(split): _counts([p for p in placed if p.split == split]) for split in ordered}
    return write_set(work, files, documents, choices | {"splits": counted})


def _counts(placed: Sequence[Placed]) -> dict[str, Any]:
    return {
        "n_recording": len(placed),
        "n_subject": len({p.chosen.subject for p in placed}),
        "n_epoch": sum(p.chosen.n_epoch for p in placed),
    }


def _kept(splits: Splits, placed: Sequence[Placed]) -> str:
    """Return the split file of those who are in the set."""
    here = {p.chosen.subject for p in placed}
    return Splits({subject: split for subject, split in splits.of.items() if subject in here}, splits.header).text()


def _statistics(placed: Sequence[Placed], totals: Mapping[Modality, Histogram]) -> dict[str, Any]:
    """Return the moments of every modality over the split train."""
    train = [p for p in placed if p.split == Split.TRAIN]
    said: dict[str, Any] = {}
    for modality, whole in totals.items():
        n_recording = sum(p.facts.rows[modality].present for p in train)
        said[str(modality)] = {"n_recording": n_recording} | whole.to_json(modality_kind(modality).scale)
    return {"split": str(Split.TRAIN), "modalities": said}


def _pretty(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def write_set(
    folder: Path, files: Mapping[str, FileFacts], documents: Mapping[str, bytes], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the documents of a set whose groups are there; its own comes last.

    Parameters
    ----------
    files : mapping
        The groups' files, by path below the set.
    documents : mapping
        Name to content.
    said : mapping
        What the set says of itself; gets names, versions and digests.

    Returns
    -------
    dict
        The set's document.
    """
    for name, content in documents.items():
        (folder / name).write_bytes(content)
    listed = dict(sorted({**files, **{name: file_facts(content) for name, content in documents.items()}}.items()))
    listing = _pretty({"block_byte": BLOCK_BYTE, "files": listed})
    (folder / FILES).write_bytes(listing)
    splits = {
        name: {**facts, "root_digest": _sha256((folder / group_name(name) / ARRAY_FILE).read_bytes())}
        for name, facts in said["splits"].items()
    }
    whole: dict[str, Any] = {"spec": SPEC, "spec_version": SPEC_VERSION, **said, "splits": splits}
    whole["n_byte"] = sum(facts["size"] for facts in listed.values())
    whole["files_digest"] = _sha256(listing)
    whole["self_digest"] = self_digest(whole)
    (folder / SET).write_bytes(_pretty(whole))
    return whole
