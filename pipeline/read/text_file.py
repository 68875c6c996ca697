"""A scoring's text: bounded in size, decoded by its marks, by what the manifest says, or as UTF-8 else Latin-1."""

from __future__ import annotations

import codecs
from pathlib import Path

from pipeline.read.source_file import open_source
from schemas.errors import AnnotationCorrupt
from schemas.findings import Finding, finding

__all__ = ["MAX_BYTES", "decode_text", "read_bytes", "read_text"]

MAX_BYTES = 32 * 2**20  # a busy night has about 1 MB
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises
    ------
    SourceMissing, StorageError
        When it cannot be opened; when the disk fails.
    AnnotationCorrupt
        When it is larger than any scoring.
    """
    with open_source(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise AnnotationCorrupt("annotation file is too large", expected=f"at most {MAX_BYTES} bytes")
    return data


def decode_text(data: bytes, encoding: str | None = None) -> tuple[str, tuple[Finding, ...]]:
    """Return the text of a scoring.

    Parameters
    ----------
    encoding : str or None
        What the manifest says; without it UTF-16 by its mark, else UTF-8, else Latin-1 with a finding.

    Raises
    ------
    AnnotationCorrupt
        When the bytes are none of the encoding that the manifest or the mark says.
    """
    said = encoding or _WIDE.get(data[:2])
    try:
        return data.decode(said or "utf-8-sig"), ()
    except (UnicodeDecodeError, LookupError):
        if said is not None:
            raise AnnotationCorrupt(
                "annotation file cannot be decoded",
                expected=said,
                do="Set the encoding of the table in the manifest, or download the file again.",
            ) from None
    return data.decode("latin-1"), (finding("PSG-H011", "the annotation file is not UTF-8; read as Latin-1"),)


def read_text(path: Path, encoding: str | None = None) -> tuple[str, tuple[Finding, ...]]:
    """Read and decode a file; raises as `read_bytes` and `decode_text`."""
    return decode_text(read_bytes(path), encoding)
