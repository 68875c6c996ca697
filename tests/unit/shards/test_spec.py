"""The page that specifies training shards says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import xarray as xr

from flows.commands.shards import command
from schemas import shard
from schemas.indices import INDICES
from schemas.shard import (
    EPOCH_ARRAYS,
    INDEX_COLUMNS,
    MODALITY_COLUMNS,
    NIGHT_ARRAYS,
    TARGET_COLUMNS,
    array_specs,
    raster_arrays,
)
from schemas.views import VIEWS
from schemas.vocabulary import Modality

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "shard-spec.md").read_text("utf-8")


def test_every_name_is_on_the_page() -> None:
    """Arrays, columns, files, classes of events; indices are on a page of their own, conditions have one name."""
    rasters = {name for event_class in shard.RASTER_CLASSES for name in raster_arrays(event_class)}
    names = {*array_specs(tuple(Modality))} - rasters | {*INDEX_COLUMNS, *MODALITY_COLUMNS, *TARGET_COLUMNS} - {
        "channel"
    }
    names |= {str(event_class) for event_class in shard.RASTER_CLASSES}
    names |= {*VIEWS, "history_<condition>"}
    names -= {*INDICES} | {name for name in names if name.startswith("history_") and "<" not in name}
    names |= {shard.SET, shard.INDEX, shard.STATISTICS, shard.FILES, shard.CARD}
    assert sorted(name for name in names if f"`{name}`" not in PAGE and name not in PAGE.split("```")[1]) == []


def test_numbers_are_those_of_the_tables() -> None:
    """Version, chunk and file."""
    assert PAGE.startswith(f"# Training shards, version {shard.SPEC_VERSION}\n")
    assert f"inner chunks of {shard.CHUNK_EPOCH} epochs and files of at most {shard.SHARD_EPOCH:,} epochs" in PAGE
    assert f"{shard.SHARD_EPOCH // 120} hours" in PAGE
    assert "every eighth sample of 128 Hz" in PAGE
    assert dict(shard.THINNING) == {"fast_sample": 8, "slow_sample": 1}


def test_types_and_fills_are_those_of_the_tables() -> None:
    """Rows of the page's first table against the schema."""
    rows = re.findall(r"^\| (`.+?) \| (.+?) \| (\w+) \| (\S+) \|", PAGE, re.MULTILINE)
    specs = array_specs(tuple(Modality))
    told = {name: (kind, fill) for names, _, kind, fill in rows for name in re.findall(r"`(\w+)`", names)}
    for name in (*map(str, Modality), *EPOCH_ARRAYS):
        fill = {"-32768": "−32768", "-1": "−1", "nan": "NaN"}[str(specs[name].fill)]
        assert told[name] == (specs[name].data_type, fill)
    assert {specs[name].dims[0] for name in NIGHT_ARRAYS} == {"recording", "modality"}


def test_views_are_those_of_the_table() -> None:
    """Every row of the page's table of bands against the schema, and none is missing."""
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    told = [(view, kind, float(low_hz), float(high_hz)) for view, kind, low_hz, high_hz in rows]
    assert told == [(view.name, kind, *edges) for view in VIEWS.values() for kind, edges in view.bands.items()]


def test_the_examples_run(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page and the readers' guide show works as shown, and both ways give the same."""
    (tmp_path / "DIR").symlink_to(built)
    (tmp_path / "shards").symlink_to(built)
    monkeypatch.chdir(tmp_path)
    first, last = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    guide = (DOCS / "read-the-stores.md").read_text("utf-8")
    plain, direct = re.findall(r"```text\n((?:train = |from pipeline\.shards).*?)```", guide, re.DOTALL)
    seen: dict[str, Any] = {"xr": xr, "np": np}
    exec(compile(first, "first", "exec"), seen)
    exec(compile(plain, "plain", "exec"), seen)
    values = seen["train"].eeg.values[:120]
    exec(compile(direct, "direct", "exec"), seen)
    counts = np.where(seen["window"] == -32768, np.nan, seen["window"] * seen["shards"].scale_factor("eeg"))
    np.testing.assert_array_equal(counts, values)
    exec(compile(last, "last", "exec"), seen)
    assert len(list(tmp_path.glob("synthetic-night-*.npz"))) == len(seen["nights"].recording)


@pytest.mark.parametrize("name", ["build", "pull"])
def test_the_command_knows_the_words(name: str) -> None:
    """Modalities on the command line are the vocabulary's; it does not import that to say --help."""
    (option,) = [param for param in command.commands[name].params if param.name == "modalities"]
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == tuple(Modality)
