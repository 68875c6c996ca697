"""Write a set of training shards from arrays: what benchmarks and tests of the loader read.

The files are those that ``sleep2vec shards build`` writes, by the same writers; only the nights are made up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from pipeline.manifests.terms import strictest
from pipeline.shards.build import write_set
from pipeline.shards.group import array_attributes
from pipeline.shards.layout import shard_document
from pipeline.shards.moments import Histogram
from pipeline.shards.tables import index_columns
from pipeline.shards.write import ArrayWriter, FileFacts, file_facts
from pipeline.write.documents import array_document, encoded, root_document
from pipeline.write.shard import plain_chunk
from schemas.kinds import RateClass
from schemas.shard import (
    CARD,
    INDEX,
    NIGHT_ARRAYS,
    SHARD_EPOCH,
    SPEC,
    SPEC_VERSION,
    STATISTICS,
    Codec,
    array_specs,
    group_name,
    modality_kind,
)
from schemas.store import ARRAY_FILE, MISSING
from schemas.vocabulary import Modality

__all__ = ["Night", "write_nights"]

Counts = NDArray[np.int16]


@dataclass(frozen=True)
class Night:
    """A made-up recording.

    Parameters
    ----------
    counts : mapping of Modality to ndarray, shape (n_epoch, n_per_epoch), int16
        What the night has; the rest is absent.
    arrays : mapping of name to ndarray
        Arrays on ``epoch`` that differ from their default: all usable, stage 0, in bed, nothing scored.
    facts : mapping
        Of the index: ``age_years``, ``sex``, ``site``, ``family``.
    """

    subject: str
    n_epoch: int
    counts: Mapping[Modality, Counts]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class _Split:
    """A split that is being written."""

    def __init__(self, root: Path, split: str, n_epoch: int, modalities: Sequence[Modality]) -> None:
        self._root, self._name, self._modalities = root, group_name(split), modalities
        self._n_epoch, self._documents = n_epoch, {}
        self.rows: list[dict[str, Any]] = []
        self.files: dict[str, FileFacts] = {}
        self.histograms = {m: Histogram() for m in modalities}

    def write(self, nights: Iterable[Night], codec: Codec, shard_epoch: int, *, is_summed: bool) -> None:
        """Write arrays and documents."""
        specs = {k: v for k, v in array_specs(self._modalities).items() if k not in NIGHT_ARRAYS}
        sizes = {"modality": len(self._modalities)}
        writers = {}
        for name, spec in specs.items():
            rest = (sizes.get(d) or RateClass(d.removesuffix("_sample")).n_per_epoch for d in spec.dims[1:])
            attrs = array_attributes(name, spec)
            document = shard_document(spec, (self._n_epoch, *rest), attrs, codec, shard_epoch=shard_epoch)
            writers[name] = ArrayWriter(self._root / self._name / name, self._put_document(name, document))
        for index, night in enumerate(nights):
            self._row(night, is_summed)
            for name, block in self._blocks(night, index):
                writers[name].append(np.ascontiguousarray(block, np.dtype(specs[name].data_type)))
        for name, writer in writers.items():
            writer.close()
            self.files |= {f"{self._name}/{name}/{file}": facts for file, facts in writer.files.items()}
        for name, values in self._tables().items():
            attrs = array_attributes(name, NIGHT_ARRAYS[name])
            document = self._put_document(name, array_document(NIGHT_ARRAYS[name], values.shape, attrs))
            self._put(f"{name}/{'/'.join(['c', *['0'] * values.ndim])}", plain_chunk(values, document["data_type"]))
        attrs = {"spec": SPEC, "spec_version": SPEC_VERSION}
        self._put(ARRAY_FILE, encoded(root_document(attrs, dict(sorted(self._documents.items())))))

    def _blocks(self, night: Night, index: int) -> Iterator[tuple[str, NDArray[Any]]]:
        n = night.n_epoch
        for modality in self._modalities:
            shape = (n, modality_kind(modality).rate_class.n_per_epoch)
            absent = np.full(shape, MISSING, np.int16) if modality not in night.counts else None
            yield modality, night.counts[modality] if absent is None else absent
        usable = np.zeros((n, len(self._modalities)), np.float32)
        usable[:, [m in night.counts for m in self._modalities]] = 1
        default: dict[str, Any] = {"recording_index": np.full(n, index), "usable_fraction": usable}
        default |= {"stage": np.zeros(n), "in_bed": np.ones(n)}
        default |= {k: np.full((n, 30), -1) for k in array_specs([]) if k.startswith(("event_", "onset_"))}
        yield from (default | dict(night.arrays)).items()

    def _row(self, night: Night, is_summed: bool) -> None:
        row: dict[str, Any] = {"subject": night.subject, "length": night.n_epoch, "facts": night.facts}
        for modality in self._modalities:
            kind = modality_kind(modality)
            row[modality] = (0, *[float("nan")] * 4)
            if modality in night.counts and is_summed:
                histogram = Histogram.of_night(np.ascontiguousarray(night.counts[modality]), modality)
                self.histograms[modality].add(histogram)
                center, scale = histogram.center_and_scale()
                row[modality] = (1, 1.0, 1.0, center * kind.scale, scale * kind.scale or 1.0)
            elif modality in night.counts:
                row[modality] = (1, 1.0, 1.0, 0.0, 1000 * kind.scale)
        self.rows.append(row)

    def _tables(self) -> dict[str, NDArray[Any]]:
        length = np.array([row["length"] for row in self.rows], "<i8")
        facts = np.array([[row[m] for m in self._modalities] for row in self.rows], "<f8")
        names = ("usable", "night_factor", "center", "scale")
        return {
            "modality": np.array([str(m) for m in self._modalities], object),
            "recording": np.array([f"made/{self._name}-{i}" for i in range(len(self.rows))], object),
            "subject": np.array([f"made/{row['subject']}" for row in self.rows], object),
            "start": np.cumsum(length) - length,
            "length": length,
            "present": facts[:, :, 0].astype("i1"),
            **{name: np.ascontiguousarray(facts[:, :, k]) for k, name in enumerate(names, 1)},
        }

    def index(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of the index."""
        tables = self._tables()
        own = ("recording", "subject", "start", "length")
        return [
            {"cohort": "made", "split": split, **{k: tables[k][i] for k in own}, **row["facts"]}
            for i, row in enumerate(self.rows)
        ]

    def _put_document(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        self._documents[name] = document
        self._put(f"{name}/{ARRAY_FILE}", encoded(document))
        return document

    def _put(self, name: str, content: bytes) -> None:
        path = self._root / self._name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files[f"{self._name}/{name}"] = file_facts(content)


def write_nights(
    root: Path,
    splits: Mapping[str, Sequence[Night]],
    modalities: Sequence[Modality],
    *,
    codec: Codec = Codec.NONE,
    shard_epoch: int = SHARD_EPOCH,
    is_summed: bool = True,
) -> Path:
    """Write a set.

    Parameters
    ----------
    splits : mapping of split to nights
        ``train`` among them.
    is_summed : bool
        Whether medians and moments are those of the samples; made up otherwise, which is much faster.

    Returns
    -------
    Path
        ``root``.
    """
    files: dict[str, FileFacts] = {}
    index: list[dict[str, Any]] = []
    said: dict[str, Any] = {}
    moments: dict[str, Any] = {}
    for split, nights in splits.items():
        n_epoch = sum(night.n_epoch for night in nights)
        writer = _Split(root, split, n_epoch, modalities)
        writer.write(nights, codec, shard_epoch, is_summed=is_summed)
        files |= writer.files
        index += writer.index(split)
        n_subject = len({night.subject for night in nights})
        said[split] = {"n_recording": len(nights), "n_subject": n_subject, "n_epoch": n_epoch}
        if split == "train":
            made_up = {"mean": 0.0, "sd": 1.0}
            of = {
                m: writer.histograms[m].to_json(modality_kind(m).scale) if is_summed else made_up
                for m in modalities
            }
            moments = {"split": split, "modalities": {str(m): facts for m, facts in of.items()}}
    schema = {name: getattr(polars, kind) for name, kind in index_columns(modalities).items()}
    table = BytesIO()
    polars.DataFrame(index, schema=schema).write_parquet(table)
    documents = {INDEX: table.getvalue(), STATISTICS: json.dumps(moments).encode(), CARD: b"made up\n"}
    terms = strictest([("made_up", {"agreement": "none", "redistribution": True, "commercial": True})])
    choices = {"modalities": [str(m) for m in modalities], "codec": str(codec), "view": None}
    choices |= {"splits": said, "terms": terms}
    write_set(root, files, documents, choices)
    return root
