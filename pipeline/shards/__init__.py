"""Training shards: recordings of a split laid end to end; built from recording stores, verified, pulled, read."""
