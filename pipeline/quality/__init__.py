"""What is remarkable about a channel: small checks with stable codes."""
