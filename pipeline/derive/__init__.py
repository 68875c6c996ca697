"""Arithmetic on arrays: resampling, beats, breaths, indices; `pipeline.derived` knows channels and nights."""
