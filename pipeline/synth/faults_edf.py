"""Damage to EDFs."""

from __future__ import annotations

import numpy as np

from pipeline.synth.edf_patch import SIGNAL_FIELDS, EdfPatch
from pipeline.synth.night_files import PLANTED_NAMES, NightFiles

__all__ = [
    "blank_unit",
    "constant_signal",
    "decimal_comma",
    "duplicate_labels",
    "empty",
    "end_in_header",
    "equal_ends",
    "gap",
    "garbage_header",
    "negative_gain",
    "no_record",
    "non_ascii_label",
    "non_ascii_unit",
    "odd_date",
    "odd_number",
    "odd_time",
    "plant_names",
    "record_count_unknown",
    "trailing_bytes",
    "truncate",
    "unknown_labels",
    "unknown_unit",
]

GAP_S = 45  # seconds taken out of the middle; not a multiple of an epoch


def truncate(files: NightFiles) -> None:
    """Cut the file within a record, some way from its end."""
    size = files.edf.stat().st_size
    with files.edf.open("r+b") as file:
        file.truncate(int(size * files.rng.uniform(0.4, 0.8)) | 1)


def empty(files: NightFiles) -> None:
    """Leave no byte."""
    files.edf.write_bytes(b"")


def end_in_header(files: NightFiles) -> None:
    """Leave a part of the header's first 256 bytes."""
    with files.edf.open("r+b") as file:
        file.truncate(184)


def garbage_header(files: NightFiles) -> None:
    """Write noise over the header's first 256 bytes."""
    with files.edf.open("r+b") as file:
        file.write(files.rng.bytes(256))


def no_record(files: NightFiles) -> None:
    """Leave the header alone, as of a recording that was never started."""
    edf = EdfPatch(files.edf)
    edf.set("n_record", "0")
    del edf.data[edf.header_bytes :]
    edf.save()


def trailing_bytes(files: NightFiles) -> None:
    """Append padding, as some copies do."""
    with files.edf.open("ab") as file:
        file.write(bytes(100))


def record_count_unknown(files: NightFiles) -> None:
    """Leave the record count at -1, as of a recording that was not closed."""
    _set(files, "n_record", "-1")


def odd_date(files: NightFiles) -> None:
    """Write a date that is none."""
    _set(files, "start_date", "99.99.99")


def odd_time(files: NightFiles) -> None:
    """Write a time that is none."""
    _set(files, "start_time", "25.71.00")


def odd_number(files: NightFiles) -> None:
    """Write ``8e+003.5`` as the range of a signal: digits of a longer number behind a complete one."""
    _set(files, "physical_max", "8e+003.5", files.signals("light", "status", "position")[-1])


def decimal_comma(files: NightFiles) -> None:
    """Write the ECG's range with a decimal comma."""
    (ecg,) = files.signals("ecg")
    edf = EdfPatch(files.edf)
    for field in ("physical_min", "physical_max"):
        edf.set(field, f"{float(edf.get(field, ecg)):.2f}".replace(".", ","), ecg)
    edf.save()


def non_ascii_unit(files: NightFiles) -> None:
    """Write µV with the micro sign of Latin-1."""
    _set(files, "unit", b"\xb5V", files.signals("eeg")[0])


def non_ascii_label(files: NightFiles) -> None:
    """Put a letter beyond ASCII into the last label."""
    _set(files, "label", b"Schl\xe4fer", len(files.sensors) - 1)


def plant_names(files: NightFiles) -> None:
    """Write a person's name, birthday and a technician's words wherever a file has room for them."""
    person, login, birthday, words = PLANTED_NAMES
    edf = EdfPatch(files.edf)
    edf.set("patient", f"MRN{birthday} F {birthday} {person}")
    edf.set("recording", f"Startdate 01-JAN-1985 PSG {login} {words}")
    for signal in range(edf.n_signal):
        edf.set("transducer", f"sensor of {person}", signal)
        edf.set("signal_reserved", login, signal)
    edf.save()
    note = (
        f"<ScoredEvent>\n<EventType>Notes|{login}</EventType>\n<EventConcept>{person} {words}</EventConcept>\n"
        f"<Start>60.0</Start>\n<Duration>1.0</Duration>\n<Notes>{words}</Notes>\n</ScoredEvent>\n"
    )
    text = files.xml.read_text("utf-8").replace("</ScoredEvents>", f"{note}</ScoredEvents>")
    files.xml.write_text(text.replace("<EpochLength>", f"<!-- scored by {login} -->\n<EpochLength>"), "utf-8")


