"""A look before anything is converted: what headers hold, and what a manifest makes of them."""
