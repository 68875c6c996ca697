"""Is a store what it says? By its specification alone, and against the files that it was made from."""
