"""Our shards against zarr-python, which knows nothing of how they were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from pipeline.write.shard import shard


@pytest.mark.parametrize("n_epoch", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("data_type", ["int16", "int8"])
def test_bytes_are_those_of_zarr_python(tmp_path: Path, n_epoch: int, data_type: str) -> None:
    """Any number of epochs gives the very file that zarr-python writes."""
    rng = np.random.default_rng(n_epoch)
    data = np.cumsum(rng.integers(-3, 4, (n_epoch, 200)), axis=1).astype(data_type)
    data[0] = -1  # a chunk of nothing but the fill value is written too
    chunk = min(3, n_epoch)
    array = zarr.create_array(
        str(tmp_path / "a"),
        shape=data.shape,
        dtype=data_type,
        chunks=(chunk, 200),
        shards=(-(-n_epoch // chunk) * chunk, 200),
        compressors=[
            BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=data.itemsize),
            Crc32cCodec(),
        ],
        fill_value=-1,
        config={"write_empty_chunks": True},
    )
    array[...] = data
    assert (tmp_path / "a" / "c" / "0" / "0").read_bytes() == shard(data, chunk, -1)
