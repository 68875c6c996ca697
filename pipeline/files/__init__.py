"""Files: where they lie, on a disk or in an object store, and which of them are one night."""
