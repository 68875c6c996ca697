"""EDF+ clause by clause: each test is named by the clause of the specification that it holds the reader to.

Source: https://www.edfplus.info/specs/edfplus.html (sections 2.1.1 to 2.2.4; the numbered items of 2.1.3), and
https://www.edfplus.info/specs/edf.html for what EDF+ takes over.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.edf_bytes import Column, build_edf, stamp
from pipeline.read.edf import EdfFile, open_edf


def opened(tmp_path: Path, raw: bytes) -> EdfFile:
    path = tmp_path / "night.edf"
    path.write_bytes(raw)
    return open_edf(path)


def tals(*cells: bytes, n_per_record: int = 40) -> Column:
    return Column("EDF Annotations", n_per_record=n_per_record, cells=cells)


def codes(edf: EdfFile) -> list[str]:
    return [finding.code for finding in edf.findings]


def test_edf_header_record_length(tmp_path: Path) -> None:
    """EDF: 256 bytes, and 256 more for each signal, stand before the first sample."""
    edf = opened(tmp_path, build_edf([Column(), Column("B"), Column("C")]))
    assert (edf.header.header_bytes, edf.signal(0).segments[0].digital[0, 0]) == (1024, 0)


def test_edf_signals_follow_each_other_within_a_record(tmp_path: Path) -> None:
    """EDF: a data record holds all samples of the first signal, then all of the second, and so on."""
    edf = opened(tmp_path, build_edf([Column(n_per_record=2), Column("B", n_per_record=3)], 2))
    assert [edf.signal(i).segments[0].digital.tolist() for i in (0, 1)] == [
        [[0, 1], [2, 3]],
        [[0, 1, 2], [3, 4, 5]],
    ]


def test_2_1_1_version_stays_0(tmp_path: Path) -> None:
    """2.1.1: an EDF+ file opens as EDF does, told apart by its reserved field alone."""
    kinds = ("", "EDF+C", "EDF+D")
    files = [opened(tmp_path, build_edf([Column(), tals(stamp("+0"))], 1, kind=kind)).header for kind in kinds]
    assert [(h.is_plus, h.is_discontinuous) for h in files] == [(False, False), (True, False), (True, True)]


def test_2_1_3_2_start_time_has_periods(tmp_path: Path) -> None:
    """2.1.3.2: hours, minutes and seconds are separated by periods; other separators are remarked."""
    assert opened(tmp_path, build_edf([Column()], clock="23.05.09")).header.clock_start_s == 83_109.0
    assert codes(opened(tmp_path, build_edf([Column()], clock="23:05:09"))) == ["PSG-H006"]


def test_2_1_3_5_a_negative_gain_is_legal(tmp_path: Path) -> None:
    """2.1.3.5: physical maximum below physical minimum states a negative amplifier gain."""
    edf = opened(
        tmp_path, build_edf([Column(physical_min="10", physical_max="-10", digital_min="-10", digital_max="10")])
    )
    assert edf.signal(0).physical().tolist() == [-float(n) for n in range(12)]


def test_2_1_3_5_physical_ends_must_differ(tmp_path: Path) -> None:
    """2.1.3.5: equal ends would divide by zero; the signal is unusable, the file is not."""
    edf = opened(tmp_path, build_edf([Column(physical_min="1", physical_max="1"), Column("B")]))
    assert ([info.usable for info in edf.infos], codes(edf)) == ([False, True], ["PSG-H003"])


def test_2_1_3_5_an_uncalibrated_signal_has_no_dimension(tmp_path: Path) -> None:
    """2.1.3.5: an empty dimension stays empty; it is nobody's business here to guess one."""
    assert opened(tmp_path, build_edf([Column(unit="")])).signal(0).unit_text == ""


def test_2_1_3_6_no_comma_in_numbers(tmp_path: Path) -> None:
    """2.1.3.6: a comma is against the rules; it is read as a point where it cannot group thousands."""
    edf = opened(tmp_path, build_edf([Column(physical_max="12,5"), Column("B", physical_max="1,250")]))
    assert (edf.infos[0].physical_max, codes(edf)) == (12.5, ["PSG-H006", "PSG-H003"])
    assert [info.usable for info in edf.infos] == [True, False]


def test_2_1_3_7_samples_are_little_endian(tmp_path: Path) -> None:
    """2.1.3.7: two's complement integers, the low byte first."""
    column = Column(n_per_record=2, cells=(b"\x01\x00\xfe\xff",))
    assert opened(tmp_path, build_edf([column], 1)).signal(0).segments[0].digital.tolist() == [[1, -2]]


def test_2_1_3_10_minus_one_while_recording(tmp_path: Path) -> None:
    """2.1.3.10: -1 records is for unfinished recordings; the size then tells the number."""
    edf = opened(tmp_path, build_edf([Column()], 4, declared="-1"))
    assert (edf.header.n_record, codes(edf)) == (4, ["PSG-H001"])


