"""Headers: what is repaired, what is refused, and what never leaves the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.edf_bytes import Column, build_edf
from pipeline.read.edf import open_edf
from pipeline.read.edf_header import EdfHeader, read_header
from schemas.errors import EdfCorrupt, EdfTruncated, SourceMissing, StorageError

Read = Callable[[bytes], EdfHeader]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write bytes to a file, and read its header."""

    def write_and_read(raw: bytes) -> EdfHeader:
        path = tmp_path / "night.edf"
        path.write_bytes(raw)
        return read_header(path)

    return write_and_read


def codes(header: EdfHeader) -> list[str]:
    return [finding.code for finding in header.findings]


def test_a_legal_header_is_read_as_written(read: Read) -> None:
    """Every field of a plain header arrives, and nothing is remarked."""
    column = Column("EEG", "uV", "-125", "125", "-128", "127", "HP:0.15Hz LP:35Hz", 125)
    header = read(build_edf([column, Column("SpO2", "%", "0", "100", n_per_record=1)], 30))
    eeg, spo2 = header.signals
    assert (header.n_record, header.duration_s, header.clock_start_s) == (30, 30.0, 79_200.0)
    assert (header.header_bytes, header.bytes_per_record, header.sample_bytes) == (768, 252, 2)
    assert (eeg.label, eeg.unit_text, eeg.rate_hz, eeg.prefilter) == ("EEG", "uV", 125, "HP:0.15Hz LP:35Hz")
    assert (eeg.gain, eeg.offset) == (250 / 255, -125 + 128 * 250 / 255)
    assert (spo2.byte_offset, spo2.physical_max, spo2.usable) == (250, 100.0, True)
    assert header.findings == ()


def test_physical_minimum_above_maximum_is_a_negative_gain(read: Read) -> None:
    """A negative gain is kept as written and remarked, never swapped."""
    header = read(build_edf([Column(physical_min="100", physical_max="-100")]))
    assert header.signals[0].gain == -200 / 65535
    assert (header.signals[0].physical_min, header.signals[0].usable, codes(header)) == (100.0, True, ["PSG-H002"])


def test_digital_minimum_above_maximum_is_arithmetic(read: Read) -> None:
    """An inverted digital range turns the sign as well, without a remark."""
    header = read(build_edf([Column(digital_min="32767", digital_max="-32768")]))
    assert (header.signals[0].gain, header.signals[0].usable) == (-200 / 65535, True)


@pytest.mark.parametrize(
    "column",
    [
        Column(physical_min="0", physical_max="0.0"),
        Column(digital_min="5", digital_max="5"),
        Column(physical_max=""),
        Column(physical_max="1e999"),
        Column(physical_max="nan"),
        Column(physical_max="1,234"),
        Column(digital_max="12.5"),
        Column(physical_min="1e-320", physical_max="2e-320"),
        Column(n_per_record=0),
    ],
)
def test_a_range_without_a_gain_disables_one_signal_only(read: Read, column: Column) -> None:
    """A signal that cannot be scaled is marked, and its neighbour stays usable."""
    header = read(build_edf([column, Column("ECG")]))
    assert [signal.usable for signal in header.signals] == [False, True]
    assert codes(header) == ["PSG-H003"]
    assert header.findings[0].channel == "EEG"


@pytest.mark.parametrize(
    ("text", "value"),
    [("8e+003.5", 8000.0), ("327,67", 327.67), ("0,001", 0.001), (b"100\0\0\0\0\0", 100.0), (b"100\0jnk", 100.0)],
)
def test_numbers_with_one_possible_meaning_are_repaired(read: Read, text: str | bytes, value: float) -> None:
    """A decimal comma, a stale tail or bytes after a NUL leave one reading, which is taken and remarked."""
    header = read(build_edf([Column(physical_max=text)]))
    assert (header.signals[0].physical_max, codes(header)) == (value, ["PSG-H006"])


def test_a_record_count_of_minus_one_comes_from_the_size(read: Read) -> None:
    """A recording that was never closed is read up to its last whole record."""
    raw = build_edf([Column()], 7, declared="-1")
    assert (read(raw).n_record, codes(read(raw))) == (7, ["PSG-H001"])
    cut = read(raw[:-3])
    assert (cut.n_record, codes(cut)) == (6, ["PSG-H001"])
    assert "5 bytes" in cut.findings[0].message


