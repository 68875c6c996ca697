"""Experiments: arms that are trained, what they answer with any subset of modalities, and how they compare."""
