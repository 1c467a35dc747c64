"""The model cache: which models stay in memory, whose turn it is, and what becomes of those who wait."""
