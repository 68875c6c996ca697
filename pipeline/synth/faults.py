"""Broken files, each of a kind that real downloads have; a table says what a conversion should make of them.

Add a fault by a function that changes the files of one complete night, and a row of `FAULTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.synth import faults_edf as edf
from pipeline.synth import faults_xml as xml
from pipeline.synth.night_files import NightFiles
from schemas.findings import FINDINGS, Severity
from schemas.vocabulary import Outcome

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True)
class Fault:
    """One kind of damage and what a conversion should make of it.

    Parameters
    ----------
    apply : callable
        Breaks the files in place.
    reason : str or None
        For failures: the error's `schemas.errors.PsgError.reason`.
    finding : str or None
        For the others: a code of `schemas.findings.FINDINGS` that must appear; None where nothing is wrong.
    unlisted : bool
        Whether the person has no row in the subjects' tables.
    """

    apply: Callable[[NightFiles], None]
    reason: str | None = None
    finding: str | None = None
    unlisted: bool = False

    @property
    def outcome(self) -> Outcome:
        """How a conversion should end; other findings of the same night may add ``_with_findings``."""
        if self.reason:
            return Outcome.FAILED
        plain = self.finding is None or FINDINGS[self.finding].severity is Severity.INFO
        return Outcome.CONVERTED if plain else Outcome.CONVERTED_WITH_FINDINGS


def _whole(files: NightFiles) -> None:
    """Leave the files as they are."""


FAULTS: dict[str, Fault] = {
    # the file
    "truncated": Fault(edf.truncate, reason="edf_truncated"),
    "zero_bytes": Fault(edf.empty, reason="edf_corrupt"),
    "ends_in_header": Fault(edf.end_in_header, reason="edf_truncated"),
    "garbage_header": Fault(edf.garbage_header, reason="edf_corrupt"),
    "no_record": Fault(edf.no_record, reason="edf_truncated"),
    "trailing_bytes": Fault(edf.trailing_bytes, finding="PSG-H014"),
    # its header
    "record_count_unknown": Fault(edf.record_count_unknown, finding="PSG-H001"),
    "odd_date": Fault(edf.odd_date, finding="PSG-H004"),
    "odd_time": Fault(edf.odd_time, finding="PSG-H005"),
    "odd_number": Fault(edf.odd_number, finding="PSG-H006"),
    "decimal_comma": Fault(edf.decimal_comma, finding="PSG-H006"),
    "non_ascii_unit": Fault(edf.non_ascii_unit, finding="PSG-H007"),
    "non_ascii_label": Fault(edf.non_ascii_label, finding="PSG-H007"),
    "names_planted": Fault(edf.plant_names, finding="PSG-A004"),
    # its signals
    "negative_gain": Fault(edf.negative_gain, finding="PSG-H002"),
    "equal_ends": Fault(edf.equal_ends, finding="PSG-H003"),
    "constant_signal": Fault(edf.constant_signal, finding="PSG-S010"),
    "duplicate_labels": Fault(edf.duplicate_labels, reason="channel_ambiguous"),
    "unknown_labels": Fault(edf.unknown_labels, reason="no_usable_channel"),
    "blank_unit": Fault(edf.blank_unit, reason="unit_missing"),
    "unknown_unit": Fault(edf.unknown_unit, reason="unit_unexpected"),
    "gap": Fault(edf.gap, finding="PSG-H009"),
    # its annotations
    "missing_xml": Fault(xml.remove, finding="PSG-A001"),
    "malformed_xml": Fault(xml.cut, reason="annotation_corrupt"),
    "entity_xml": Fault(xml.declare_entities, reason="annotation_corrupt"),
    "other_xml_layout": Fault(xml.lay_out_differently),
    "stages_slightly_longer": Fault(xml.add_two_minutes, finding="PSG-A002"),
    "stages_much_longer": Fault(xml.add_an_hour, reason="hypnogram_mismatch"),
    "epochs_of_20_s": Fault(xml.epochs_of_20_s, reason="epoch_length_unexpected"),
    # its person
    "missing_subject_row": Fault(_whole, finding="PSG-M001", unlisted=True),
}
