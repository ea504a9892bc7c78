"""Searches: proposals, ranking, importance."""
