"""The benchmark of the loader compares what is equal."""

from __future__ import annotations

from pathlib import Path

from benchmarks.loader import by_size, compare, opening, write_many


def test_ways_come_to_the_same() -> None:
    """All ways end in the same samples (it asserts so), and each has a cost."""
    found = compare(n_night=1, rounds=1, n=8, n_worker=0, is_apart=False)
    assert set(found["peer_over_ours"]) == {"zarr_python", "npz", "hdf5", "memory_map"}
    assert all(spread["median"] > 0 for spread in found["cpu_ms"].values())


def test_sets_of_many_recordings_are_opened(tmp_path: Path) -> None:
    """Opening is measured in a process of its own, windows for every size."""
    for n in (1, 20):
        write_many(tmp_path / str(n), n)
    assert opening(str(tmp_path / "20"))["shards"]["peak_mb"] > 0
    assert set(by_size({n: str(tmp_path / str(n)) for n in (1, 20)}, 1, 2)["window_ms"]) == {"of_1", "of_20"}