@pytest.mark.parametrize("declared", ["0", "-7", "x", ""])
def test_a_wrong_record_count_needs_an_exact_size(read: Read, declared: str) -> None:
    """An unreadable count is replaced where the size gives whole records, and refused where it does not."""
    raw = build_edf([Column()], 7, declared=declared)
    assert (read(raw).n_record, codes(read(raw))) == (7, ["PSG-H001"])
    with pytest.raises(EdfCorrupt, match="number of data records"):
        read(raw + b"x")


@pytest.mark.parametrize("n_missing", [1, 8, 20])
def test_fewer_bytes_than_declared_is_truncated(read: Read, n_missing: int) -> None:
    """A file that is shorter than its header declares never reads as complete."""
    raw = build_edf([Column()], 7)
    with pytest.raises(EdfTruncated, match=r"night.edf: .* expected 7 records of 8 bytes"):
        read(raw[:-n_missing])


@pytest.mark.parametrize(("extra", "whole"), [(1, 0), (8, 1), (20, 2)])
def test_bytes_after_the_last_record_are_ignored(read: Read, extra: int, whole: int) -> None:
    """The header decides where the file goes on, even by whole records."""
    header = read(build_edf([Column()], 7) + b"\1" * extra)
    assert (header.n_record, codes(header)) == (7, ["PSG-H014"])
    assert f"{whole} whole records" in header.findings[0].message


def test_a_file_without_records_is_truncated(read: Read) -> None:
    """A header alone holds no night."""
    with pytest.raises(EdfTruncated, match="no whole data record"):
        read(build_edf([Column()], 0))


def test_length_field_gives_way_to_the_number_of_signals(read: Read) -> None:
    """A wrong length field is repaired where count, size and number of signals agree, else refused."""
    raw = build_edf([Column()], 7, header_bytes="256")
    assert (read(raw).header_bytes, codes(read(raw))) == (512, ["PSG-H013"])
    with pytest.raises(EdfCorrupt, match="contradict each other"):
        read(raw + b"x")


def test_what_the_header_declares_is_bounded(read: Read) -> None:
    """Sizes beyond the file, and nights beyond a week, are refused before anything is allocated."""
    with pytest.raises(EdfTruncated):
        read(build_edf([Column(declared="99999999")]))
    with pytest.raises(EdfTruncated):
        read(build_edf([Column()], declared="99999999"))
    with pytest.raises(EdfCorrupt, match="impossible length"):
        read(build_edf([Column()], duration="604000"))
    with pytest.raises(EdfCorrupt, match="data record"):
        read(build_edf([Column()], duration="1e-9"))
    lying = build_edf([Column()])
    with pytest.raises(EdfCorrupt, match="shorter than its own header"):
        read(lying[:252] + b"9999" + lying[256:])


@pytest.mark.parametrize("declared", ["", "4.5", "-4", "four"])
def test_unreadable_samples_a_record_refuse_the_file(read: Read, declared: str) -> None:
    """Where samples lie must be known for all signals, or none can be placed."""
    with pytest.raises(EdfCorrupt, match="number of samples a record of signal 'EEG'"):
        read(build_edf([Column(declared=declared)]))


def test_rates_are_exact_fractions(read: Read) -> None:
    """The decimal of the record duration is taken at its word, and odd rates are remarked."""
    header = read(build_edf([Column(n_per_record=999)], duration="2"))
    assert (header.signals[0].rate_hz, codes(header)) == (Fraction(999, 2), ["PSG-H010"])
    header = read(build_edf([Column(n_per_record=100)], duration="0.3906"))
    assert header.signals[0].rate_hz == Fraction(1_000_000, 3906)


def test_zero_duration_is_for_annotations_alone(read: Read) -> None:
    """A hypnogram may have records of 0 s; a wave may not."""
    tals = Column("EDF Annotations", n_per_record=8, cells=(b"+0\x14\x14\0",))
    assert read(build_edf([tals], 1, duration="0", kind="EDF+C")).duration_s == 0.0
    with pytest.raises(EdfCorrupt, match="'EEG' has no rate"):
        read(build_edf([Column()], duration="0"))


