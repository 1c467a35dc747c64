"""Swaps checkpoints in the running app: finds what is newer, holds it against what answers now, decides, records."""
