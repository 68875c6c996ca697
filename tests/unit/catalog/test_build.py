"""The catalog is built from what changed, and from nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.catalog.build import build_catalog, collect, people
from pipeline.catalog.table import open_table
from pipeline.splits import make_splits, write_splits
from schemas.errors import SplitInvalid, StoreIncomplete
from tests.command_line import in_process


def _tables(out: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return open_table(out, "catalog"), open_table(out, "channels")


def _same(one: tuple[pl.DataFrame, pl.DataFrame], other: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    for left, right in zip(one, other, strict=True):
        assert_frame_equal(left, right)


def test_a_second_build_reads_nothing(out: Path) -> None:
    """Rows of unchanged stores are kept, and the tables are the same."""
    first = build_catalog(out)
    tables = _tables(out)
    second = build_catalog(out)
    assert (first.n_read, first.n_kept) == (4, 0)
    assert (second.n_read, second.n_kept) == (0, 4)
    _same(tables, _tables(out))
    _same(tables, (second.recordings, second.channels))


def test_only_a_changed_store_is_read(out: Path) -> None:
    """A row whose digest is not the ledger's is made anew, and both tables come out as if all were."""
    build_catalog(out)
    tables = _tables(out)
    old = open_table(out).with_columns(
        root_digest=pl.when(pl.int_range(pl.len()) == 1).then(pl.lit("old")).otherwise("root_digest"),
        n_beat=pl.lit(7, pl.Int64),
    )
    meta = pl.read_parquet_metadata(out / "catalog.parquet")
    old.write_parquet(out / "catalog.parquet", metadata={"sleep2vec.catalog": meta["sleep2vec.catalog"]})
    again = build_catalog(out)
    assert (again.n_read, again.n_kept) == (1, 3)
    assert open_table(out)["n_beat"].to_list() == [7, tables[0]["n_beat"][1], 7, 7]
    assert_frame_equal(open_table(out, "channels"), tables[1])


@pytest.mark.parametrize("lost", ["channels.parquet", "catalog.parquet"])
def test_a_lost_table_is_made_again(out: Path, lost: str) -> None:
    """Without one of the tables the other is not trusted."""
    build_catalog(out)
    tables = _tables(out)
    (out / lost).unlink()
    assert build_catalog(out).n_read == 4
    _same(tables, _tables(out))


def test_half_a_table_is_made_again(out: Path) -> None:
    """A recording whose channels are not all there is read again."""
    build_catalog(out)
    tables = _tables(out)
    meta = pl.read_parquet_metadata(out / "channels.parquet")["sleep2vec.catalog"]
    tables[1].tail(-1).write_parquet(out / "channels.parquet", metadata={"sleep2vec.catalog": meta})
    assert build_catalog(out).n_read == 1
    _same(tables, _tables(out))


def test_another_version_is_made_again(out: Path) -> None:
    """Rows of an older program are not mixed with today's, and opening them is an error."""
    build_catalog(out)
    open_table(out).write_parquet(out / "catalog.parquet", metadata={"sleep2vec.catalog": "0-old"})
    with pytest.raises(StoreIncomplete, match="the catalog is of another version"):
        open_table(out)
    assert build_catalog(out).n_read == 4


def test_a_lost_or_damaged_store_is_named_and_the_others_are_there(out: Path) -> None:
    """The command ends with the code of failed recordings and gives reasons."""
    lost, damaged = sorted(out.glob("*/*.zarr"))[:2]
    shutil.rmtree(lost)
    (damaged / "stage" / "c" / "0").write_bytes(b"nonsense")
    done = in_process("catalog", "build", out, "--json", cwd=out)
    said = json.loads(done.stdout)
    assert done.returncode == 3
    assert [(row["recording"], row["reason"]) for row in said["problems"]] == [
        (f"synthetic/{lost.stem}", "store_incomplete"),
        (f"synthetic/{damaged.stem}", "store_corrupt"),
    ]
    assert open_table(out)["recording"].to_list() == sorted(
        f"synthetic/{path.stem}" for path in out.glob("*/*.zarr") if path != damaged
    )


def test_a_row_goes_with_its_store(out: Path) -> None:
    """What a later run withdrew is in the catalog no more."""
    build_catalog(out)
    shutil.rmtree(out / ".ledger")
    shutil.rmtree(min(out.glob("*/*.zarr")))
    assert build_catalog(out).recordings.height == 3


def test_stores_without_a_ledger_have_a_catalog(out: Path) -> None:
    """Copies of stores are enough."""
    build_catalog(out)
    tables = _tables(out)
    shutil.rmtree(out / ".ledger")
    assert build_catalog(out).n_read == 4
    _same(tables, _tables(out))


def test_nothing_is_an_error(tmp_path: Path) -> None:
    """A folder without stores has no catalog."""
    with pytest.raises(StoreIncomplete, match="no recording stores here"):
        build_catalog(tmp_path)
    with pytest.raises(StoreIncomplete, match="catalog build"):
        open_table(tmp_path)


def test_collecting_writes_nothing(out: Path) -> None:
    """What splits are drawn from can be had of a folder that may only be read."""
    before = sorted(out.rglob("*"))
    assert collect(out).recordings.height == 4
    assert sorted(out.rglob("*")) == before


def test_splits_fill_their_column(out: Path, tmp_path: Path) -> None:
    """Every night has its person's split, in kept rows, too; without a file it is null."""
    splits = make_splits(people(build_catalog(out).recordings), seed=3, val=0.5, test=0)
    assert splits.counts == {"train": 1, "val": 1}
    table = build_catalog(out, splits=splits).recordings
    assert table["split"].to_list() == [splits.of[subject] for subject in table["subject"]]
    assert build_catalog(out).recordings["split"].null_count() == 4


def test_splits_that_leave_somebody_out_are_refused(out: Path, tmp_path: Path) -> None:
    """Nobody is without a split in a catalog that has splits."""
    write_splits(make_splits([]), tmp_path / "splits.tsv")
    done = in_process("catalog", "build", out, "--split-file", tmp_path / "splits.tsv", cwd=tmp_path)
    assert done.returncode == 2
    assert "2 persons are in no split" in done.stderr
    with pytest.raises(SplitInvalid):
        build_catalog(out, splits=make_splits([]))


def test_persons_keep_their_family(out: Path) -> None:
    """The rule of splits gets the family as the cohort names it."""
    table = collect(out).recordings.with_columns(family=pl.lit("synthetic/f/1"))
    assert {person.family for person in people(table)} == {"f/1"}
