"""How recordings become stores: reading, deriving, writing and checking."""
