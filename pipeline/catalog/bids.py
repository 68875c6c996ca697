"""Persons as the Brain Imaging Data Structure lists them: a table, what its columns mean, and the data set.

Source: BIDS specification 1.10, "Modality agnostic files": participants.tsv, dataset_description.json.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.subjects import CONDITIONS

__all__ = ["dataset_description", "licence", "participants_json", "participants_tsv"]

BIDS_VERSION = "1.10.0"
_NA = "n/a"  # BIDS: what is not known

_ANSWERS = {"yes": "yes", "no": "no", "unknown": "asked, and not answered"}

# Column: (its description in BIDS' words, the catalog's column that it comes from).
_COLUMNS: Mapping[str, tuple[dict[str, Any], str]] = {
    "participant_id": ({"Description": "sub- and letters and digits of cohort and subject"}, "subject"),
    "age": ({"Description": "youngest age; 90 stands for every age above 89", "Units": "year"}, "age_years"),
    "sex": ({"Description": "sex", "Levels": {"F": "female", "M": "male", "O": "other or not known"}}, "sex"),
    "cohort": ({"Description": "cohort"}, "cohort"),
    "subject": ({"Description": "cohort/subject, as in catalog.parquet"}, "subject"),
    "site": ({"Description": "site"}, "site"),
    "family": ({"Description": "cohort/family"}, "family"),
    "race": ({"Description": "race as the study recorded it"}, "race"),
    "ethnicity": ({"Description": "ethnicity as the study recorded it"}, "ethnicity"),
    "bmi": ({"Description": "body mass index", "Units": "kg/m^2"}, "bmi"),
    **{
        f"history_{name}": ({"Description": text, "Levels": _ANSWERS}, f"history_{name}")
        for name, text in CONDITIONS.items()
    },
    "split": ({"Description": "train, val, test or external"}, "split"),
    "n_recordings": ({"Description": "recordings of the person"}, ""),
}
_SEX = {"male": "M", "female": "F", "unknown": _NA}


def participants_tsv(persons: Iterable[Mapping[str, Any]]) -> str:
    """Return the table: a row a person, sorted as given.

    Parameters
    ----------
    persons : iterable of mapping
        From `pipeline.catalog.persons.persons`.
    """
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(_COLUMNS)
    listed = list(persons)
    for person, label in zip(listed, _labels([person["subject"] for person in listed]), strict=True):
        table.writerow(_row(person, label))
    return text.getvalue()


def _labels(subjects: Sequence[str]) -> list[str]:
    """Return labels of letters and digits; where two would be the same, part of a hash tells them apart."""
    plain = [re.sub("[^A-Za-z0-9]", "", subject) for subject in subjects]
    seen = Counter(plain)
    return [
        label if seen[label] == 1 else label + hashlib.sha256(subject.encode()).hexdigest()[:8]
        for subject, label in zip(subjects, plain, strict=True)
    ]


def _row(person: Mapping[str, Any], label: str) -> list[str]:
    own = {name: person.get(source) for name, (_, source) in _COLUMNS.items()}
    own |= {
        "participant_id": f"sub-{label}",
        "sex": _SEX[person["sex"]],
        "n_recordings": person["n_recordings"],
    }
    return [_NA if value is None else str(value) for value in own.values()]


def participants_json() -> dict[str, Any]:
    """Return what the columns mean."""
    return {name: text for name, (text, _) in _COLUMNS.items()}


def dataset_description(terms: Mapping[str, Any], cohorts: Sequence[str], version: str) -> dict[str, Any]:
    """Return the data set's description.

    Parameters
    ----------
    terms : mapping
        From `pipeline.manifests.terms.strictest`.
    version : str
        Of this program.
    """
    return {
        "Name": f"Harmonised sleep recordings: {', '.join(cohorts)}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": licence(terms),
        "HowToAcknowledge": " ".join(f"Please cite: {citation}" for citation in terms["citations"]),
        "ReferencesAndLinks": list(terms["urls"]),
        "GeneratedBy": [{"Name": "sleep2vec", "Version": version}],
    }


def licence(terms: Mapping[str, Any]) -> str:
    """Return the terms as one sentence."""
    may = "may be passed on" if terms["redistribution"] else "must not be passed on"
    use = "commercial use is allowed" if terms["commercial"] else "no commercial use"
    return f"{'; '.join(terms['agreements'])}; {may}; {use}"