@pytest.mark.parametrize("unit", [b"\xb5V", "µV".encode()])
def test_units_in_latin_1_and_utf_8_read_alike(read: Read, unit: bytes) -> None:
    """The micro sign arrives in either encoding."""
    header = read(build_edf([Column(unit=unit)]))
    assert (header.signals[0].unit_text, codes(header)) == ("µV", ["PSG-H007"])


def test_labels_are_stripped_and_kept_in_order(read: Read) -> None:
    """Duplicate labels are all kept and remarked; padding and control characters are not part of a label."""
    header = read(build_edf([Column(" AIRFLOW"), Column(b"AIRFLOW\0\0"), Column(b"A\nB")]))
    assert [signal.label for signal in header.signals] == ["AIRFLOW", "AIRFLOW", "A B"]
    assert codes(header) == ["PSG-H007", "PSG-H008"]


@pytest.mark.parametrize("date", ["00.00.00", "32.01.85", "01.13.85", "01/01/85", "1985", ""])
def test_unreadable_dates_are_remarked(read: Read, date: str) -> None:
    """A date that cannot be is no fault: dates are not kept."""
    assert codes(read(build_edf([Column()], date=date))) == ["PSG-H004"]


@pytest.mark.parametrize("clock", ["24.00.00", "22.60.00", "22.00.60", "aa.bb.cc", ""])
def test_unreadable_times_are_unknown(read: Read, clock: str) -> None:
    """Without a readable time the clock is None, never midnight."""
    header = read(build_edf([Column()], clock=clock))
    assert (header.clock_start_s, codes(header)) == (None, ["PSG-H005"])


def test_times_with_colons_are_repaired(read: Read) -> None:
    """Colons for dots leave one reading."""
    header = read(build_edf([Column()], clock="23:59:58"))
    assert (header.clock_start_s, codes(header)) == (86_398.0, ["PSG-H006"])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the file is empty"),
        (b'<?xml version="1.0"?><PSGAnnotation/>', "an XML document"),
        (b"PK\x03\x04" + bytes(300), "a zip archive"),
        (b"\x1f\x8b" + bytes(300), "a gzip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"John Doe, born 1950, has slept badly" * 20, "other bytes"),
    ],
)
def test_other_formats_are_named_and_never_quoted(read: Read, raw: bytes, words: str) -> None:
    """An error says what the file is, without its contents."""
    with pytest.raises(EdfCorrupt, match=words) as caught:
        read(raw)
    assert "Doe" not in str(caught.value)


def test_files_that_cannot_be_read_are_missing(tmp_path: Path) -> None:
    """No file, a folder and a pipe are missing sources, and none of them blocks."""
    os.mkfifo(tmp_path / "pipe.edf")
    for name in ("nowhere.edf", ".", "pipe.edf", "x" * 300):
        with pytest.raises(SourceMissing):
            read_header(tmp_path / name)


def test_a_failing_disk_is_a_storage_error() -> None:
    """An input/output error of the system is worth another try."""
    with pytest.raises(StorageError, match="EIO"):
        read_header(Path("/proc/self/mem"))


def test_personal_fields_are_nowhere(tmp_path: Path) -> None:
    """Patient, recording, transducer and odd filter texts enter no attribute, repr or error."""
    path = tmp_path / "night.edf"
    raw = build_edf(
        [Column(prefilter="by Mrs Doe LP:35Hz"), Column(physical_max="0", physical_min="0")],
        patient="MCH-0234567 F 02-MAY-1951 Jane_Doe",
        recording="Startdate 02-MAR-2002 PSG-1234/2002 Dr_Doe Telemetry03",
        transducer="Doe's cap",
        date="02.03.02",
    )
    path.write_bytes(raw)
    with open_edf(path) as edf:
        words = repr(edf) + repr(edf.header) + repr(vars(edf)) + repr(edf.infos) + repr(edf.findings)
    path.write_bytes(raw[:-1])
    with pytest.raises(EdfTruncated) as caught:
        open_edf(path)
    words += str(caught.value) + repr(caught.value) + repr(vars(caught.value))
    assert [text for text in ("Doe", "0234567", "1951", "2002", "02.03", "PSG-1234") if text in words] == []


def test_a_thousand_headers_leave_no_file_open(tmp_path: Path) -> None:
    """Each header that is read closes its file."""
    path = tmp_path / "night.edf"
    path.write_bytes(build_edf([Column()]))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(1000):
        read_header(path)
    assert len(os.listdir("/proc/self/fd")) == before
