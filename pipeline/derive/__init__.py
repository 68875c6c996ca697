"""How native signals become channels on the common grids, and what is derived from them."""