def test_2_1_3_11_filters_are_stated(tmp_path: Path) -> None:
    """2.1.3.11: the filter settings of the field are kept in its own notation."""
    edf = opened(tmp_path, build_edf([Column(prefilter="HP:0.1Hz LP:75Hz N:50Hz")]))
    assert edf.signal(0).prefilter == "HP:0.1Hz LP:75Hz N:50Hz"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_2_2_1_the_annotation_signal_is_no_signal(tmp_path: Path, place: int) -> None:
    """2.2.1: 'EDF Annotations' is not among the ordinary signals, wherever it stands."""
    columns = [Column("A"), Column("B")]
    columns.insert(place, tals(stamp("+0"), stamp("+1"), stamp("+2")))
    edf = opened(tmp_path, build_edf(columns, kind="EDF+C"))
    assert edf.labels == ("A", "B")
    assert [edf.signal(i).segments[0].digital[2, 3] for i in (0, 1)] == [11, 11]


def test_2_2_1_annotations_alone(tmp_path: Path) -> None:
    """2.2.1: a file may hold annotations only, in records of no duration."""
    edf = opened(
        tmp_path, build_edf([tals(stamp("+0", b"+30\x1530\x14Sleep stage W\x14\0"))], 1, duration="0", kind="EDF+C")
    )
    assert (edf.n_signal, edf.header.record_duration_s, codes(edf)) == (0, Fraction(0), [])
    assert [(a.onset_s, a.duration_s, a.text) for a in edf.annotations()] == [(30.0, 30.0, "Sleep stage W")]


def test_2_2_2_onset_signs_and_fractions(tmp_path: Path) -> None:
    """2.2.2: an onset begins with a sign and may have a fraction; a duration has no sign and may be missing."""
    cell = stamp("+0", b"+180.25\x1512.5\x14a\x14\0", b"-0.5\x14b\x14\0")
    edf = opened(tmp_path, build_edf([Column(), tals(cell)], 1, kind="EDF+C"))
    assert [(a.onset_s, a.duration_s) for a in edf.annotations()] == [(180.25, 12.5), (-0.5, None)]


def test_2_2_2_unused_bytes_are_zero(tmp_path: Path) -> None:
    """2.2.2: what the lists leave of the signal's bytes is filled with zeros, which are no malformed lists."""
    edf = opened(tmp_path, build_edf([Column(), tals(stamp("+0"), n_per_record=500)], 1, kind="EDF+C"))
    assert (edf.annotations(), codes(edf)) == ((), [])


def test_2_2_3_several_annotations_of_one_onset(tmp_path: Path) -> None:
    """2.2.3: a list may hold several annotations that share onset and duration."""
    cell = stamp("+0", b"+180\x14Lights off\x14Close door\x14\0")
    edf = opened(tmp_path, build_edf([Column(), tals(cell)], 1, kind="EDF+C"))
    assert [(a.onset_s, a.text) for a in edf.annotations()] == [(180.0, "Lights off"), (180.0, "Close door")]


def test_2_2_3_texts_are_utf_8(tmp_path: Path) -> None:
    """2.2.3: texts are Unicode in UTF-8."""
    cell = stamp("+0", "+1\x14Schlafstörung 睡眠\x14\0".encode())
    edf = opened(tmp_path, build_edf([Column(), tals(cell)], 1, kind="EDF+C"))
    assert [a.text for a in edf.annotations()] == ["Schlafstörung 睡眠"]


def test_2_2_4_the_first_annotation_keeps_the_time(tmp_path: Path) -> None:
    """2.2.4: the empty annotation that opens each record is its start, and not an annotation."""
    edf = opened(tmp_path, build_edf([Column(), tals(stamp("+0"), stamp("+1"), stamp("+7"))], kind="EDF+D"))
    assert ([s.start_s for s in edf.signal(0).segments], edf.annotations()) == ([0.0, 7.0], ())


def test_2_2_4_the_event_that_defines_a_record(tmp_path: Path) -> None:
    """2.2.4: without ordinary signals, a text in the time-keeping list says what the record starts with."""
    cells = (b"+0\x14\x14R-wave\x14\0", b"+0.9\x14\x14R-wave\x14\0")
    edf = opened(tmp_path, build_edf([tals(*cells)], 2, duration="0", kind="EDF+D"))
    assert [(a.onset_s, a.text) for a in edf.annotations()] == [(0.0, "R-wave"), (0.9, "R-wave")]


def test_2_2_4_fractions_of_the_start_are_in_the_first_stamp(tmp_path: Path) -> None:
    """2.2.4: the header's time is in whole seconds; the first stamp adds the fraction."""
    edf = opened(tmp_path, build_edf([Column(), tals(stamp("+0.5"), stamp("+1.5"), stamp("+2.5"))], kind="EDF+C"))
    assert (edf.header.clock_start_s, edf.signal(0).segments[0].start_s) == (79_200.5, 0.0)
