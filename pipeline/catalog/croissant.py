"""The catalog in Croissant, the vocabulary by which search engines and loaders of data sets describe tables.

Source: MLCommons Croissant format specification 1.0, http://mlcommons.org/croissant/1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog.bids import licence
from pipeline.catalog.columns import TABLES, Column
from schemas.store import SPEC, SPEC_VERSION

__all__ = ["croissant"]

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"String": "sc:Text", "Boolean": "sc:Boolean", "Int64": "sc:Integer", "Float64": "sc:Float"}
_TEXTS = {"catalog": "A row a recording.", "channels": "A row a channel of a recording."}


def croissant(
    terms: Mapping[str, Any], cohorts: Sequence[str], digests: Mapping[str, str], *, version: str
) -> dict[str, Any]:
    """Return the description as JSON-LD.

    Parameters
    ----------
    terms : mapping
        From `pipeline.manifests.terms.strictest`.
    cohorts : sequence of str
        Those in the catalog.
    digests : mapping of str to str
        SHA-256 of the tables' files, by table.
    version : str
        Of this program.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "harmonised_sleep_recordings",
        "description": f"Catalog of harmonised overnight sleep recordings of {', '.join(cohorts)}. Each row's path "
        f"leads to a Zarr store: {SPEC}, version {SPEC_VERSION}.",
        "license": licence(terms),
        "citeAs": " ".join(terms["citations"]),
        "version": version,
        "rai:personalSensitiveInformation": ["age", "sex", "body mass index", "sleep and breathing of one night"],
        "distribution": [_file(table, digest) for table, digest in digests.items()],
        "recordSet": [_records(table) for table in digests],
    }


def _file(table: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{table}.parquet",
        "name": f"{table}.parquet",
        "description": _TEXTS[table],
        "contentUrl": f"{table}.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _records(table: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": _TEXTS[table],
        "field": [_field(table, name, column) for name, column in TABLES[table].items()],
    }


def _field(table: str, name: str, column: Column) -> dict[str, Any]:
    item = column.type.removeprefix("List(").removesuffix(")")
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table}/{name}",
        "name": name,
        "description": f"{column.text} [{column.unit}]" if column.unit else column.text,
        "dataType": _TYPES[item],
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": name}},
    }
    if item != column.type:
        field["repeated"] = True
    if table == "channels" and name == "recording":
        field["references"] = {"field": {"@id": "catalog/recording"}}
    return field
