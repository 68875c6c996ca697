"""Pull a set, or the part of it that is wanted, from a server, a bucket or another folder.

Everything is checked as it arrives: whole files block by block against the set's list, a part of a file chunk by
chunk against the checksums that Zarr keeps in it. The set gets its name when all is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import google_crc32c

from pipeline.shards.build import SPLITS, write_set
from pipeline.shards.documents import arrays_of, checked_set, plain_array, read_group
from pipeline.shards.part import PartFile, first_rows, index_part, splits_part
from pipeline.shards.sources import Source, source_of
from pipeline.shards.transfer import Counted, Piece, Tally, retried, transfer
from pipeline.shards.workplace import clear, set_at, workplace
from pipeline.shards.write import FileFacts, chunk_facts, file_facts, summed
from pipeline.write.documents import encoded, root_document
from pipeline.write.publish import publish
from schemas.errors import ChannelError, SpecViolation, StorageError, StoreCorrupt, StoreError
from schemas.shard import CARD, FILES, INDEX, NIGHT_ARRAYS, SET, STATISTICS, array_specs, group_name
from schemas.store import ARRAY_FILE
from schemas.vocabulary import Modality

__all__ = ["PullReport", "Wanted", "pull_set"]


@dataclass(frozen=True)
class Wanted:
    """Which part of a set.

    Parameters
    ----------
    splits : tuple of str, optional
        All without.
    modalities : tuple of Modality, optional
        All without.
    subset : int, optional
        Recordings of every split, the first ones in its shuffled order; all without.
    """

    splits: tuple[str, ...] | None = None
    modalities: tuple[Modality, ...] | None = None
    subset: int | None = None


@dataclass(frozen=True)
class PullReport:
    """What was pulled.

    Parameters
    ----------
    pulled : bool
        False where the same part of the same set was there already.
    forced : bool
        Whether it was done against the terms.
    n_fetched, n_kept : int
        Bytes that travelled, and that were here from a pull that was interrupted.
    n_again : int
        Transfers that failed or arrived wrong and were tried again.
    """

    pulled: bool
    forced: bool
    splits: Mapping[str, Mapping[str, Any]]
    n_fetched: int
    n_kept: int
    n_again: int


def pull_set(
    url: str,
    target: Path,
    wanted: Wanted,
    *,
    force: bool = False,
    workers: int = 8,
    on_progress: Callable[[int, int], None] | None = None,
) -> PullReport:
    """Pull a set.

    Parameters
    ----------
    url : str
        ``http(s)://…``, ``s3://…`` or a folder.
    force : bool
        Pull from an open place although the terms forbid to redistribute; the set keeps a note of it.
    workers : int
        Pieces that are fetched at a time.
    on_progress : callable, optional
        Told bytes in place and bytes in all.

    Raises
    ------
    StoreError
        When the terms forbid it.
    StoreIncomplete, StoreCorrupt, SpecViolation, SpecTooNew
        When there is no set of this version, or it is damaged over there.
    ChannelError
        When it does not hold a modality.
    OutputBusy
        When another run pulls there, or something else lies there.
    StorageError
        When the transfer or the disk fails, or the set is replaced meanwhile; run the same command again to go on.
    """
    tally = Tally()
    source = Counted(source_of(url), tally)
    said = checked_set(_document(source, SET, tally, _is_set), SET)
    forced = _check_terms(said, source, force)
    note = {"of": said["self_digest"], "forced": forced, "wanted": json.loads(json.dumps(asdict(wanted)))}
    there = set_at(target)
    if there is not None and there.get("pulled") == note:
        return PullReport(False, forced, there["splits"], 0, 0, 0)
    with workplace(target) as work:
        _keep_only(work, note)
        whole = _Pull(source, work, said, wanted, tally).run(workers, on_progress or _silent, note)
        _check_unchanged(source, said, tally)
        publish(work, target)
    return PullReport(True, forced, whole["splits"], tally.n_fetched, tally.n_kept, tally.n_again)


def _silent(done: int, total: int) -> None:
    pass


def _keep_only(work: Path, note: Mapping[str, Any]) -> None:
    """Empty the workplace unless it is of the same pull.

    A chunk of another set has its own right checksum, and so has one that was cut for a smaller part: neither could
    be told from what is wanted here.
    """
    try:
        begun = json.loads((work / SET).read_bytes())
    except (OSError, ValueError):
        begun = {}
    if begun.get("pulled") != note:
        clear(work)
        (work / SET).write_text(json.dumps({"pulled": note}))


def _check_unchanged(source: Source, said: Mapping[str, Any], tally: Tally) -> None:
    now = checked_set(_document(source, SET, tally, _is_set), SET)
    if now["self_digest"] != said["self_digest"]:
        raise StorageError(
            "the set over there was replaced while it was pulled",
            where=SET,
            why="Part of what has arrived is of the earlier set.",
            do="Run the same command again: it pulls the new one.",
        )


def _is_set(content: bytes) -> bool:
    try:
        checked_set(content, SET)
    except StoreCorrupt:
        return False
    except StoreError:
        return True
    return True


def _document(source: Source, name: str, tally: Tally, is_good: Callable[[bytes], bool]) -> bytes:
    def once() -> bytes:
        content = source.read(name)
        if not is_good(content):
            raise StoreCorrupt("a file arrives with a wrong checksum every time", where=name)
        return content

    return retried(once, tally)


def _check_terms(said: Mapping[str, Any], source: Source, force: bool) -> bool:
    """Return whether this is done against the terms."""
    if said["terms"]["redistribution"] or not source.is_open:
        return False
    if not force:
        raise StoreError(
            "the terms of this set forbid to redistribute it, and anybody may read it here",
            saw=", ".join(said["terms"]["agreements"]),
            why="Who takes part in spreading it breaks the agreement.",
            do="Pull from a place that asks who you are, or say --force if you may; the set keeps a note of it.",
        )
    return True


class _Pull:
    """One pull into a folder of its own."""

    def __init__(self, source: Source, work: Path, said: dict[str, Any], wanted: Wanted, tally: Tally) -> None:
        self._source, self._work, self._said, self._wanted, self._tally = source, work, said, wanted, tally
        self._splits = _subset("split", wanted.splits, list(said["splits"]))
        held = [str(m) for m in wanted.modalities] if wanted.modalities is not None else None
        self._modalities = [Modality(name) for name in _subset("modality", held, said["modalities"])]
        self._is_whole = wanted.subset is None
        listing = _document(source, FILES, tally, lambda c: hashlib.sha256(c).hexdigest() == said["files_digest"])
        told = json.loads(listing)
        self._block_byte, self._listed = int(told["block_byte"]), dict(told["files"])
        self._files: dict[str, FileFacts] = {}
        self._pieces: list[Piece] = []
        self._parts: list[PartFile] = []
        self._wholes: list[PartFile] = []

    def run(self, workers: int, on_progress: Callable[[int, int], None], note: dict[str, Any]) -> dict[str, Any]:
        """Fetch, lay out and describe; return the set's document."""
        counted = {split: self._plan(split) for split in self._splits}
        documents = self._documents(counted)
        total, done = sum(piece.n_byte for piece in self._pieces), 0

        def arrived(n_byte: int) -> None:
            nonlocal done
            done += n_byte
            on_progress(done, total)

        transfer(self._source, self._work, self._pieces, workers=workers, tally=self._tally, on_piece=arrived)
        for part in self._parts:
            part.finish(self._work / part.name)
            self._files[part.name] = summed(self._work / part.name) | {"chunks": part.chunk_sum(self._work)}
        for whole in self._wholes:
            expected = self._files[whole.name].get("chunks")
            if expected is not None and whole.chunk_sum(self._work) != expected:
                raise StoreCorrupt(
                    "a file arrives with chunks of another set", where=whole.name, do="Verify the set over there."
                )
        choices = {name: value for name, value in self._said.items() if name not in ("fingerprint", "self_digest")}
        choices |= {"modalities": [str(m) for m in self._modalities], "splits": counted, "pulled": note}
        return write_set(self._work, self._files, documents, choices)

    # --- what to fetch -------------------------------------------------------------------------------------

    def _plan(self, split: str) -> dict[str, Any]:
        """Plan a split and write its small files; return its counts."""
        root = retried(lambda: read_group(self._source, split, self._said), self._tally)
        documents, counts = arrays_of(root), dict(self._said["splits"][split])
        keep = [name for name in array_specs(self._modalities) if name in documents]
        n_recording = min(self._wanted.subset or counts["n_recording"], counts["n_recording"])
        length = self._small(split, "length", documents)
        subject = self._small(split, "subject", documents)
        counts |= {
            "n_recording": n_recording,
            "n_epoch": int(length[:n_recording].sum()),
            "n_subject": len(set(subject[:n_recording])),
        }
        laid = {}
        for name in keep:
            if name in NIGHT_ARRAYS:
                laid[name] = self._night_array(split, name, documents, n_recording)
            else:
                laid[name] = self._epoch_array(split, name, documents[name], counts["n_epoch"])
            self._put(f"{group_name(split)}/{name}/{ARRAY_FILE}", encoded(laid[name]))
        attrs = {name: value for name, value in root["attributes"].items() if name != "self_digest"}
        self._put(f"{group_name(split)}/{ARRAY_FILE}", encoded(root_document(attrs, dict(sorted(laid.items())))))
        return counts

    def _small(self, split: str, name: str, documents: Mapping[str, Any]) -> Any:
        file = "/".join([group_name(split), name, "c", *["0"] * len(documents[name]["shape"])])
        return plain_array(self._listed_file(file), documents[name], file)

    def _night_array(self, split: str, name: str, documents: Mapping[str, Any], n: int) -> dict[str, Any]:
        values = self._small(split, name, documents)
        document, content = first_rows(values, documents[name], n)
        file = "/".join([group_name(split), name, "c", *["0"] * values.ndim])
        self._put(file, content)
        self._files[file] = chunk_facts(content)
        return document

    def _epoch_array(self, split: str, name: str, document: dict[str, Any], n_epoch: int) -> dict[str, Any]:
        folder = f"{group_name(split)}/{name}"
        if self._is_whole:
            for file in sorted(f for f in self._listed if f.startswith(f"{folder}/c/")):
                self._whole_file(file)
            self._wholes += PartFile.plan(folder, document, n_epoch)[1]
            return document
        laid, parts = PartFile.plan(folder, document, n_epoch)
        for part in parts:
            size = int(self._listed[part.name]["size"])
            self._pieces += retried(partial(part.pieces, self._source, size), self._tally)
        self._parts += parts
        return laid

    def _whole_file(self, name: str) -> None:
        if ".." in PurePosixPath(name).parts:
            raise SpecViolation("the list of files names one outside the set", where=FILES)
        facts = self._listed[name]
        for number, checksum in enumerate(facts["crc32c"]):
            start = number * self._block_byte
            stop = min(start + self._block_byte, facts["size"])
            self._pieces.append(Piece(name, start, stop, _has_crc(checksum)))
        self._files[name] = facts

    # --- what is made here ---------------------------------------------------------------------------------

    def _put(self, name: str, content: bytes) -> None:
        (self._work / name).parent.mkdir(parents=True, exist_ok=True)
        (self._work / name).write_bytes(content)
        self._files[name] = file_facts(content)

    def _documents(self, counted: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
        index, subjects = index_part(self._listed_file(INDEX), self._modalities, counted)
        part = f"\nThis is a part of that set: splits {', '.join(counted)}; {', '.join(self._modalities)}; "
        part += f"{sum(c['n_recording'] for c in counted.values())} recordings.\n"
        return {
            INDEX: index,
            STATISTICS: self._listed_file(STATISTICS),
            SPLITS: splits_part(self._listed_file(SPLITS), subjects),
            CARD: self._listed_file(CARD) + part.encode(),
        }

    def _listed_file(self, name: str) -> bytes:
        facts = self._listed[name]
        told = chunk_facts if "chunks" in facts else file_facts
        return _document(self._source, name, self._tally, lambda content: told(content) == facts)


def _subset(what: str, wanted: Sequence[str] | None, held: Sequence[str]) -> list[str]:
    """Return what is wanted, in the set's order."""
    if absent := sorted(set(wanted or ()) - set(held)):
        raise ChannelError(f"the set has no such {what}", saw=", ".join(absent), expected=", ".join(held))
    return [name for name in held if wanted is None or name in wanted]


def _has_crc(checksum: int) -> Callable[[bytes], bool]:
    return lambda content: bool(google_crc32c.value(content) == checksum)
