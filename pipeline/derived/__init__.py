"""What is derived from a night's channels: `pipeline.derive` computes on arrays, this knows channels and epochs."""
