"""The benchmark of shards measures what it says, on little."""

from __future__ import annotations

from pathlib import Path

from benchmarks import shards


def test_costs_are_measured(converted: Path, tmp_path: Path) -> None:
    """All figures are there and positive; a set of many recordings is that."""
    (tmp_path / "out").symlink_to(converted)
    built = shards.build(tmp_path, "2")
    assert built["build_ms"] > built["checksum_ms"] > 0
    window = shards.windows(tmp_path, "2")
    assert (
        set(window["ms"])
        == set(window["over_direct"])
        >= {"floor", "direct", "zarr_python", "zarrs", "npz_float32"}
    )
    shards.grow(tmp_path, "20")
    opened = shards.open_set(tmp_path, "20", "3")
    assert opened["n_recording"] == 20
    assert opened["window_ms"] > 0
