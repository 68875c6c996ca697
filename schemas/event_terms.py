"""Scored events in one vocabulary: canonical types, and the source terms that mean them.

The vocabulary grows by rows. A source term is matched after white space and case are folded, in the three dialects
of NSRR concepts: ``generic|vendor``, the bare name of either side, and ontology names (``SDO:HypopneaFinding``).
The vendor's side is read first, because it is the finer one (``Arousal|Arousal (ARO Limb)`` is a limb arousal).

``Unsure|Unsure`` is no row: what it means differs between cohorts, so that only a manifest may map it.

Sources: NSRR annotation vocabularies (EDF Editor and Translator, Luna), EDF+ standard texts, AASM Manual v3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "APNEAS",
    "EVENT_TYPES",
    "HYPOPNEAS",
    "IGNORE",
    "IGNORED_TERMS",
    "SOURCE_TERMS",
    "EventClass",
    "EventType",
    "fold_term",
    "term_forms",
    "term_table",
]

IGNORE = "ignore"  # a manifest drops a term knowingly by mapping it to this


class EventClass(StrEnum):
    """What a scorer looks for in one go; whether it was scored is said for each class."""

    RESPIRATORY = "respiratory"
    AROUSAL = "arousal"
    DESATURATION = "desaturation"
    LIMB = "limb"
    CARDIAC = "cardiac"
    ARTIFACT = "artifact"
    LIGHTS = "lights"
    POSITION = "position"


@dataclass(frozen=True)
class EventType:
    """One canonical type; ``code`` is stable for ever."""

    code: int
    event_class: EventClass
    description: str


_R, _A, _L, _C, _X, _P = (
    EventClass.RESPIRATORY,
    EventClass.AROUSAL,
    EventClass.LIMB,
    EventClass.CARDIAC,
    EventClass.ARTIFACT,
    EventClass.POSITION,
)

EVENT_TYPES: dict[str, EventType] = {
    "apnea": EventType(1, _R, "apnea, type not given"),
    "obstructive_apnea": EventType(2, _R, "apnea with effort"),
    "central_apnea": EventType(3, _R, "apnea without effort"),
    "mixed_apnea": EventType(4, _R, "apnea, first without then with effort"),
    "hypopnea": EventType(5, _R, "hypopnea as the cohort defines it"),
    "obstructive_hypopnea": EventType(6, _R, "hypopnea with obstruction"),
    "central_hypopnea": EventType(7, _R, "hypopnea with reduced effort"),
    "mixed_hypopnea": EventType(8, _R, "hypopnea of both kinds"),
    "hypopnea_over_50": EventType(9, _R, "hypopnea, flow reduced by more than half"),
    "rera": EventType(10, _R, "respiratory effort related arousal"),
    "periodic_breathing": EventType(11, _R, "periodic or Cheyne-Stokes breathing"),
    "respiratory_paradox": EventType(12, _R, "chest and abdomen move against each other"),
    "hypoventilation": EventType(13, _R, "hypoventilation"),
    "snoring": EventType(14, _R, "snoring"),
    "partial_obstruction": EventType(15, _R, "partial obstruction of the airway, no hypopnea"),
    "desaturation": EventType(20, EventClass.DESATURATION, "fall of oxygen saturation"),
    "arousal": EventType(30, _A, "arousal, cause not given"),
    "arousal_spontaneous": EventType(31, _A, "arousal without a cause"),
    "arousal_respiratory": EventType(32, _A, "arousal from a respiratory event"),
    "arousal_plm": EventType(33, _A, "arousal from a limb movement"),
    "arousal_chin": EventType(34, _A, "arousal seen in the chin EMG"),
    "arousal_external": EventType(35, _A, "arousal from outside"),
    "arousal_snoring": EventType(36, _A, "arousal from snoring"),
    "arousal_bruxism": EventType(37, _A, "arousal from grinding of teeth"),
    "limb_movement": EventType(40, _L, "limb movement, side not given"),
    "limb_movement_l": EventType(41, _L, "limb movement, left"),
    "limb_movement_r": EventType(42, _L, "limb movement, right"),
    "plm": EventType(43, _L, "periodic limb movement, side not given"),
    "plm_l": EventType(44, _L, "periodic limb movement, left"),
    "plm_r": EventType(45, _L, "periodic limb movement, right"),
    "bradycardia": EventType(50, _C, "slow heart rate"),
    "tachycardia": EventType(51, _C, "fast heart rate"),
    "narrow_complex_tachycardia": EventType(52, _C, "fast heart rate from above the ventricles"),
    "wide_complex_tachycardia": EventType(53, _C, "fast heart rate from the ventricles"),
    "asystole": EventType(54, _C, "no beat"),
    "atrial_fibrillation": EventType(55, _C, "atrial fibrillation"),
    "artifact_spo2": EventType(60, _X, "oximeter artifact"),
    "artifact_respiratory": EventType(61, _X, "respiratory artifact"),
    "artifact_etco2": EventType(62, _X, "end-tidal CO2 artifact"),
    "artifact_tcco2": EventType(63, _X, "transcutaneous CO2 artifact"),
    "artifact_ph": EventType(64, _X, "oesophageal pH artifact"),
    "artifact_blood_pressure": EventType(65, _X, "blood pressure artifact"),
    "lights_off": EventType(70, EventClass.LIGHTS, "lights out: the person tries to sleep"),
    "lights_on": EventType(71, EventClass.LIGHTS, "lights on: the night is over"),
    "position_supine": EventType(80, _P, "turned to the back"),
    "position_left": EventType(81, _P, "turned to the left side"),
    "position_right": EventType(82, _P, "turned to the right side"),
    "position_prone": EventType(83, _P, "turned to the front"),
    "position_upright": EventType(84, _P, "sat up"),
}

APNEAS = ("apnea", "obstructive_apnea", "central_apnea", "mixed_apnea")
HYPOPNEAS = ("hypopnea", "obstructive_hypopnea", "central_hypopnea", "mixed_hypopnea", "hypopnea_over_50")

# type: terms. ``generic|vendor`` rows also give the bare names of both sides, the earlier row winning.
_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("obstructive_apnea", ("Obstructive apnea|Obstructive Apnea", "Apnea obstructive")),
    ("central_apnea", ("Central apnea|Central Apnea", "Apnea central")),
    ("mixed_apnea", ("Mixed apnea|Mixed Apnea", "Apnea mixed")),
    ("apnea", ("Apnea|APNEA",)),
    ("hypopnea", ("Hypopnea|Hypopnea",)),
    ("obstructive_hypopnea", ("Obstructive hypopnea|Obstructive Hypopnea", "Hypopnea obstructive")),
    ("central_hypopnea", ("Central hypopnea|Central Hypopnea", "Hypopnea central")),
    ("mixed_hypopnea", ("Mixed hypopnea|Mixed Hypopnea",)),
    ("rera", ("Respiratory effort related arousal|RERA",)),
    ("periodic_breathing", ("Periodic breathing|Periodic Breathing", "Cheyne Stokes breathing", "CSBreathing")),
    ("respiratory_paradox", ("Respiratory paradox|Respiratory Paradox",)),
    ("hypoventilation", ("Hypoventilation",)),
    ("snoring", ("Snoring",)),
    (
        "desaturation",
        (
            *("SpO2 desaturation|SpO2 desaturation", "Oxygen Desaturation", "Desaturation", "O2 desaturation"),
            *("Hemoglobin oxygen desaturation", "desat"),
        ),
    ),
    ("artifact_spo2", ("SpO2 artifact|SpO2 artifact",)),
    ("artifact_respiratory", ("Respiratory artifact|Respiratory artifact",)),
    ("artifact_etco2", ("EtCO2 artifact|EtCO2 artifact",)),
    ("artifact_tcco2", ("TcCO2 artifact|TcCO2 artifact",)),
    ("artifact_ph", ("Proximal pH artifact|Proximal pH artifact", "Distal pH artifact|Distal pH artifact")),
    ("artifact_blood_pressure", ("Blood pressure artifact|Blood pressure artifact",)),
    ("arousal", ("Arousal|Arousal ()", "Arousal|Arousal (Arousal)", "Arousal|Arousal (Standard)", "EEG arousal")),
    ("arousal", ("ASDA arousal|Arousal (ASDA)", "ASDA arousal|Arousal (ADSA)")),
    (
        "arousal_spontaneous",
        (
            "Spontaneous arousal|Arousal (ARO SPONT)",
            "Spontaneous arousal|Arousal (spon aro)",
            "Spontaneous arousal|Arousal (apon aro)",
        ),
    ),
    (
        "arousal_respiratory",
        (
            "Arousal resulting from respiratory effort|Arousal (ARO RES)",
            "Arousal resulting from respiratory effort|Arousal (RESP ARO)",
        ),
    ),
    (
        "arousal_plm",
        (
            "Arousal resulting from periodic leg movement|Arousal (PLM)",
            "Arousal resulting from periodic leg movement|Arousal (PLM ARO)",
            "Arousal|Arousal (ARO Limb)",
        ),
    ),
    ("arousal_chin", ("Arousal resulting from Chin EMG|Arousal (Cheshire)",)),
    ("arousal_external", ("External arousal|Arousal (External Arousal)",)),
    ("limb_movement", ("Limb movement", "Leg movement", "LM")),
    ("limb_movement_l", ("Limb movement - left|Limb Movement (Left)",)),
    ("limb_movement_r", ("Limb movement - right|Limb Movement (Right)",)),
    ("plm", ("Periodic leg movement", "Periodic limb movement", "PLM", "PLMS")),
    ("plm_l", ("Periodic leg movement - left|PLM (Left)",)),
    ("plm_r", ("Periodic leg movement - right|PLM (Right)",)),
    ("bradycardia", ("Bradycardia|Bradycardia", "Sinus bradycardia")),
    ("tachycardia", ("Tachycardia|Tachycardia", "Sinus tachycardia")),
    ("narrow_complex_tachycardia", ("Narrow complex tachycardia|Narrow Complex Tachycardia",)),
    ("wide_complex_tachycardia", ("Wide complex tachycardia|Wide Complex Tachycardia",)),
    ("asystole", ("Asystole|Asystole",)),
    ("atrial_fibrillation", ("Atrial fibrillation|Atrial Fibrillation",)),
    ("lights_off", ("Lights Off", "Lights Out")),
    ("lights_on", ("Lights On",)),
    ("position_supine", ("Body position: Supine", "Body position: Back")),
    ("position_left", ("Body position: Left",)),
    ("position_right", ("Body position: Right",)),
    ("position_prone", ("Body position: Prone", "Body position: Front")),
    ("position_upright", ("Body position: Upright", "Body position: Sitting")),
)

_BOOKKEEPING = (
    "Recording Start Time",
    "Beginning of analysis period",
    "End of analysis period",
    "Technician Notes|Technician Notes",
)


def fold_term(text: str) -> str:
    """Fold white space and case, the form in which terms are compared."""
    return " ".join(text.split()).casefold()


def _ontology(text: str) -> str:
    """Spell ``SDO:ObstructiveApneaFinding`` as words: ``obstructive apnea``."""
    name = text.partition(":")[2].strip().removesuffix("Finding")
    return fold_term(re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", " ", name))


def term_forms(text: str) -> tuple[str, ...]:
    """Return the folded forms of a source term, the most exact first: whole, vendor's side, generic side.

    Parameters
    ----------
    text : str
        A concept as the source writes it, in any of the three dialects.
    """
    whole = fold_term(text)
    if whole.startswith(("sdo:", "sro:")):
        return whole, _ontology(text)
    generic, bar, vendor = whole.partition("|")
    return (whole, vendor.strip(), generic.strip()) if bar else (whole,)


def term_table(rows: Iterable[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Build a look-up of folded forms from (term, meaning) rows; an earlier row keeps a form it has.

    Returns
    -------
    dict of str to (str, str)
        Folded form to (term as the row writes it, meaning).
    """
    listed = [(term, meaning) for term, meaning in rows]
    table = {fold_term(term): (term, meaning) for term, meaning in reversed(listed)}
    for term, meaning in listed:
        for form in term_forms(term)[1:]:
            table.setdefault(form, (term, meaning))
    return table


SOURCE_TERMS: Mapping[str, tuple[str, str]] = term_table((term, kind) for kind, terms in _ROWS for term in terms)
IGNORED_TERMS: frozenset[str] = frozenset(form for term in _BOOKKEEPING for form in term_forms(term))
