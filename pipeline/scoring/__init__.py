"""A scorer's stages and events, from any format, on 30-s epochs and in one vocabulary."""
