"""Many recordings: decide, convert in workers, publish, keep the books."""
