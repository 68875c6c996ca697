"""Annotations: read where well formed, counted where not, shown nowhere."""

from __future__ import annotations

from pathlib import Path

import edfio
import numpy as np
import pyedflib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.read.edf import open_edf
from pipeline.read.edf_annotations import Annotation, TalContent, read_tals


def tals(*cells: bytes) -> TalContent:
    """Read one annotation signal with the given cells."""
    width = max(map(len, cells)) + 1
    column = np.frombuffer(b"".join(cell.ljust(width, b"\0") for cell in cells), np.uint8)
    return read_tals([column.reshape(len(cells), width)], len(cells))


def test_every_part_of_a_list_is_read() -> None:
    """Onset, duration and each text of a list become annotations of their own."""
    content = tals(b"+0\x14\x14\0+1.5\x1530.25\x14Hypopnea\x14Arousal\x14\0-2\x14Lights off\x14\0", b"+1\x14\x14")
    assert content.annotations == (
        Annotation(1.5, 30.25, "Hypopnea"),
        Annotation(1.5, 30.25, "Arousal"),
        Annotation(-2.0, None, "Lights off"),
    )
    assert content.stamp_s.tolist() == [0.0, 1.0]
    assert content.findings == ()


@pytest.mark.parametrize(
    "cell",
    [
        b"1.5\x14no sign\x14",
        b"+1,5\x14comma\x14",
        b"+1e9\x14exponent\x14",
        b"+\x14no digits\x14",
        b"+1\x15-3\x14negative duration\x14",
        b"garbage",
        b"+9999999999999\x14too long\x14",
        b"+1",
    ],
)
def test_malformed_lists_are_counted(cell: bytes) -> None:
    """A list that cannot be understood is left out and remarked; its neighbours stay."""
    content = tals(b"+0\x14\x14\0" + cell + b"\0+2\x14kept\x14")
    assert [annotation.text for annotation in content.annotations] == ["kept"]
    assert [finding.code for finding in content.findings] == ["PSG-H012"]


def test_an_unfinished_list_is_kept_and_counted() -> None:
    """A text that the record's end cuts off is read as far as it goes."""
    content = tals(b"+0\x14\x14\0+1\x14Hypop")
    assert ([a.text for a in content.annotations], content.findings[0].code) == (["Hypop"], "PSG-H012")


def test_other_encodings_are_read_as_latin_1() -> None:
    """Bytes that are not UTF-8 are no reason to lose a night."""
    content = tals("+0\x14\x14\0+1\x14é\x14".encode(), "+1\x14\x14\0+1\x14é\x14".encode("latin-1"))
    assert [annotation.text for annotation in content.annotations] == ["é", "é"]
    assert [finding.code for finding in content.findings] == ["PSG-H011"]


def test_texts_are_in_no_repr() -> None:
    """A text may name somebody: printing an annotation does not."""
    content = tals(b"+0\x14\x14\0+1\x14Mr Doe wakes\x14\0junk Doe\0\xff Doe")
    assert "Doe" not in repr(content) + repr(content.annotations) + repr(content.findings)


def test_a_second_annotation_signal_adds_no_stamps() -> None:
    """Only the first annotation signal keeps the time; all of them are read."""
    first = np.frombuffer(b"+0\x14\x14\0\0\0", np.uint8).reshape(1, -1)
    second = np.frombuffer(b"+5\x14\x14\0+6\x14Arousal\x14\0", np.uint8).reshape(1, -1)
    content = read_tals([first, second], 1)
    assert (content.stamp_s.tolist(), content.annotations) == ([0.0], (Annotation(6.0, None, "Arousal"),))


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    """No bytes raise, and every onset is a number."""
    content = tals(b"+0\x14\x14\0" + raw)
    assert all(np.isfinite(annotation.onset_s) for annotation in content.annotations)


@pytest.mark.parametrize(
    "name",
    [
        "pyedflib/test_utf8.edf",
        "pyedflib/test_subsecond.edf",
        "sleep-edf/SC4001E0_rec0960-1319-Hypnogram.edf",
    ],
)
def test_annotations_equal_edfio(data: Path, name: str) -> None:
    """Onsets, durations and texts of real files equal those of an independent reader, from recording start."""
    reference = edfio.read_edf(data / name)
    with open_edf(data / name) as edf:
        found = [(a.onset_s, a.duration_s, a.text) for a in edf.annotations()]
    wanted = [(a.onset, a.duration, a.text) for a in reference.annotations]
    assert [row[1:] for row in sorted(found)] == [row[1:] for row in sorted(wanted)]
    np.testing.assert_allclose(sorted(r[0] for r in found), sorted(r[0] for r in wanted), rtol=0, atol=1e-6)


def test_annotations_equal_pyedflib(data: Path) -> None:
    """Texts of a real file in UTF-8 equal those that EDFlib gives."""
    name = "pyedflib/test_utf8.edf"
    with open_edf(data / name) as edf, pyedflib.EdfReader(str(data / name)) as reference:
        assert [a.text for a in edf.annotations()] == list(reference.readAnnotations()[2])
