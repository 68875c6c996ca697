"""Damage to a store: nobody reads a plausible number from it, verify names it, the next convert repairs it.

Each kind of damage is done to every array of a real store in turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.verify.store import verify_store
from schemas.store import ARRAYS
from tests.command_line import in_process

Damage = Callable[[Path, np.random.Generator], None]


def delete(file: Path, rng: np.random.Generator) -> None:
    file.unlink()


def flip(file: Path, rng: np.random.Generator) -> None:
    """Turn one bit."""
    content = bytearray(file.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)


def truncate(file: Path, rng: np.random.Generator) -> None:
    """Keep a part, one byte at least."""
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(1, len(content))])


def night(out: Path, number: int) -> Path:
    return sorted(out.glob("shhs/*.zarr"))[number]


def chunks(store: Path) -> dict[str, Path]:
    """Every array's chunk or shard."""
    return {file.relative_to(store).parts[0]: file for file in sorted(store.rglob("c/**/*")) if file.is_file()}


def reads_as(store: Path, arrays: Iterable[str]) -> dict[str, str]:
    """What plain xarray makes of some arrays of a store that is opened once."""
    try:
        ds = xr.open_zarr(store, chunks=None)
    except Exception:
        return dict.fromkeys(arrays, "raised")
    return {array: _reads_as(ds, array) for array in arrays}


def _reads_as(ds: xr.Dataset, array: str) -> str:
    try:
        values = ds[array].values
    except Exception:
        return "raised"
    if values.dtype.kind == "f":
        return "missing" if np.isnan(values).all() else "numbers"
    lost = {"i": -1, "u": 65535, "O": "", "T": "", "U": ""}[values.dtype.kind]
    return "missing" if (values == lost).all() else "numbers"


def groups(store: Path) -> list[set[str]]:
    """Every array once: those that are read on opening each alone, the others in two halves by turns."""
    first = {str(name) for name in xr.open_zarr(store, chunks=None).indexes}
    others = sorted(set(chunks(store)) - first)
    return [*({name} for name in sorted(first)), set(others[::2]), set(others[1::2])]


def test_a_sound_store_reads_as_numbers(converted: Path) -> None:
    """The judgement below can tell: what is not missing in a whole store reads as numbers."""
    store = night(converted, 0)
    seen = reads_as(store, chunks(store))
    assert set(ARRAYS) | {"eeg_c4_m1", "ecg", "thor", "spo2", "position"} <= set(seen)
    assert {array for array, what in seen.items() if what != "numbers"} == {"in_bed"}  # this cohort has no lights


@pytest.mark.parametrize(
    ("damage", "expected"),
    [(delete, "missing"), (flip, "raised"), (truncate, "raised")],
    ids=["delete", "flip", "truncate"],
)
def test_no_plausible_number_is_read_from_a_damaged_array(out: Path, damage: Damage, expected: str) -> None:
    """Plain xarray reads missing values or raises, and verify names each damaged file and array, and no other."""
    store, rng = night(out, 0), np.random.default_rng(11)
    files = chunks(store)
    for group in groups(store):
        whole = {array: files[array].read_bytes() for array in group}
        for array in sorted(group):
            damage(files[array], rng)
        assert reads_as(store, group) == dict.fromkeys(group, expected)
        assert {(p.array, p.file) for p in verify_store(store).problems} == {
            (array, files[array].relative_to(store).as_posix()) for array in group
        }
        for array, before in whole.items():
            files[array].write_bytes(before)
    assert verify_store(store).problems == ()


def traces(store: Path) -> dict[str, tuple[int, bytes]]:
    return {
        file.relative_to(store).as_posix(): (file.stat().st_mtime_ns, file.read_bytes())
        for file in store.rglob("*")
        if file.is_file()
    }


def content(files: dict[str, tuple[int, bytes]]) -> dict[str, bytes]:
    return {name: data for name, (_, data) in files.items()}


def test_damage_is_named_and_the_next_conversion_repairs_it_alone(download: Path, out: Path) -> None:
    """Three recordings are damaged: verify exits 5 and names each, convert rewrites these and no other."""
    harm = {0: (delete, "stage", "c/0"), 1: (flip, "ecg", "c/0/0"), 3: (truncate, "spo2", "c/0/0")}
    before = [traces(night(out, number)) for number in range(4)]
    for number, (damage, array, chunk) in harm.items():
        damage(night(out, number) / array / chunk, np.random.default_rng(number))
    told = in_process("verify", out, "--json", cwd=out.parent)
    named = [(p["recording"], p["array"], p["file"]) for p in json.loads(told.stdout)["problems"]]
    expected = [(f"shhs/{night(out, n).stem}", array, f"{array}/{chunk}") for n, (_, array, chunk) in harm.items()]
    assert (5, expected) == (told.returncode, named)

    again = in_process("convert", "shhs", "--root", download, "--out", out, "--json", cwd=out.parent)
    report = json.loads(again.stdout)
    assert (again.returncode, report["n_converted"], report["n_unchanged"]) == (0, 3, 1)
    after = [traces(night(out, number)) for number in range(4)]
    assert before[2] == after[2]
    for number in harm:
        assert content(before[number]) == content(after[number])
        assert {time_ns for time_ns, _ in before[number].values()}.isdisjoint(t for t, _ in after[number].values())
    verified = in_process("verify", out, cwd=out.parent)
    assert (verified.returncode, verified.stdout) == (0, "4 stores verified, 0 problems\n")