def negative_gain(files: NightFiles) -> None:
    """Swap the ends of the ECG's physical range: legal, and the ECG is upside down."""
    (ecg,) = files.signals("ecg")
    edf = EdfPatch(files.edf)
    low, high = edf.get("physical_min", ecg), edf.get("physical_max", ecg)
    edf.set("physical_min", high, ecg)
    edf.set("physical_max", low, ecg)
    edf.save()


def equal_ends(files: NightFiles) -> None:
    """Make the ends of the ECG's physical range equal."""
    _set(files, "physical_min", "0", *files.signals("ecg"))
    _set(files, "physical_max", "0.0", *files.signals("ecg"))


def constant_signal(files: NightFiles) -> None:
    """Give an EEG channel one value all night, as of a cable that was not plugged in."""
    edf = EdfPatch(files.edf)
    signal, rates = files.signals("eeg")[0], edf.n_per_record
    records = np.frombuffer(edf.data, "<i2", offset=edf.header_bytes).reshape(-1, sum(rates))
    start = sum(rates[:signal])
    records[:, start : start + rates[signal]] = 3
    del records  # releases the buffer
    edf.save()


def duplicate_labels(files: NightFiles) -> None:
    """Give two EEG channels one label."""
    first, second = files.signals("eeg")[:2]
    _set(files, "label", EdfPatch(files.edf).get("label", first), second)


def unknown_labels(files: NightFiles) -> None:
    """Name every signal as nobody does."""
    edf = EdfPatch(files.edf)
    for signal in range(edf.n_signal):
        edf.set("label", f"Channel {signal + 1}", signal)
    edf.save()


def blank_unit(files: NightFiles) -> None:
    """Leave the ECG's unit blank: a guess may be wrong by 1000."""
    _set(files, "unit", "", *files.signals("ecg"))


def unknown_unit(files: NightFiles) -> None:
    """Write a unit for the ECG that is none."""
    _set(files, "unit", "counts", *files.signals("ecg"))


def gap(files: NightFiles) -> None:
    """Turn the file into EDF+D and take `GAP_S` seconds out of its middle; the clock of the rest stays true."""
    edf = EdfPatch(files.edf)
    rates, n_stamp = edf.n_per_record, 8
    columns = [[edf.get(field, i) for i in range(edf.n_signal)] for field in SIGNAL_FIELDS]
    records = np.frombuffer(bytes(edf.data), "<i2", offset=edf.header_bytes).reshape(-1, sum(rates))
    keep = np.delete(np.arange(len(records)), slice(len(records) // 2, len(records) // 2 + GAP_S))
    stamps = [b"+%d\x14\x14\x00".ljust(2 * n_stamp + 4, b"\x00") % second for second in keep]
    tal = np.frombuffer(b"".join(stamp[: 2 * n_stamp] for stamp in stamps), "<i2").reshape(-1, n_stamp)
    for column, text in zip(
        columns, ("EDF Annotations", "", "", "-1", "1", "-32768", "32767", "", n_stamp, ""), strict=True
    ):
        column.append(str(text))
    edf.set("reserved", "EDF+D")
    edf.set("patient", "X X X X")
    edf.set("recording", "Startdate X X X X")
    edf.set("n_record", str(keep.size))
    edf.set("n_signal", str(len(rates) + 1))
    edf.set("header_bytes", str(256 * (len(rates) + 2)))
    head = bytes(edf.data[:256])
    edf.n_signal += 1
    edf.data = bytearray(head.ljust(edf.header_bytes))
    for field, column in zip(SIGNAL_FIELDS, columns, strict=True):
        for signal, text in enumerate(column):
            edf.set(field, text, signal)
    edf.data += np.hstack([records[keep], tal]).tobytes()
    edf.save()


def _set(files: NightFiles, field: str, text: str | bytes, signal: int | None = None) -> None:
    edf = EdfPatch(files.edf)
    edf.set(field, text, signal)
    edf.save()
