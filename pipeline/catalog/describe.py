"""Write what describes the catalog beside it: persons, terms, a page to share, and Croissant."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.catalog.bids import dataset_description, participants_json, participants_tsv
from pipeline.catalog.card import card_facts, card_text, terms_of
from pipeline.catalog.croissant import croissant
from pipeline.catalog.persons import persons
from pipeline.catalog.table import FILES, write_text
from pipeline.hashing import hash_file

__all__ = ["describe"]


def describe(out: Path, recordings: pl.DataFrame, channels: pl.DataFrame) -> list[str]:
    """Write the descriptions of a catalog that lies in ``out``; return the names of all its files.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    terms, own = terms_of(recordings), version("sleep2vec")
    cohorts = recordings["cohort"].unique().sort().to_list()
    digests = {table: hash_file(out / name, name).sha256 for table, name in FILES.items()}
    texts = {
        "participants.tsv": participants_tsv(persons(recordings.to_dicts())),
        "participants.json": _json(participants_json()),
        "dataset_description.json": _json(dataset_description(terms, cohorts, own)),
        "croissant.json": _json(croissant(terms, cohorts, digests, version=own)),
        "card.md": card_text(card_facts(recordings, channels)),
    }
    for name, text in texts.items():
        write_text(out / name, text)
    return [*FILES.values(), *texts]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
