"""Changes fields of an EDF header that is already on disk; for planting faults."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FIXED_FIELDS", "SIGNAL_FIELDS", "EdfPatch"]

FIXED_FIELDS = {  # name: (offset, width)
    "version": (0, 8),
    "patient": (8, 80),
    "recording": (88, 80),
    "start_date": (168, 8),
    "start_time": (176, 8),
    "header_bytes": (184, 8),
    "reserved": (192, 44),
    "n_record": (236, 8),
    "record_duration": (244, 8),
    "n_signal": (252, 4),
}
SIGNAL_FIELDS = {  # name: width, in the order of the header
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "prefilter": 80,
    "n_per_record": 8,
    "signal_reserved": 32,
}


class EdfPatch:
    """The bytes of one EDF, to be changed and written back.

    Assumptions: the header is one that `pipeline.synth.edf_writer` wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = bytearray(path.read_bytes())
        self.n_signal = int(self.data[252:256])

    def get(self, field: str, signal: int | None = None) -> str:
        """Return a field, stripped."""
        start, width = self._place(field, signal)
        return self.data[start : start + width].decode("latin-1").strip()

    def set(self, field: str, text: str | bytes, signal: int | None = None) -> None:
        """Write a field, padded; bytes may be anything."""
        start, width = self._place(field, signal)
        raw = text.encode("latin-1") if isinstance(text, str) else text
        self.data[start : start + width] = raw.ljust(width)[:width]

    @property
    def header_bytes(self) -> int:
        """Length of the header."""
        return 256 * (self.n_signal + 1)

    @property
    def n_per_record(self) -> list[int]:
        """Samples of every signal in a record."""
        return [int(self.get("n_per_record", i)) for i in range(self.n_signal)]

    def save(self) -> None:
        """Write the bytes back."""
        self.path.write_bytes(self.data)

    def _place(self, field: str, signal: int | None) -> tuple[int, int]:
        if signal is None:
            return FIXED_FIELDS[field]
        before = 0
        for name, width in SIGNAL_FIELDS.items():
            if name == field:
                return 256 + before * self.n_signal + signal * width, width
            before += width
        raise KeyError(field)
