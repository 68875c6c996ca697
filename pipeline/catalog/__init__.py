"""The catalog: what recordings there are, as two tables and their descriptions, made from the stores."""
