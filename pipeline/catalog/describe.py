"""What describes the catalog beside it: persons, terms, a page to share, and Croissant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import polars as pl

from pipeline.catalog.bids import dataset_description, participants_json, participants_tsv
from pipeline.catalog.card import card_facts, card_text, terms_of
from pipeline.catalog.croissant import croissant
from pipeline.catalog.persons import persons

__all__ = ["descriptions"]


def descriptions(recordings: pl.DataFrame, channels: pl.DataFrame, tables: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that lie beside the tables, by name.

    Parameters
    ----------
    recordings, channels : DataFrame
        The catalog's tables.
    tables : mapping of str to bytes
        Contents of their files, by table.
    """
    terms, own = terms_of(recordings), version("sleep2vec")
    cohorts = recordings["cohort"].unique().sort().to_list()
    digests = {table: hashlib.sha256(content).hexdigest() for table, content in tables.items()}
    return {
        "participants.tsv": participants_tsv(persons(recordings.to_dicts())).encode(),
        "participants.json": _json(participants_json()),
        "dataset_description.json": _json(dataset_description(terms, cohorts, own)),
        "croissant.json": _json(croissant(terms, cohorts, digests, version=own)),
        "card.md": card_text(card_facts(recordings, channels)).encode(),
    }


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
