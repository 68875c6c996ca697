"""Who differs: numbers of every recording, and the sites, months and recordings that are unlike the others."""
