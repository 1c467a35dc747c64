"""Judging answers: scoring now, statistics and reports as they come."""
