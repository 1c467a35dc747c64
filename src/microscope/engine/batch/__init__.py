"""Many answers of one checkpoint at once: prepared, collated, each picture encoded once, held to the same text."""
