"""What people write in YAML for short, or without knowing what YAML makes of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Names", "meant"]

_WORDS = {True: "yes", False: "no"}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


# One text where several may stand.
Names = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]


def meant(value: object) -> object:
    """Return the word where YAML reads a bare ``yes`` or ``no`` as a boolean, anything else as it is."""
    return _WORDS[value] if isinstance(value, bool) else value
