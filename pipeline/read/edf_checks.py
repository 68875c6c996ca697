"""Judgements about an EDF header: is it one at all, how many records, and what to remark.

Where the declared number of records and the size of the file disagree:

- declared −1 (recording was never closed): the size decides, a partial last record is dropped;
- declared 0, another negative number or nothing readable: the size decides if it gives whole records exactly;
- fewer bytes than declared: `EdfTruncated`, because half a night must never pass for a whole one;
- more bytes than declared: the header decides. What follows may be a copy's padding as well as data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.read.edf_model import SignalHeader
from schemas.errors import EdfCorrupt, EdfTruncated
from schemas.findings import Finding, finding

__all__ = ["HeaderNotes", "count_records", "refuse_other_formats"]

# What people store under the name of an EDF, by its first bytes.
_OTHER_FORMATS = (
    (b"<?xml", "an XML document"),
    (b"\xef\xbb\xbf<", "an XML document"),
    (b"<", "a markup document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
    (b"/annex/objects/", "a git-annex pointer instead of the file"),
)


def refuse_other_formats(head: bytes) -> None:
    """Raise `EdfCorrupt` or `EdfTruncated` unless the first 256 bytes begin as EDF or BDF do."""
    if head[:8].rstrip(b" \0") == b"0" or head[:8] == b"\xffBIOSEMI":
        if len(head) == 256:
            return
        raise EdfTruncated("the file ends within its header", saw=f"{len(head)} bytes", do="Copy the file again.")
    if not head:
        raise EdfCorrupt("the file is empty", saw="0 bytes", do="Copy the file again.")
    words = next((words for magic, words in _OTHER_FORMATS if head.startswith(magic)), "other bytes")
    raise EdfCorrupt(
        "the file is neither EDF nor BDF", saw=words, expected="'0' and seven spaces, or a byte 255 and 'BIOSEMI'"
    )


class HeaderNotes:
    """Collects what is to be remarked while a header is read."""

    def __init__(self) -> None:
        self.n_unclean = 0
        self._repairs: list[str] = []
        self._findings: list[Finding] = []

    def add(self, code: str, message: str, *, channel: str | None = None) -> None:
        """Remark something."""
        self._findings.append(finding(code, message, channel=channel))

    def repaired(self, what: str, value: str) -> None:
        """Remark that a number was repaired, and to what."""
        self._repairs.append(f"{what} = {value}")

    def findings(self, signals: Sequence[SignalHeader]) -> tuple[Finding, ...]:
        """Return everything remarked, with what the signals' fields say of themselves."""
        if self._repairs:
            self.add("PSG-H006", f"{len(self._repairs)} repaired: " + ", ".join(self._repairs[:8]))
        if self.n_unclean:
            self.add("PSG-H007", f"{self.n_unclean} text fields hold other bytes than printable ASCII")
        ordinary = [signal for signal in signals if not signal.is_annotation]
        for label, n in Counter(signal.label for signal in ordinary).items():
            if n > 1:
                self.add("PSG-H008", f"{n} signals bear this label", channel=label)
        for signal in ordinary:
            self._judge(signal)
        return tuple(self._findings)

    def _judge(self, signal: SignalHeader) -> None:
        if not signal.usable:
            self.add("PSG-H003", "its range gives no gain, or it has no samples", channel=signal.label)
            return
        if signal.physical_min > signal.physical_max:
            ends = f"{signal.physical_min:g} to {signal.physical_max:g}"
            self.add("PSG-H002", f"physical range {ends}, decoded as written", channel=signal.label)
        if signal.rate_hz.denominator != 1:
            self.add("PSG-H010", f"{float(signal.rate_hz):.6g} Hz, exactly {signal.rate_hz}", channel=signal.label)


def count_records(declared: int | None, n_data: int, bytes_per_record: int, notes: HeaderNotes) -> int:
    """Return how many data records to read, from the declared number and the bytes after the header.

    Raises
    ------
    EdfTruncated
        When fewer bytes are there than declared, or not one whole record.
    EdfCorrupt
        When nothing decides.
    """
    if bytes_per_record == 0:
        raise EdfCorrupt("no signal has any samples")
    n_whole, n_rest = divmod(n_data, bytes_per_record)
    if declared is not None and declared > n_whole:
        raise EdfTruncated(
            "the file is shorter than its header declares",
            saw=f"{n_whole} whole data records and {n_rest} bytes",
            expected=f"{declared} records of {bytes_per_record} bytes",
            why="Half a night must not pass for a whole one.",
            do="Copy the file again, or exclude the recording.",
        )
    if n_whole == 0:
        raise EdfTruncated("the file holds no whole data record", saw=f"{n_data} bytes after the header")
    if declared is not None and declared > 0:
        if n_data > declared * bytes_per_record:
            extra = f"{n_whole - declared} whole records and {n_rest} bytes"
            notes.add("PSG-H014", f"{extra} follow the {declared} declared records and are ignored")
        return declared
    if n_rest and declared != -1:
        raise EdfCorrupt(
            "the number of data records cannot be read, and the file's size does not tell it",
            saw=f"{n_whole} whole records and {n_rest} bytes",
        )
    dropped = f"; {n_rest} bytes of a partial record are dropped" if n_rest else ""
    notes.add("PSG-H001", f"{n_whole} records by the file's size{dropped}")
    return n_whole
