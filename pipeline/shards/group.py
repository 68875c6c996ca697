"""Write the group of one split: all arrays side by side, a recording at a time, the group's document last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.shards.choose import Chosen
from pipeline.shards.layout import shard_document
from pipeline.shards.moments import Histogram
from pipeline.shards.night import NightFacts, night_blocks
from pipeline.shards.rasters import class_meanings
from pipeline.shards.recording import RecordingStore, Scratch
from pipeline.shards.tables import Placed, night_arrays
from pipeline.shards.write import ArrayWriter, FileFacts, chunk_facts, file_facts
from pipeline.write.documents import array_document, encoded, root_document
from pipeline.write.shard import plain_chunk
from schemas.event_terms import EventClass
from schemas.kinds import KINDS, KindSpec, RateClass, kind_of_channel
from schemas.shard import (
    NIGHT_ARRAYS,
    SPEC,
    SPEC_VERSION,
    Codec,
    array_specs,
    group_name,
    modality_kind,
)
from schemas.store import ARRAY_FILE, CONVENTIONS, MISSING, ArraySpec, code_meanings
from schemas.views import View
from schemas.vocabulary import Modality, Split

__all__ = ["GroupWriter"]


class GroupWriter:
    """Write the group of one split below a set.

    Parameters
    ----------
    root : Path
        The set's folder.
    chosen : sequence of Chosen
        The split's recordings in their order.
    shard_epoch : int
        Epochs of one file.
    view : View, optional
        The bands that are kept; as stored without.
    instead : mapping of Modality to str
        Channels that stand for a modality instead of its primary one.
    """

    def __init__(
        self,
        root: Path,
        split: Split,
        chosen: Sequence[Chosen],
        modalities: Sequence[Modality],
        codec: Codec,
        shard_epoch: int,
        view: View | None = None,
        instead: Mapping[Modality, str] = MappingProxyType({}),
    ) -> None:
        self._root, self._split, self._chosen, self._modalities = root, split, chosen, modalities
        self._codec, self._shard_epoch, self._view = codec, shard_epoch, view
        self._instead = instead
        self._name = group_name(split)
        self._documents: dict[str, dict[str, Any]] = {}
        self.files: dict[str, FileFacts] = {}
        self.totals = {modality: Histogram() for modality in modalities}

    def write(self, on_recording: Callable[[], None]) -> list[Placed]:
        """Write everything and return where the recordings lie.

        Raises
        ------
        StoreCorrupt, StoreIncomplete
            When a recording store is damaged; names recording and array.
        """
        n_epoch = sum(recording.n_epoch for recording in self._chosen)
        specs = array_specs(self._modalities)
        writers = {name: self._writer(name, specs[name], n_epoch) for name in specs if name not in NIGHT_ARRAYS}
        placed, start, scratch = [], 0, Scratch()
        for index, chosen in enumerate(self._chosen):
            facts = NightFacts()
            store = RecordingStore(chosen.path, chosen.name, chosen.root_digest)
            blocks = night_blocks(
                store, self._modalities, index, facts, self.totals, scratch, self._view, self._instead
            )
            for name, block in blocks:
                writers[name].append(block)
            placed.append(Placed(chosen, self._split, start, facts))
            start += chosen.n_epoch
            on_recording()
        for name, writer in writers.items():
            writer.close()
            self.files |= {f"{self._name}/{name}/{file}": facts_ for file, facts_ in writer.files.items()}
        for name, values in night_arrays(placed, self._modalities).items():
            document = array_document(NIGHT_ARRAYS[name], values.shape, array_attributes(name, NIGHT_ARRAYS[name]))
            file, content = "/".join([name, "c", *["0"] * values.ndim]), plain_chunk(values, document["data_type"])
            self._put(file, content)
            self.files[f"{self._name}/{file}"] = chunk_facts(content)
            self._put_document(name, document)
        self._put(ARRAY_FILE, encoded(root_document(self._attributes(), dict(sorted(self._documents.items())))))
        return placed

    def _writer(self, name: str, spec: ArraySpec, n_epoch: int) -> ArrayWriter:
        shape = (n_epoch, *(self._size(dim) for dim in spec.dims[1:]))
        document = shard_document(
            spec, shape, array_attributes(name, spec, self._instead), self._codec, shard_epoch=self._shard_epoch
        )
        self._put_document(name, document)
        return ArrayWriter(self._root / self._name / name, document)

    def _size(self, dim: str) -> int:
        return len(self._modalities) if dim == "modality" else RateClass(dim.removesuffix("_sample")).n_per_epoch

    def _attributes(self) -> dict[str, Any]:
        attrs: dict[str, Any] = {
            "Conventions": CONVENTIONS,
            "title": f"polysomnograms end to end, split {self._split}",
            "spec": SPEC,
            "spec_version": SPEC_VERSION,
            "split": str(self._split),
        }
        return attrs if self._view is None else attrs | {"view": self._view.to_json()}

    def _put_document(self, name: str, document: dict[str, Any]) -> None:
        self._documents[name] = document
        self._put(f"{name}/{ARRAY_FILE}", encoded(document))

    def _put(self, name: str, content: bytes) -> None:
        path = self._root / self._name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files[f"{self._name}/{name}"] = file_facts(content)


def array_attributes(
    name: str, spec: ArraySpec, instead: Mapping[Modality, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the attributes of an array of a set; what stands for a modality instead has its own name and unit."""
    attrs: dict[str, Any] = {"long_name": spec.long_name}
    if spec.units is not None:
        attrs["units"] = spec.units
    if name in set(Modality):
        if Modality(name) in instead:
            own = KINDS[kind_of_channel(instead[Modality(name)])]
            attrs = {"long_name": own.long_name, "units": own.unit.value}
        return attrs | _packing(modality_kind(Modality(name)))
    if name.startswith("event_"):
        meanings = class_meanings(EventClass(name.removeprefix("event_")))
        return attrs | {"flag_values": list(meanings), "flag_meanings": " ".join(meanings.values())}
    return attrs | code_meanings(spec)


def _packing(kind: KindSpec) -> dict[str, Any]:
    return {"scale_factor": kind.scale, "_FillValue": MISSING}
