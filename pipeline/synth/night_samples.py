"""All samples and stages of one complete recording on disk, to be changed and written back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.edf_patch import EdfPatch
from pipeline.synth.edf_writer import digitise
from pipeline.synth.night_files import NightFiles
from pipeline.synth.noise import Floats
from schemas.vocabulary import EPOCH_S

__all__ = ["NightSamples"]

_EVENT = re.compile(
    r"<ScoredEvent>\s*<EventType>(?P<type>[^<]*)</EventType>\s*<EventConcept>(?P<concept>[^<]*)</EventConcept>\s*"
    r"<Start>(?P<start>[^<]*)</Start>\s*<Duration>(?P<duration>[^<]*)</Duration>.*?</ScoredEvent>\s*",
    re.DOTALL,
)
_STAGES = "Stages|Stages"


@dataclass
class NightSamples:
    """One recording, opened for changes; `save` writes it back.

    Assumptions: the files are those that `pipeline.synth` wrote, of a recording that is complete.
    """

    files: NightFiles

    def __post_init__(self) -> None:
        self.edf = EdfPatch(self.files.edf)
        self.xml = self.files.xml.read_text("utf-8")
        raw = np.frombuffer(self.edf.data, "<i2", offset=self.edf.header_bytes)
        self._matrix: NDArray[np.int16] = raw.reshape(-1, sum(self.edf.n_per_record)).copy()

    @property
    def rng(self) -> np.random.Generator:
        """The recording's stream for faults."""
        return self.files.rng

    def pick(self, *prefixes: str) -> int:
        """Return one signal whose source begins with one of the prefixes."""
        return int(self.rng.choice(self.files.signals(*prefixes)))

    def rate_hz(self, signal: int) -> int:
        """Return samples a second; records are of one second."""
        return self.edf.n_per_record[signal]

    def get(self, signal: int) -> Floats:
        """Return physical values; shape (n_sample,), float32."""
        header = self.files.sensors[signal].header
        counts = self._columns(signal).reshape(-1).astype(np.float32)
        return np.asarray((counts - header.digital[0]) * header.gain + header.physical[0], np.float32)

    def put(self, signal: int, value: Floats) -> None:
        """Set physical values, cut to the signal's range."""
        columns = self._columns(signal)
        columns[:] = digitise(value.copy(), self.files.sensors[signal].header).reshape(columns.shape)

    def _columns(self, signal: int) -> NDArray[np.int16]:
        end = sum(self.edf.n_per_record[: signal + 1])
        return self._matrix[:, end - self.edf.n_per_record[signal] : end]

    @property
    def concepts(self) -> list[str]:
        """The scorer's word for every epoch."""
        words: list[str] = []
        for event in self._stage_events():
            words += [event["concept"]] * round(float(event["duration"]) / EPOCH_S)
        return words

    @property
    def first_scored_s(self) -> float:
        """Start of the first scored epoch, seconds from recording start."""
        return float(self._stage_events()[0]["start"])

    def score(self, words: Sequence[str]) -> None:
        """Give the epochs other words."""
        start_s = self.first_scored_s
        kept = _EVENT.sub(lambda match: "" if match["type"] == _STAGES else match[0], self.xml)
        rows = [_event(_STAGES, word, start_s + EPOCH_S * i, EPOCH_S) for i, word in enumerate(words)]
        self.xml = kept.replace("</ScoredEvents>", "".join(rows) + "</ScoredEvents>")

    def _stage_events(self) -> list[re.Match[str]]:
        found = [match for match in _EVENT.finditer(self.xml) if match["type"] == _STAGES]
        return sorted(found, key=lambda match: float(match["start"]))

    def add_event(self, kind: str, concept: str, start_s: float, duration_s: float) -> None:
        """Score one more event."""
        row = _event(kind, concept, start_s, duration_s)
        self.xml = self.xml.replace("</ScoredEvents>", row + "</ScoredEvents>")

    def save(self) -> None:
        """Write both files."""
        self.edf.data[self.edf.header_bytes :] = self._matrix.tobytes()
        self.edf.save()
        self.files.xml.write_text(self.xml, "utf-8")


def _event(kind: str, concept: str, start_s: float, duration_s: float) -> str:
    return (
        f"<ScoredEvent>\n<EventType>{kind}</EventType>\n<EventConcept>{concept}</EventConcept>\n"
        f"<Start>{start_s:.1f}</Start>\n<Duration>{duration_s:.1f}</Duration>\n</ScoredEvent>\n"
    )
