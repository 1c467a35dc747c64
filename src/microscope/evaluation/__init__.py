"""Judging answers: sets of items, runs over them, scores, statistics that hold up, and reports."""
