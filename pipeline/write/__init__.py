"""What leaves memory: recording stores and the ledger."""
